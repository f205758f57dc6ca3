"""The door for a coverage-guided fuzzer.

Law: whatever the bytes, only ``WireError`` leaves the codec, and what it holds stays bounded.

Run it with ``python -m tests.protocols.postgres.fuzz [corpus]`` where atheris is installed.
"""

import contextlib
import sys

import msgspec
from tests.protocols.conformance import Host, Subject
from tests.protocols.postgres.playbook import faces_of, upstream
from tests.protocols.postgres.transcripts import LOGIN, answer

from custody.model.errors import WireError
from custody.model.event import CommandsReceived
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side
from custody.protocols.postgres.options import PostgresOptions

_OPTIONS = PostgresOptions(
    cleartext=True, capture_bytes=200, command_bytes=300, bind_bytes=200, pending=20
)
_HELD_AT_MOST = 1_200_000
_SUBJECT = Subject(lambda: faces_of(_OPTIONS), upstream(), answer, (), _HELD_AT_MOST)
_TOKENS = msgspec.structs.replace(_OPTIONS, oauth_issuer="https://id.example.com")
_BEARER = Subject(lambda: faces_of(_TOKENS), upstream(), answer, (), _HELD_AT_MOST)


def fuzz_codec(data: bytes) -> None:
    """The first byte says where the session stands, what is refused and whether the listener takes
    tokens; then chunks follow: side, two bytes of length, bytes.
    """
    if not data:
        return
    mode = data[0]

    def decide(event: CommandsReceived) -> bool:
        return not mode & 2 or bool(event.token % (2 + (mode >> 4)))

    bearer = mode & 9 == 9
    host = Host(_BEARER if bearer else _SUBJECT, decide)
    with contextlib.suppress(WireError):
        if bearer:
            host.say(Side.CLIENT, LOGIN[0][1])
        elif not mode & 1:
            for side, line in LOGIN:
                host.say(side, line)
        position = 1
        while position + 3 <= len(data):
            side = Side.SERVER if data[position] & 1 else Side.CLIENT
            length = int.from_bytes(data[position + 1 : position + 3], "big")
            position += 3
            host.say(side, data[position : position + length])
            position += length
            assert host.held <= _HELD_AT_MOST
        host.say(Side.CLIENT, b"")
        host.say(Side.SERVER, b"")
    host.codec.refuse(None, Refusal(RefusalCode.LOOP_OVER, "over", fatal=True))


def main() -> None:
    import atheris  # noqa: PLC0415  # only where it is installed

    atheris.instrument_all()
    atheris.Setup(sys.argv, fuzz_codec)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
