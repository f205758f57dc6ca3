"""The admin socket: who reaches it."""

import asyncio
import json
import os
import pwd
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from custody.app.admin.admin_caller import UNKNOWN, AdminCaller, actor_of
from custody.app.admin.socket import CONNECTIONS_AT_MOST, REQUESTS_AT_ONCE, AdminServer, Dispatch
from custody.model.errors import CustodyError


async def nothing(call: str, arguments: Mapping[str, object], caller: AdminCaller) -> object:
    return {"items": [call, dict(arguments)]}


def test_only_its_own_account_reaches_it_and_the_mask_is_as_before(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir(mode=0o755)

    async def scenario() -> None:
        before = os.umask(0o022)
        masks: set[int] = set()

        async def look() -> None:
            for _ in range(10):
                seen = os.umask(0o022)
                masks.add(seen)
                await asyncio.sleep(0)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(look())
                server = AdminServer(run / "admin.sock", nothing, tasks)
                await server.start()
            assert masks == {0o022}
            assert stat.S_IMODE((run / "admin.sock").stat().st_mode) == 0o600
            assert stat.S_IMODE(run.stat().st_mode) == 0o700
            await server.stop()
        finally:
            os.umask(before)

    asyncio.run(scenario())


def test_a_path_that_is_too_long_is_said_with_its_cure(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(ExceptionGroup) as group:
            async with asyncio.TaskGroup() as tasks:
                await AdminServer(tmp_path / ("x" * 120) / "admin.sock", nothing, tasks).start()
        (refused,) = group.value.exceptions
        assert isinstance(refused, CustodyError)
        assert refused.code == "admin.socket"

    asyncio.run(scenario())


class Visitor(NamedTuple):
    """A client of the socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def ask(self, call: str, **arguments: str) -> None:
        self.writer.write(json.dumps({"call": call, "arguments": arguments}).encode() + b"\n")

    async def hears(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readline()


@asynccontextmanager
async def office(
    folder: Path, dispatch: Dispatch = nothing, *, answer_s: float = 5.0
) -> AsyncIterator[Callable[[], Awaitable[Visitor]]]:
    """A running server, and a way in."""
    path = folder / "run" / "admin.sock"
    visitors: list[Visitor] = []

    async def enter() -> Visitor:
        visitors.append(Visitor(*await asyncio.open_unix_connection(path)))
        return visitors[-1]

    async with asyncio.TaskGroup() as tasks:
        server = AdminServer(path, dispatch, tasks, answer_s=answer_s)
        await server.start()
        try:
            yield enter
        finally:
            await server.stop()
            for visitor in visitors:
                visitor.writer.close()
                with suppress(OSError):
                    await visitor.writer.wait_closed()


def test_a_request_is_answered_on_its_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as enter:
            visitor = await enter()
            for call in ("hello", "again"):
                visitor.ask(call)
                said = b'{"result":{"items":["' + call.encode() + b'",{}]}}\n'
                assert await visitor.hears() == said

    asyncio.run(scenario())


def test_whoever_acts_goes_by_the_kernels_word_and_not_by_its_own(tmp_path: Path) -> None:
    account = pwd.getpwuid(os.getuid()).pw_name

    async def scenario() -> None:
        async with office(tmp_path) as enter:
            visitor = await enter()
            visitor.ask("kill", actor="mallory")
            said = json.loads(await visitor.hears())["result"]["items"][1]["actor"]
            assert said.endswith(" (as mallory)")
            visitor.ask("kill", actor=said.partition(" (")[0])
            assert json.loads(await visitor.hears())["result"]["items"][1]["actor"] in said

    asyncio.run(scenario())
    assert actor_of("mallory", AdminCaller(account, os.getuid(), "")) == f"{account} (as mallory)"
    assert actor_of("alice", AdminCaller("root", 0, "alice")) == "alice"
    assert actor_of("root", AdminCaller("root", 0, "alice")) == "alice (as root)"
    assert actor_of("bob", UNKNOWN) == "bob"


def test_only_some_requests_run_at_once_and_the_rest_take_their_turn(tmp_path: Path) -> None:
    running: list[int] = [0]
    most: list[int] = [0]

    async def slow(call: str, arguments: Mapping[str, object], caller: AdminCaller) -> object:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.02)
        running[0] -= 1
        return await nothing(call, arguments, caller)

    async def scenario() -> None:
        async with office(tmp_path, slow) as enter:
            visitors = [await enter() for _ in range(3 * REQUESTS_AT_ONCE)]
            for visitor in visitors:
                visitor.ask("hello")
            for visitor in visitors:
                assert b"result" in await visitor.hears()

    asyncio.run(scenario())
    assert most[0] == REQUESTS_AT_ONCE


def test_a_request_that_takes_too_long_is_ended_and_the_connection_goes_on(tmp_path: Path) -> None:
    async def stuck(call: str, arguments: Mapping[str, object], caller: AdminCaller) -> object:
        if call == "stuck":
            await asyncio.sleep(60)
        return await nothing(call, arguments, caller)

    async def scenario() -> None:
        async with office(tmp_path, stuck, answer_s=0.05) as enter:
            visitor = await enter()
            visitor.ask("stuck")
            assert b"admin.timeout" in await visitor.hears()
            visitor.ask("hello")
            assert b"result" in await visitor.hears()

    asyncio.run(scenario())


def test_one_connection_too_many_is_closed_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as enter:
            visitors = [await enter() for _ in range(CONNECTIONS_AT_MOST)]
            for visitor in visitors:
                visitor.ask("hello")
                assert b"result" in await visitor.hears()
            assert await (await enter()).hears() == b""

    asyncio.run(scenario())


def test_the_end_of_the_gateway_ends_every_connection(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def stuck(call: str, arguments: Mapping[str, object], caller: AdminCaller) -> object:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return await nothing(call, arguments, caller)

    class OverError(Exception):
        """What ends the gateway's tasks."""

    async def scenario() -> None:
        async with office(tmp_path, stuck) as enter:
            visitor = await enter()
            visitor.ask("stuck")
            await asyncio.sleep(0.05)
            raise OverError

    with pytest.raises(ExceptionGroup) as group:
        asyncio.run(scenario())
    assert group.group_contains(OverError)
    assert ended.is_set()
