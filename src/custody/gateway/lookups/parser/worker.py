"""A worker: reads texts from its standard input, writes what they mean to its standard output.

Law: it holds no key, no socket and no file but these two; it may be killed at any moment, and it
ends by itself when its input does. It never writes what it reads anywhere else.
"""

import gc
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Final

from custody.gateway.lookups.parser.frames import LENGTH, REQUEST_BYTES_AT_MOST, encode
from custody.gateway.lookups.parser.limits import processor_limit
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Unreadable

_MEMORY_BYTES: Final = 1 << 30
_NICENESS: Final = 5
"""Hostile texts take the processor from other texts before they take it from the gateway."""
_FILES: Final = 8
_CHUNK: Final = 256 * 1024
_DEPTH: Final = 6_000
"""Python frames; a deeper tree is unreadable (``too-deep``)."""


def _confine() -> None:
    """No core with clients' texts in it, no file written, no more than so much memory."""
    os.nice(_NICENESS)
    for limit, value in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


def _frames() -> Iterator[bytes]:
    """The texts, one after the other, until the input ends or breaks its bound."""
    received = bytearray()
    wanted = LENGTH.size
    while True:
        while len(received) < wanted:
            part = os.read(0, _CHUNK)
            if not part:
                return
            received += part
        (length,) = LENGTH.unpack_from(received)
        if length > REQUEST_BYTES_AT_MOST:
            return
        if len(received) < LENGTH.size + length:
            wanted = LENGTH.size + length
            continue
        yield bytes(received[LENGTH.size : LENGTH.size + length])
        del received[: LENGTH.size + length]
        wanted = LENGTH.size


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main(processor_seconds: float) -> int:
    sys.setrecursionlimit(_DEPTH)
    analyse("SELECT a FROM b WHERE c = 1")  # what is loaded late is loaded now
    _confine()
    gc.collect()
    gc.freeze()
    _write(LENGTH.pack(0))
    for data in _frames():
        text = data.decode()
        # SIGPROF ends the process, whatever it does; its exit tells the gateway why.
        signal.setitimer(signal.ITIMER_PROF, processor_limit(len(data), processor_seconds))
        try:
            reply = encode(analyse(text))
        except MemoryError:
            reply = encode(Unreadable("too-long"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(LENGTH.pack(len(reply)) + reply)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1])))
