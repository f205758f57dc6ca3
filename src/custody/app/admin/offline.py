"""Reading and writing evidence where no gateway runs.

Law: readers change nothing, so that they may read what is not theirs; writers take the log's lock
first, so that a gateway cannot run beside them. Neither leaves anything running, nor opens what it
does not need.
"""

import asyncio
import shutil
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from custody.app.admin.backup_calls import BACKUP, BackupCalls
from custody.app.admin.dispatch import CallDispatcher, CallHandler
from custody.app.admin.documents import Document
from custody.app.admin.recorded_reads import ABOUT
from custody.config.tables import Config
from custody.model.errors import CustodyError
from custody.model.record import Receipt, Record

if TYPE_CHECKING:
    from custody.app.gateway import QueueingRecorder
    from custody.evidence import EvidenceReader
    from custody.index import SqliteIndex

WRITES: Final = frozenset(
    {
        "ticket.create", "ticket.revoke", "kill", "loop.resume", "identity.revoke",
        "identity.restore", "login.end", "secret.set", "secret.delete", "backup",
    }
)  # fmt: skip
"""Calls that write to the evidence log, so need its lock where no gateway runs."""

REBUILD: Final = "index.rebuild"
"""The call that builds the index itself again."""

LISTS: Final = frozenset({"ticket.list", "identity.list", "login.list"})
"""Calls that read the state database."""

LOCK_SECONDS: Final = 10.0


async def answer_offline(config: Config, call: str, arguments: Mapping[str, object]) -> Document:
    """One call, on the data itself. Raises ``CustodyError``."""
    async with AsyncExitStack() as stack:
        if call.startswith("secret."):
            handlers = await _secrets(config, stack, writes=call in WRITES)
        elif call == BACKUP:
            handlers = (BackupCalls(await _open_log(config, stack), _now),)
        elif call in WRITES or call in LISTS:
            handlers = await _access(config, stack, writes=call in WRITES)
        else:
            handlers = _evidence(config, stack, owns_index=call == REBUILD)
        found = await CallDispatcher(*handlers).dispatch(call, arguments)
        return {**found, "recorded": False} if call in ABOUT else found


async def _secrets(
    config: Config, stack: AsyncExitStack, *, writes: bool
) -> tuple[CallHandler, ...]:
    from custody.app.admin.secret_calls import SecretCalls
    from custody.app.stores import local_vault

    recorder = await _open_log(config, stack) if writes else ClosedLog()
    return (SecretCalls(local_vault(config, _now), recorder, _now),)


async def _access(
    config: Config, stack: AsyncExitStack, *, writes: bool
) -> tuple[CallHandler, ...]:
    """Over the same gateway that listeners stand around. No loop uses anything meanwhile."""
    from custody.app.access_upkeep import save_spent
    from custody.app.admin.access_calls import AccessCalls
    from custody.app.admin.ticket_calls import TicketCalls
    from custody.app.gateway import make_gateway
    from custody.state import State, StateThread

    recorder = await _open_log(config, stack) if writes else ClosedLog()
    state = stack.enter_context(State.open(_state_file(config, stack, writes=writes)))
    thread = await stack.enter_async_context(StateThread())
    gateway = make_gateway(
        config, recorder=recorder, state=state, thread=thread, sealer=None, refreshers={}
    )
    if writes:
        await gateway.access.loops.resume_accounts()
        stack.push_async_callback(save_spent, gateway)
    return AccessCalls(gateway), TicketCalls(gateway.access.tickets)


def _evidence(
    config: Config, stack: AsyncExitStack, *, owns_index: bool
) -> tuple[CallHandler, ...]:
    """Whoever only reads brings a private copy of the index up to date, where it is not."""
    from custody.app.admin.read_calls import EvidenceView, ReadCalls
    from custody.evidence import DiskFiles, EvidenceReader, KeyholderProcess
    from custody.index import OwnDayFiles, PrivateDayFiles, SqliteIndex
    from custody.investigation.log_records import EvidenceRecords
    from custody.investigation.queries import Investigation

    data, name = config.gateway.data, config.gateway.name
    keys = stack.enter_context(KeyholderProcess(config.gateway.keys, name=name))
    reader = EvidenceReader(DiskFiles(), data / "evidence", name, keys)
    stack.callback(reader.close)
    folder = data / "index"
    if owns_index:
        index = SqliteIndex(OwnDayFiles(folder))
    else:
        private = stack.enter_context(TemporaryDirectory(prefix="custody-index-"))
        index = SqliteIndex(PrivateDayFiles(folder, Path(private)))
    stack.callback(index.close)

    async def catch_up() -> bool:
        return await asyncio.to_thread(_catch_up, index, reader)

    reading = Investigation(index, EvidenceRecords(reader), _now)
    return (ReadCalls(EvidenceView(reading, catch_up, index.discard), _nothing_paused),)


def _state_file(config: Config, stack: AsyncExitStack, *, writes: bool) -> Path:
    """The state database; for who only reads, a private copy of it."""
    path = config.gateway.data / "state.db"
    if writes:
        return path
    private = Path(stack.enter_context(TemporaryDirectory(prefix="custody-state-")))
    for name in (path.name, f"{path.name}-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(path.with_name(name), private / name)
    return private / path.name


def _nothing_paused(_loop: str) -> str:
    """Only a running gateway knows whether a loop waits to be let on."""
    return ""


def _catch_up(index: "SqliteIndex", reader: "EvidenceReader") -> bool:
    """Index what is new; where another command does so already, wait until it is done."""
    from custody.app.indexer.tail import LogFollower

    until = time.monotonic() + LOCK_SECONDS
    while True:
        with index.writing() as held:
            if held:
                LogFollower(index, reader).catch_up()
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


async def _open_log(config: Config, stack: AsyncExitStack) -> "QueueingRecorder":
    """The log, held for the few records of one act."""
    from custody.app.evidence_log import log_options, make_masker
    from custody.evidence import KeyholderProcess, open_log
    from custody.recording.recorder import Recorder

    gateway = config.gateway
    keys = stack.enter_context(KeyholderProcess(gateway.keys, gateway.anchor, name=gateway.name))
    masker = make_masker(config)
    options = log_options(config, accept_new_anchor=False)
    return Recorder(masker, await stack.enter_async_context(open_log(options, keys)))


class ClosedLog:
    """In the place of a ``Recorder``, for calls that record nothing."""

    async def write(self, record: Record) -> Receipt:
        return self.queue(record)

    def queue(self, record: Record) -> Receipt:
        raise CustodyError(
            "log.not-open", f"The evidence log is not open for {type(record.body).__name__}."
        )


def _now() -> int:
    return time.time_ns() // 1_000_000
