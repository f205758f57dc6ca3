"""What a session holds in memory is bounded, whatever it waits for."""

import asyncio

from tests.gateway.stage import bench, kinds, line, run, until

FLOOD = b"x" * 1023 + b"\n"
LINES = 24 * 1024
"""More than the sockets of both sides hold, and several times what a session may."""


def test_answers_that_wait_for_the_disk_stop_the_reading_of_the_target() -> None:
    async def scenario() -> None:
        async with bench(strict=True) as b:
            reader, writer = await b.login()
            b.log.by_hand = True
            writer.write(b"SELECT 1\n")
            await until(lambda: "CommandSeen" in kinds(b.log))
            b.log.sync()
            await until(lambda: "Response" in kinds(b.log))
            target = b.server.writers[0]
            target.write(FLOOD * LINES)
            await asyncio.sleep(0.5)
            left = target.transport.get_write_buffer_size()
            assert left > len(FLOOD) * LINES // 4
            await asyncio.sleep(0.2)
            assert target.transport.get_write_buffer_size() == left
            b.log.sync()
            assert await line(reader) == "ok SELECT 1"
            async with asyncio.timeout(10):
                assert await reader.readexactly(len(FLOOD) * LINES) == FLOOD * LINES

    run(scenario)
