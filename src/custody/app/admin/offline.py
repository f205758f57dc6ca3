"""Reading and writing evidence where no gateway runs.

Law: readers bring the index up to date and read; writers take the log's lock first, so that a
gateway cannot run beside them. Neither leaves anything running.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from custody import __version__
from custody.app.admin.dispatch import LISTS, WRITES, CallDispatcher, EvidenceView
from custody.app.admin.secret_calls import SecretCalls
from custody.app.composition import make_masker
from custody.app.indexer.tail import LogFollower
from custody.app.stores import local_vault
from custody.config.tables import Config
from custody.evidence import DiskFiles, EvidenceReader, KeyholderProcess, LogOptions, open_log
from custody.index import SqliteIndex
from custody.investigation.log_records import EvidenceRecords
from custody.investigation.queries import Document, Investigation
from custody.model.errors import CustodyError
from custody.model.record import Receipt, Record
from custody.recording.recorder import Recorder, RecordWriter
from custody.state import State, StateThread

LOCK_SECONDS: Final = 10.0


async def answer_offline(config: Config, call: str, arguments: Mapping[str, object]) -> Document:
    """One call, on the data itself. Raises ``CustodyError``."""
    async with contextlib.AsyncExitStack() as stack:
        if call.startswith("secret."):
            desk = await _secret_desk(config, stack, writes=call in WRITES)
        elif call in WRITES or call in LISTS:
            desk = await _authority_desk(config, stack, writes=call in WRITES)
        else:
            desk = CallDispatcher(stack.enter_context(_shelf(config)), None)
        return await desk.dispatch(call, arguments)


async def _secret_desk(
    config: Config, stack: contextlib.AsyncExitStack, *, writes: bool
) -> CallDispatcher:
    recorder = await stack.enter_async_context(_open_log(config)) if writes else _NoRecorder()
    return CallDispatcher(None, None, SecretCalls(local_vault(config, _now), recorder, _now))


async def _authority_desk(
    config: Config, stack: contextlib.AsyncExitStack, *, writes: bool
) -> CallDispatcher:
    # What decides about loops is not needed to read.
    from custody.app.access_services import make_access_services, save_spent  # noqa: PLC0415 - see above
    from custody.app.admin.access_calls import AccessCalls  # noqa: PLC0415 - see above
    from custody.gateway.budget.meter import Meter  # noqa: PLC0415 - see above

    recorder: RecordWriter = _NoRecorder()
    if writes:
        recorder = await stack.enter_async_context(_open_log(config))
    state = stack.enter_context(State.open(config.gateway.data / "state.db"))
    thread = await stack.enter_async_context(StateThread())
    meter = Meter(note=_nothing, ends=_nothing, policy=b"")
    authority = make_access_services(
        config, state=state, in_state_thread=thread.run, recorder=recorder, clock=_now, meter=meter
    )
    if writes:
        await authority.loops.resume_accounts()
        stack.push_async_callback(save_spent, state, thread.run, meter)
    return CallDispatcher(None, authority.tickets, AccessCalls(authority, meter, recorder, _now))


def _nothing(*_: object) -> None:
    """No gateway runs, so no loop uses anything."""


@contextlib.contextmanager
def _shelf(config: Config) -> Iterator[EvidenceView]:
    data, name = config.gateway.data, config.gateway.name
    with contextlib.ExitStack() as stack:
        keys = stack.enter_context(KeyholderProcess(config.gateway.keys, name=name))
        reader = EvidenceReader(DiskFiles(), data / "evidence", name, keys)
        stack.callback(reader.close)
        index = SqliteIndex(data / "index")
        stack.callback(index.close)

        async def catch_up() -> bool:
            return await asyncio.to_thread(_catch_up, index, reader)

        yield EvidenceView(
            Investigation(index, EvidenceRecords(reader), _now), catch_up, index.discard
        )


def _catch_up(index: SqliteIndex, reader: EvidenceReader) -> bool:
    """Index what is new; where another command does so already, wait until it is done."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        with index.writing() as held:
            if held:
                LogFollower(index, reader).catch_up()
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


@contextlib.asynccontextmanager
async def _open_log(config: Config) -> AsyncIterator[RecordWriter]:
    """The log, held for the few records of one act."""
    gateway = config.gateway
    options = LogOptions(
        evidence=gateway.data / "evidence",
        anchor=gateway.anchor,
        version=__version__,
        durability=gateway.durability.value,
        responses=gateway.responses.value,
    )
    with KeyholderProcess(gateway.keys, gateway.anchor, name=gateway.name) as keys:
        masker = make_masker(config)
        async with open_log(options, keys) as log:
            yield Recorder(masker, log)


class _NoRecorder:
    async def write(self, record: Record) -> Receipt:
        raise CustodyError(
            "log.not-open", f"The evidence log is not open for {type(record.body).__name__}."
        )


def _now() -> int:
    return time.time_ns() // 1_000_000
