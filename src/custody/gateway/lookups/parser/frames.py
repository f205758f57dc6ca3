"""What the gateway and a worker say to each other: frames of a length and that many bytes.

Law: both ends believe a length only up to a bound. A request is a text in UTF-8; a reply is an
``Analysis``; the first frame a worker sends is empty: it is ready.
"""

import struct
from typing import Final

import msgspec

from custody.wire.sql.syntax import Analysis, Statements

LENGTH: Final = struct.Struct(">I")
REQUEST_BYTES_AT_MOST: Final = 64 * 1024 * 1024
REPLY_BYTES_AT_MOST: Final = 64 * 1024 * 1024

encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Analysis)


def decode(reply: bytes | bytearray | memoryview, length: int) -> Analysis:
    """The analysis of a text of ``length`` characters.

    Raises ``msgspec.DecodeError`` for anything that is not one: a worker that lost its mind may
    say anything, and its places are used to cut texts.
    """
    analysis: Analysis = _decoder.decode(reply)
    if isinstance(analysis, Statements):
        border = 0
        for statement in analysis.statements:
            if not border == statement.start <= statement.end <= length:
                raise msgspec.DecodeError("places outside of the text")
            border = statement.end
            span = statement.end - statement.start
            if any(not 0 <= mark.start <= mark.end <= span for mark in statement.marks):
                raise msgspec.DecodeError("places outside of the statement")
    return analysis
