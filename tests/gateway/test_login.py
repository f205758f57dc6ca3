"""What a login does while it is being checked, and what is left of it when its client goes."""

import asyncio

import msgspec
import pytest
from tests.gateway.stage import bench, kinds, line, run, until

from custody.model.identity import Credential, Loop
from custody.model.record import SessionEnd
from custody.model.secret import Secret
from custody.model.words import TargetName


class SlowVault:
    """Gives its secret when it is told to, and knows who waits for it."""

    def __init__(self) -> None:
        self.asked = 0
        self.abandoned = 0
        self.open = asyncio.Event()

    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        self.asked += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        return Credential(Secret("real-password"))


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_client_that_leaves_while_it_is_checked_is_noticed_at_once(how: str) -> None:
    async def scenario() -> None:
        vault = SlowVault()
        async with bench(vault=vault) as b:
            _, writer = await b.connect()
            writer.write(b"LOGIN orders ct_good\n")
            await until(lambda: vault.asked == 1)
            if how == "closes":
                writer.close()
            else:
                writer.transport.abort()
            await until(lambda: vault.abandoned == 1)
            await until(lambda: kinds(b.log) == ["SessionStart", "SessionEnd"])
            end = b.log.bodies()[-1]
            assert isinstance(end, SessionEnd)
            assert end.reason in {"client.closed", "client.lost"}
            assert b.server.seen == []
            assert len(b.registry) == 0

    run(scenario)


def test_a_client_that_leaves_before_its_start_is_durable_reaches_no_target() -> None:
    async def scenario() -> None:
        vault = SlowVault()
        async with bench(by_hand=True, vault=vault) as b:
            _, writer = await b.connect()
            writer.write(b"LOGIN orders ct_good\n")
            await until(lambda: kinds(b.log) == ["SessionStart"])
            writer.close()
            await until(lambda: kinds(b.log) == ["SessionStart", "SessionEnd"])
            b.log.sync()
            await asyncio.sleep(0.02)
            assert vault.asked == 0

    run(scenario)


def test_what_a_client_sends_before_it_is_let_in_waits_for_the_session() -> None:
    async def scenario() -> None:
        vault = SlowVault()
        async with bench(vault=vault) as b:
            reader, writer = await b.connect()
            writer.write(b"LOGIN orders ct_good\n")
            await until(lambda: vault.asked == 1)
            writer.write(b"SELECT 1\n")
            await asyncio.sleep(0.02)
            assert b.server.seen == []
            vault.open.set()
            assert await line(reader) == "welcome"
            assert await line(reader) == "ok SELECT 1"

    run(scenario)


def test_the_credential_of_a_target_that_moved_is_not_shown_at_its_old_place() -> None:
    async def scenario() -> None:
        vault = SlowVault()
        async with bench(vault=vault) as b:
            reader, writer = await b.connect()
            writer.write(b"LOGIN orders ct_good\n")
            await until(lambda: vault.asked == 1)
            orders = TargetName("orders")
            moved = msgspec.structs.replace(b.services.targets[orders], host="203.0.113.7")
            b.services.targets = {orders: moved}
            vault.open.set()
            assert (
                await line(reader)
                == "!target custody: The configuration has another orders by now."
            )
            assert b.server.seen == []
            end = b.log.bodies()[-1]
            assert isinstance(end, SessionEnd)
            assert end.reason == "target.moved"

    run(scenario)
