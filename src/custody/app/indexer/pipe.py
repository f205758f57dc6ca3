"""The messages between the gateway and its indexing process, a line of JSON each.

Law: day keys go to the child, one at a time and only when it asks; the key that wraps them never
does. Lines are bounded, and an end of the pipe ends the child.
"""

from typing import Final

import msgspec

LINE_MAX: Final = 65_536


class FollowOrder(msgspec.Struct, frozen=True, tag="follow"):
    """To the child: so much of this log is durable. ``token`` comes back in ``IndexReached``."""

    log: str
    size: int
    token: int = 0


class DayKeyReply(msgspec.Struct, frozen=True, tag="key"):
    """To the child: the open day key; empty where it does not open, and why."""

    day: str
    secret: bytes
    code: str = ""
    fault: str = ""


class DayKeyRequest(msgspec.Struct, frozen=True, tag="unwrap"):
    """From the child: the wrapped day key that it found in the evidence."""

    day: str
    wrapped: bytes


class IndexReached(msgspec.Struct, frozen=True, tag="reached"):
    """From the child: what ``FollowOrder`` asked for was done as far as it can be."""

    token: int
    code: str = ""
    """Empty, or why the index could not be written."""


ToChild = FollowOrder | DayKeyReply
FromChild = DayKeyRequest | IndexReached

to_child: Final[msgspec.json.Decoder[ToChild]] = msgspec.json.Decoder(ToChild)
from_child: Final[msgspec.json.Decoder[FromChild]] = msgspec.json.Decoder(FromChild)


def line(message: ToChild | FromChild) -> bytes:
    return msgspec.json.encode(message) + b"\n"
