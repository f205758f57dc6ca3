"""Kills: what the kernel still held is on disk before anything vouches for it."""

import asyncio
import contextlib
import itertools

from tests.evidence.log.test_recovery import check, checkpoints
from tests.evidence.scenes import OTHER, SESSION, Scene, command, session_start

from custody.evidence.log.log import Log
from custody.model.errors import LogFailureError


def test_what_a_killed_process_had_not_synced_survives_the_next_power_failure() -> None:
    for operation, fate in itertools.product(range(10), range(4)):
        scene = Scene(segment_bytes=8192)

        async def one_batch_over_several_segments(
            log: Log, scene: Scene = scene, operation: int = operation
        ) -> None:
            scene.configure(log)
            scene.append(log, session_start(), SESSION)
            await asyncio.sleep(0)
            scene.append(log, session_start(), OTHER)
            for number in range(8):
                scene.append(log, command(f"SELECT {number}, '{'x' * 700}'"), SESSION)
            scene.die_from(scene.disk.operations + operation)
            await asyncio.sleep(0)

        async def signs_then_loses_power(log: Log, scene: Scene = scene) -> None:
            scene.append(log, session_start(), OTHER)
            await asyncio.sleep(0)
            log.publish()
            scene.die_from(0)

        with contextlib.suppress(LogFailureError, OSError):
            scene.play(one_batch_over_several_segments)
        scene.disk.fails = lambda _number, _what, _path: None
        with contextlib.suppress(LogFailureError, OSError):
            scene.play(signs_then_loses_power)
        signed = checkpoints(scene)
        scene.disk.crash(fate)
        check(scene, signed)
