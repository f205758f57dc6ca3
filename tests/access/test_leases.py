"""Leases on the record: whoever waits for one may go away, and a bad disk may come in between."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from custody.access.leases import LeaseService
from custody.identity import local_identity
from custody.model.errors import CustodyError
from custody.model.identity import Credential, Loop
from custody.model.record import CredentialLeased, CredentialReturned, Receipt, Record
from custody.model.secret import Secret
from custody.model.words import LoopId, TargetName
from custody.vault.credential_leases import LeasingVault
from custody.vault.lease_book import LeaseBook

ORDERS = TargetName("orders")
LOOP = Loop(LoopId("loop_a"), local_identity("agent-7", ()), 0, 10**12)


class Slow:
    """A store that makes a user for each lease once it is let, or says why not."""

    def __init__(self, mark: str = "L") -> None:
        self.mark = mark
        self.let = asyncio.Event()
        self.fails = False
        self.made = 0
        self.revoked: list[str] = []

    async def read(self, place: str) -> Credential:
        self.made += 1
        name = f"{self.mark}{self.made}"
        await self.let.wait()
        if self.fails:
            raise CustodyError("vault.unreachable", "It does not answer.")
        return Credential(Secret("made"), f"v-{name}", f"vault:{place}", name, 10**9)

    async def renew(self, credential: Credential) -> Credential:
        return credential

    async def revoke(self, lease: str) -> bool:
        self.revoked.append(lease)
        return True

    async def check(self) -> str:
        return "reached"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.store = Slow()
        self.folder = folder
        self.records: list[Record] = []
        self.let = asyncio.Event()
        self.let.set()
        vault = LeasingVault(
            {ORDERS: "vault:creds/a"}, {"vault": self.store}, LeaseBook(folder / "leases.json"),
            lambda: 0,
        )  # fmt: skip
        self.desk = LeaseService(vault, self, lambda: 0)

    async def write(self, record: Record) -> Receipt:
        await self.let.wait()
        self.records.append(record)
        return Receipt(0, 0)

    def said(self, kind: type[CredentialLeased] | type[CredentialReturned]) -> list[str]:
        return [each.body.lease for each in self.records if isinstance(each.body, kind)]

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0)


def play(folder: Path, act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def running() -> None:
        scene = Scene(folder)
        async with asyncio.TaskGroup() as tasks:
            desk = tasks.create_task(scene.desk.run())
            await asyncio.sleep(0)
            await act(scene)
            assert not desk.done()
            desk.cancel()

    asyncio.run(running())


def test_a_lease_outlives_the_client_that_asked_for_it(tmp_path: Path) -> None:
    """Else clients that come and go would leave users behind that nobody takes back."""

    async def act(scene: Scene) -> None:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await scene.desk.lease(LOOP, ORDERS)
        scene.store.let.set()
        await scene.until(lambda: scene.said(CredentialLeased))
        assert (await scene.desk.lease(LOOP, ORDERS)).lease == "L1"
        scene.desk.release_for(LOOP.id, "ended")
        await scene.until(lambda: scene.said(CredentialReturned))
        assert (scene.store.made, scene.store.revoked) == (1, ["L1"])

    play(tmp_path, act)


def test_a_second_session_waits_for_the_record_of_the_first(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.store.let.set()
        scene.let.clear()
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(scene.desk.lease(LOOP, ORDERS)) for _ in range(2)]
            for _ in range(20):
                await asyncio.sleep(0)
            assert not any(each.done() for each in both)
            scene.let.set()
        assert scene.said(CredentialLeased) == ["L1"]

    play(tmp_path, act)


def test_a_store_that_fails_is_told_to_everybody_and_is_asked_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.store.let.set()
        scene.store.fails = True
        for _ in range(2):
            with pytest.raises(CustodyError, match="cannot be had"):
                await scene.desk.lease(LOOP, ORDERS)
        scene.store.fails = False
        assert (await scene.desk.lease(LOOP, ORDERS)).lease == "L3"

    play(tmp_path, act)


def test_a_disk_without_room_does_not_end_the_desk(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.store.let.set()
        await scene.desk.lease(LOOP, ORDERS)
        (tmp_path / ".leases.json.new").mkdir()  # nothing can be written there
        scene.desk.release_for(LOOP.id, "ended")
        await scene.until(lambda: scene.said(CredentialReturned))
        (tmp_path / ".leases.json.new").rmdir()
        assert LeaseBook(tmp_path / "leases.json").open_leases, (
            "the next start takes it back once more"
        )

    play(tmp_path, act)


def test_whoever_comes_behind_a_reload_waits_for_no_lease_of_before(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async with asyncio.TaskGroup() as tasks:
            before = tasks.create_task(failure_of(scene.desk.lease(LOOP, ORDERS)))
            await scene.until(lambda: scene.store.made == 1)
            other = Slow("other-")
            scene.desk.replace_credentials({ORDERS: "vault:creds/b"}, {"vault": other})
            behind = tasks.create_task(scene.desk.lease(LOOP, ORDERS))
            other.let.set()
            assert (await behind).source == "vault:creds/b"
            scene.store.let.set()
        assert before.result() == "vault.changed"
        assert (scene.store.made, other.made) == (1, 1)
        scene.desk.release_for(LOOP.id, "ended")
        await scene.until(lambda: scene.store.revoked and other.revoked)

    play(tmp_path, act)


async def failure_of(lease: Coroutine[Any, Any, object]) -> str:
    with pytest.raises(CustodyError) as refused:
        await lease
    return refused.value.code
