"""What the operator does to logins over the admin socket is recorded where it did something."""

import asyncio
from pathlib import Path

from tests.access.scene import HOUR
from tests.config.test_load import MINIMAL, read

from custody.app.admin.access_calls import AccessCalls
from custody.app.gateway import clock, make_gateway
from custody.model.gateway_records import AdminAct
from custody.model.identity import Identity, Proof
from custody.model.record import Receipt, Record
from custody.model.words import Method
from custody.state import State, StateThread


class KeptRecords:
    def __init__(self) -> None:
        self.records: list[Record] = []

    async def write(self, record: Record) -> Receipt:
        return self.queue(record)

    def queue(self, record: Record) -> Receipt:
        self.records.append(record)
        return Receipt(len(self.records), -1)


def test_a_login_is_ended_once_and_no_record_tells_of_what_was_not_there(tmp_path: Path) -> None:
    kept = KeptRecords()

    async def scenario() -> list[bool]:
        async with StateThread() as thread:
            with State.open(tmp_path / "state.db") as state:
                gateway = make_gateway(
                    read(MINIMAL.decode()),
                    recorder=kept,
                    state=state,
                    thread=thread,
                    sealer=None,
                    refreshers={},
                )
                ada = Identity("ada", "https://id.example.com", ("agents",))
                who = Proof(ada, Method.OIDC_CODE, "corp", clock(), clock() + HOUR)
                _, login = await gateway.access.logins.accept(who, client="127.0.0.1:9")
                calls = AccessCalls(gateway)
                answers = [
                    await calls.dispatch("login.end", {"id": each, "actor": "root"})
                    for each in (login.id, login.id, "login_nobody")
                ]
                acts = [each.body for each in kept.records if isinstance(each.body, AdminAct)]
                assert [act.subject for act in acts] == [login.id]
                return [answer["items"][0]["ended"] for answer in answers]

    assert asyncio.run(scenario()) == [True, False, False]
