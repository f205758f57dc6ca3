"""A gateway's data on disk, with a real evidence log and nobody serving it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.index.story import Story

from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.anchor import Anchor
from custody.evidence.keys.keyring import Keyring, create_keys, load_keyring
from custody.evidence.log.log import Log, LogOptions
from custody.evidence.log.reader import EvidenceReader
from custody.evidence.log.startup import open_log
from custody.model.errors import LogFailureError
from custody.model.record import Receipt, Record
from custody.model.words import Decision, Effect, Outcome

NAME = "gw1.example.com"
LOOP = "loop_" + "a" * 20
SESSION = "ses_" + "a" * 20
ESCAPE = "\x1b]0;owned\x07\u202e[bold red]"


class Scene:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        create_keys(DiskFiles(), root / "keys", NAME, 2026, os.urandom)

    def keys(self) -> Keyring:
        files = DiskFiles()
        anchor = Anchor(files, self.root / "anchor")
        return load_keyring(files, self.root / "keys", anchor, os.urandom)

    def reader(self) -> EvidenceReader:
        return EvidenceReader(DiskFiles(), self.data / "evidence", NAME, self.keys())

    @asynccontextmanager
    async def log(self) -> AsyncIterator[Log]:
        options = LogOptions(
            evidence=self.data / "evidence",
            anchor=self.root / "anchor",
            version="1",
            segment_bytes=1 << 20,
        )
        async with open_log(options, self.keys()) as log:
            yield log

    def tell(self, story: Story) -> None:
        """Write a whole story into the log, then close it."""

        async def telling() -> None:
            async with self.log() as log:
                await append(log, story)

        asyncio.run(telling())


async def append(log: Log, story: Story, start: int = 0) -> None:
    """Durable when this returns."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def durable(result: Receipt | LogFailureError) -> None:
        if isinstance(result, LogFailureError):
            done.set_exception(result)
        else:
            done.set_result(None)

    told = story.filed[start:]
    for filed in told:
        record = filed.record
        log.append(
            Record(record.time, record.body, record.loop, record.session),
            durable if filed is told[-1] else None,
        )
    await done


def usual() -> Story:
    """One session: a read, a refusal, an error, and text that means a terminal harm."""
    story = Story()
    story.loop(LOOP, purpose="mend the invoices")
    story.session(SESSION, LOOP)
    read = story.command("SELECT * FROM orders WHERE id = $1", "7", session=SESSION, loop=LOOP)
    story.response(read, ("7", "Ada Lovelace"), ("8", None), session=SESSION, loop=LOOP)
    refused = story.command(
        "DELETE FROM public.payments",
        decision=Decision.DENY,
        effects=frozenset({Effect.WRITE}),
        objects=("public.payments",),
        rule="unbounded-write",
        session=SESSION,
        loop=LOOP,
    )
    story.response(
        refused, outcome=Outcome.REFUSED, error="custody denied this", session=SESSION, loop=LOOP
    )
    hostile = story.command(f"SELECT '{ESCAPE}'", session=SESSION, loop=LOOP)
    story.response(hostile, (ESCAPE,), session=SESSION, loop=LOOP)
    return story
