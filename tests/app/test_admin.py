"""The admin socket: who reaches it."""

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from custody.app.admin import AdminServer
from custody.model.errors import CustodyError


async def nothing(call: str, arguments: Mapping[str, object]) -> object:
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
            server = AdminServer(run / "admin.sock", nothing)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(look())
                await server.start()
            assert masks == {0o022}
            assert stat.S_IMODE((run / "admin.sock").stat().st_mode) == 0o600
            assert stat.S_IMODE(run.stat().st_mode) == 0o700
            reader, writer = await asyncio.open_unix_connection(run / "admin.sock")
            writer.write(b'{"call": "hello"}\n')
            assert await reader.readline() == b'{"result":{"items":["hello",{}]}}\n'
            writer.close()
            await writer.wait_closed()
            server.close()
        finally:
            os.umask(before)

    asyncio.run(scenario())


def test_a_path_that_is_too_long_is_said_with_its_cure(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(CustodyError) as refused:
            await AdminServer(tmp_path / ("x" * 120) / "admin.sock", nothing).start()
        assert refused.value.code == "admin.socket"

    asyncio.run(scenario())
