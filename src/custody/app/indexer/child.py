"""The indexing process: follows the log at low priority, beside the gateway.

Law: it holds no key but the day keys that it was given, writes nothing but the index, and ends when
its parent does. A fault of it costs searching, never a client.
"""

import argparse
import logging
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from custody.app.indexer.pipe import (
    LINE_MAX,
    DayKeyReply,
    DayKeyRequest,
    FollowOrder,
    FromChild,
    IndexReached,
    line,
    to_child,
)
from custody.app.indexer.tail import LogFollower
from custody.app.log_output import write_log
from custody.app.process import harden, lower_priority
from custody.evidence import DiskFiles, DurableEnd, EvidenceReader
from custody.index import OwnDayFiles, SqliteIndex
from custody.model.errors import CustodyError, LogFailureError

NICENESS: Final = 10

_log: Final = logging.getLogger("custody.index")


class ParentGoneError(Exception):
    """The pipe ended."""


class Pipe:
    """Both directions; keeps what came while an answer was awaited."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming: Final = incoming
        self._outgoing: Final = outgoing
        self._waiting: Final[deque[FollowOrder]] = deque(maxlen=1024)

    def next_order(self) -> FollowOrder:
        while not self._waiting:
            self._read()
        return self._waiting.popleft()

    def day_key(self, wanted: DayKeyRequest) -> DayKeyReply:
        self.send(wanted)
        while True:
            given = self._read()
            if given is not None and given.day == wanted.day:
                return given

    def send(self, message: FromChild) -> None:
        self._outgoing.write(line(message))
        self._outgoing.flush()

    def _read(self) -> DayKeyReply | None:
        text = self._incoming.readline(LINE_MAX)
        if not text:
            raise ParentGoneError
        message = to_child.decode(text)
        if isinstance(message, FollowOrder):
            self._waiting.append(message)
            return None
        return message


class ParentKeys:
    """A ``KeyService`` that asks the parent to open day keys and can do nothing else."""

    def __init__(self, name: str, pipe: Pipe) -> None:
        self.name: Final = name
        self.public: Final = b""
        self._pipe: Final = pipe

    def sign(self, body: bytes) -> bytes:  # noqa: ARG002 - the face of a KeyService
        raise LogFailureError("keys.not-here", "The indexing process signs nothing.")

    def wrap(self, day: str, secret: bytes) -> bytes:  # noqa: ARG002 - the face of a KeyService
        raise LogFailureError("keys.not-here", "The indexing process wraps nothing.")

    def unwrap(self, day: str, wrapped: bytes) -> bytes:
        given = self._pipe.day_key(DayKeyRequest(day, wrapped))
        if not given.secret:
            raise LogFailureError(given.code, given.fault)
        return given.secret

    def restart(self) -> None:
        """The parent sees to its own key service."""


def work(pipe: Pipe, data: Path, name: str) -> None:
    """Follow until the parent is gone."""
    reader = EvidenceReader(DiskFiles(), data / "evidence", name, ParentKeys(name, pipe))
    index = SqliteIndex(OwnDayFiles(data / "index"))
    tail = LogFollower(index, reader)
    with index.writing() as held:
        try:
            while True:
                order = pipe.next_order()
                pipe.send(IndexReached(order.token, _once(tail, order, held=held)))
        finally:
            index.close()
            reader.close()


def _once(tail: LogFollower, order: FollowOrder, *, held: bool) -> str:
    if not held:
        return "index.locked"
    try:
        tail.catch_up(DurableEnd(order.log, order.size))
    except CustodyError as error:
        _log.warning("%s", error)
        return error.code
    except OSError as error:
        _log.warning("the log could not be read for the index: %s", error.strerror)
        return "index.failed"
    return ""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("custody.app.indexer.parent")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--log-format", default="text")
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args(arguments)
    harden()
    write_log(options.log_format, options.log_level)
    lower_priority(NICENESS)
    try:
        work(Pipe(sys.stdin.buffer, sys.stdout.buffer), options.data, options.name)
    except (ParentGoneError, BrokenPipeError, KeyboardInterrupt):
        return
