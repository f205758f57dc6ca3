"""A writer that is there to be killed: ``killed_writer.py DIRECTORY LOOP``.

It prints the index of each record once that is durable, and goes on until it is killed. Its last
checkpoints come from a real key-holder, its bytes go to a real disk.
"""

import asyncio
import os
import sys
from pathlib import Path

import uvloop

from custody.evidence.keys.keyclient import KeyholderProcess
from custody.evidence.log.log import LogOptions
from custody.evidence.log.startup import open_log
from custody.model.command import Command
from custody.model.errors import LogFailureError
from custody.model.record import (
    CommandSeen,
    Milliseconds,
    Receipt,
    Record,
    Response,
    SessionStart,
)
from custody.model.words import Decision, Effect, LoopId, Outcome, SessionId


def tell(outcome: Receipt | LogFailureError) -> None:
    if isinstance(outcome, Receipt):
        os.write(1, b"%d\n" % outcome.index)


async def write(directory: Path, run: str) -> None:
    loop = LoopId("loop_" + "a" * 20)
    session = SessionId("ses_" + run)
    start = SessionStart("t", "postgres", "s", "local", (), "c", "u", "d", "a", "")
    with KeyholderProcess(directory / "keys", directory / "anchor") as keys:
        options = LogOptions(
            directory / "data/evidence",
            directory / "anchor",
            "test",
            segment_bytes=65536,
            publish_every=0.02,
            heartbeat_every=0.05,
        )
        async with open_log(options, keys) as log, asyncio.TaskGroup() as group:
            group.create_task(log.run())
            log.append(Record(Milliseconds(1), start, loop, session), tell)
            while True:
                for number in range(3):
                    text = f"SELECT {number}, '{'x' * 100 * number}'"
                    seen = Command("SELECT", frozenset({Effect.READ}), (), True, text)
                    body = CommandSeen(seen, Decision.ALLOW, "grant", "", "ab" * 32, "t")
                    receipt = log.append(Record(Milliseconds(1), body, loop, session), tell)
                await asyncio.sleep(0)
                answer = Response(receipt.n, Outcome.OK, "SELECT 1", 1, 1, 1)
                log.append(Record(Milliseconds(1), answer, loop, session), tell)
                await asyncio.sleep(0.0005)


if __name__ == "__main__":
    uvloop.run(write(Path(sys.argv[1]), sys.argv[2]))
