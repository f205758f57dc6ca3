"""The key-holder: a process of its own that holds the log's keys and does nothing else.

Law: it reads no file but the keys and the anchor, opens no socket, speaks only to its parent, and
ends when its parent does. ``python -m custody.evidence.keys.keyholder`` serves its standard input
and output: a big-endian u32 length, one byte of operation or status, the body.
"""

import argparse
import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.anchor import Anchor
from custody.evidence.keys.keyring import Keyring, load_keyring
from custody.model.errors import CustodyError

MESSAGE_MAX: Final = 65536
LENGTH: Final = struct.Struct(">I")
ABOUT: Final = b"A"
SIGN: Final = b"S"
WRAP: Final = b"W"
UNWRAP: Final = b"U"
DONE: Final = b"\x00"
REFUSED: Final = b"\x01"
DAY_SIZE: Final = 10

_PR_SET_DUMPABLE: Final = 4


def answer(keyring: Keyring, request: bytes) -> bytes:
    """One reply. A refusal's body is its code and its sentence, on two lines."""
    try:
        return DONE + _perform(keyring, request[:1], request[1:])
    except CustodyError as error:
        return REFUSED + f"{error.code}\n{error}".encode()
    except OSError as error:
        return REFUSED + f"keys.anchor\nThe anchor cannot be written: {error.strerror}.".encode()


def _perform(keyring: Keyring, operation: bytes, body: bytes) -> bytes:
    day, rest = body[:DAY_SIZE].decode("ascii", "replace"), body[DAY_SIZE:]
    match operation:
        case b"A":
            return keyring.public + keyring.name.encode()
        case b"S":
            return keyring.sign(body)
        case b"W":
            return keyring.wrap(day, rest)
        case b"U":
            return keyring.unwrap(day, rest)
        case _:
            raise CustodyError("keys.protocol", "The key-holder does not know this operation.")


def serve(keyring: Keyring, requests: BinaryIO, replies: BinaryIO) -> None:
    """Until the parent is gone, or speaks nonsense."""
    while (head := requests.read(LENGTH.size)) and len(head) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if not 1 <= length <= MESSAGE_MAX:
            return
        request = requests.read(length)
        if len(request) != length:
            return
        reply = answer(keyring, request)
        replies.write(LENGTH.pack(len(reply)) + reply)
        replies.flush()


def _harden() -> None:
    """No core dumps, no tracing by other processes of the same user, where the system can.

    Signals meant for the gateway's whole group do not end it: the last checkpoint is signed after
    they came. The end of its input does.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)


def main(arguments: Sequence[str]) -> int:
    _harden()
    parser = argparse.ArgumentParser(prog="python -m custody.evidence.keys.keyholder")
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--anchor", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--accept-new-anchor", action="store_true")
    options = parser.parse_args(arguments)
    files = DiskFiles()
    try:
        anchor = options.anchor and Anchor(
            files, options.anchor, accept_new=options.accept_new_anchor
        )
        keyring = load_keyring(files, options.keys, anchor, os.urandom, options.name)
    except CustodyError as error:
        refusal = REFUSED + f"{error.code}\n{error}".encode()
        sys.stdout.buffer.write(LENGTH.pack(len(refusal)) + refusal)
        sys.stdout.buffer.flush()
        return 3
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(keyring, sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
