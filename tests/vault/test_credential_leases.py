"""Leases: one for a loop and target, in the book before use, renewed, and taken back."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from custody.identity import local_identity
from custody.model.errors import CustodyError
from custody.model.identity import Credential, Loop
from custody.model.secret import Secret
from custody.model.words import LoopId, TargetName
from custody.vault.credential_leases import LeasingVault, ReturnedLease
from custody.vault.lease_book import LeaseBook

ORDERS, STOCK = TargetName("orders"), TargetName("stock")
WHO = local_identity("agent-7", ())
MINUTE = 60_000


def loop(name: str) -> Loop:
    return Loop(LoopId(f"loop_{name}"), WHO, 0, 10**12)


class Dynamic:
    """Makes a user for each lease; what it is told may fail is in ``down``."""

    def __init__(self) -> None:
        self.made = 0
        self.revoked: list[str] = []
        self.renewed = 0
        self.down = False
        self.now = 0

    async def read(self, place: str) -> Credential:
        await asyncio.sleep(0)
        self.made += 1
        return Credential(
            Secret("made"), f"v-{self.made}", f"vault:{place}", f"L{self.made}", self.now + MINUTE
        )

    async def renew(self, credential: Credential) -> Credential:
        if self.down:
            raise CustodyError("vault.unreachable", "down")
        self.renewed += 1
        return Credential(
            credential.secret, credential.user, credential.source, credential.lease,
            self.now + MINUTE,
        )  # fmt: skip

    async def revoke(self, lease: str) -> bool:
        if not self.down:
            self.revoked.append(lease)
        return not self.down

    async def check(self) -> str:
        return "reached"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.store = Dynamic()
        self.path = folder / "leases.json"
        self.vault = self.start()

    def start(self) -> LeasingVault:
        return LeasingVault(
            {ORDERS: "vault:creds/a", STOCK: "vault:creds/b", TargetName("gone"): "aws:x"},
            {"vault": self.store},
            LeaseBook(self.path),
            lambda: self.store.now,
        )


def play(folder: Path, act: Callable[[Scene], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(act(Scene(folder)))


def test_a_loop_has_one_lease_of_a_target_however_many_sessions(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        one = await asyncio.gather(*(scene.vault.lease(loop("a"), ORDERS) for _ in range(10)))
        assert {credential.user for credential in one} == {"v-1"}
        other = await scene.vault.lease(loop("b"), ORDERS)
        third = await scene.vault.lease(loop("a"), STOCK)
        assert (other.user, third.user) == ("v-2", "v-3")

    play(tmp_path, act)


def test_the_end_of_a_loop_takes_back_what_was_made_for_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.vault.lease(loop("a"), ORDERS)
        await scene.vault.lease(loop("b"), ORDERS)
        back = await scene.vault.release(LoopId("loop_a"))
        assert back == (ReturnedLease(LoopId("loop_a"), ORDERS, "L1", revoked=True),)
        assert [out.lease for out in LeaseBook(scene.path).open_leases] == ["L2"]

    play(tmp_path, act)


def test_a_lease_that_comes_when_its_loop_has_ended_is_taken_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async with asyncio.TaskGroup() as tasks:
            late = tasks.create_task(_refused(scene.vault.lease(loop("a"), ORDERS)))
            await scene.vault.release(LoopId("loop_a"))
        assert late.result() == "vault.loop-ended"
        assert scene.store.revoked == ["L1"]

    play(tmp_path, act)


async def _refused(lease: Awaitable[Credential]) -> str:
    with pytest.raises(CustodyError) as caught:
        await lease
    return caught.value.code


def test_a_crash_leaves_leases_in_the_book_and_the_next_start_takes_them_back(
    tmp_path: Path,
) -> None:
    async def act(scene: Scene) -> None:
        await scene.vault.lease(loop("a"), ORDERS)
        after = scene.start()
        (back,) = await after.release_stale()
        assert (back.lease, back.revoked) == ("L1", True)
        assert LeaseBook(scene.path).open_leases == ()

    play(tmp_path, act)


def test_what_the_store_did_not_confirm_stays_in_the_book(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.vault.lease(loop("a"), ORDERS)
        scene.store.down = True
        (back,) = await scene.vault.release(LoopId("loop_a"))
        assert not back.revoked
        scene.store.down = False
        (again,) = await scene.vault.release_stale()
        assert again.revoked

    play(tmp_path, act)


def test_leases_are_renewed_at_half_their_life(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.vault.lease(loop("a"), ORDERS)
        for now, renewed in ((29_999, 0), (30_000, 1), (31_000, 1), (60_000, 2)):
            scene.store.now = now
            await scene.vault.renew_due()
            assert scene.store.renewed == renewed

    play(tmp_path, act)


def test_a_lease_is_used_while_its_store_is_away_and_no_longer(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.vault.lease(loop("a"), ORDERS)
        scene.store.down = True
        scene.store.now = 45_000
        await scene.vault.renew_due()
        assert (await scene.vault.lease(loop("a"), ORDERS)).user == "v-1"
        scene.store.now = MINUTE
        await scene.vault.renew_due()
        assert (await scene.vault.lease(loop("a"), ORDERS)).user == "v-2"

    play(tmp_path, act)


def test_a_lease_that_cannot_be_entered_is_not_used(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.path.mkdir()  # the book cannot replace a folder
        with pytest.raises(CustodyError) as caught:
            await scene.vault.lease(loop("a"), ORDERS)
        assert caught.value.code == "vault.unwritable"
        assert scene.store.revoked == ["L1"]

    play(tmp_path, act)


def test_a_reference_without_its_store_is_named(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        assert await _refused(scene.vault.lease(loop("a"), TargetName("gone"))) == "vault.no-store"
        assert await _refused(scene.vault.lease(loop("a"), TargetName("none"))) == (
            "vault.no-credential"
        )
        assert dict(await scene.vault.check())[ORDERS] == "vault:creds/a: reached"

    play(tmp_path, act)


def test_a_damaged_book_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "leases.json").write_text("{")
    with pytest.raises(CustodyError, match="leases of an earlier run may be out"):
        LeaseBook(tmp_path / "leases.json")
