"""Frames: how one record stands in a segment file.

Law: a frame is a fixed little-endian header, the leaf, the sealed payload, nothing between; its
CRC-32 covers all of it but the CRC itself. A CRC finds accidents, never an attacker: what is true
is said by the tree. Reading is total: any bytes give a ``Frame`` or a ``FrameFault``, no exception.
"""

import struct
import zlib
from enum import StrEnum
from typing import Final, NamedTuple

MAGIC: Final = b"\x9dCu1"
FORMAT: Final = 2
"""What is written. In format 1 the leaf binds neither ``random`` nor ``durable``."""
FORMATS: Final = (1, 2)
"""What is read."""
LEAF_MAX: Final = 4096
PAYLOAD_MAX: Final = 8 * 1024 * 1024
"""Of one uncompressed payload, bytes."""
SEALED_MAX: Final = PAYLOAD_MAX + 1 + 16
"""A payload that did not compress: its form byte before, AES-GCM's tag behind."""

_COVERED: Final = struct.Struct("<4sIIIQQ32s")
_CHECKSUM: Final = struct.Struct("<I")
HEADER_SIZE: Final = _COVERED.size + _CHECKSUM.size
FRAME_MAX: Final = HEADER_SIZE + LEAF_MAX + SEALED_MAX
RANDOM_SIZE: Final = 32
_UNUSED: Final = bytes(HEADER_SIZE)


class Frame(NamedTuple):
    """One readable frame. ``durable`` is the log size known to be synced when it was made."""

    index: int  # type: ignore[assignment]  # the log's word; nobody calls tuple.index here
    durable: int
    random: bytes
    leaf: bytes
    sealed: bytes
    end: int
    """Where the next frame would begin, in the same buffer."""
    format: int


class FrameFault(StrEnum):
    """Why no frame can be read at a place."""

    UNUSED = "unused"
    """Zeros where a header would stand: preallocated space, the end of what was written."""
    SHORT = "short"
    """The buffer ends before the frame does."""
    MAGIC = "magic"
    FORMAT = "format"
    LENGTH = "length"
    CHECKSUM = "checksum"


def pack(  # noqa: PLR0917 - the parts of one frame, on the hot path
    index: int, durable: int, random: bytes, leaf: bytes, sealed: bytes, version: int = FORMAT
) -> bytes:
    """The frame's bytes. The caller keeps to ``LEAF_MAX`` and ``SEALED_MAX``."""
    head = _COVERED.pack(MAGIC, version, len(leaf), len(sealed), index, durable, random)
    body = leaf + sealed
    return head + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head))) + body


def read(buffer: bytes | memoryview, offset: int = 0) -> Frame | FrameFault:
    """The frame that begins at ``offset``."""
    leaf_at = offset + HEADER_SIZE
    if leaf_at > len(buffer):
        rest = bytes(buffer[offset:])
        return FrameFault.UNUSED if rest == _UNUSED[: len(rest)] else FrameFault.SHORT
    magic, version, leaf_size, sealed_size, index, durable, random = _COVERED.unpack_from(
        buffer, offset
    )
    sealed_at = leaf_at + leaf_size
    end = sealed_at + sealed_size
    fault: FrameFault | None = None
    if magic != MAGIC:
        fault = FrameFault.UNUSED if bytes(buffer[offset:leaf_at]) == _UNUSED else FrameFault.MAGIC
    elif version not in FORMATS:
        fault = FrameFault.FORMAT
    elif leaf_size > LEAF_MAX or sealed_size > SEALED_MAX:
        fault = FrameFault.LENGTH
    elif end > len(buffer):
        fault = FrameFault.SHORT
    if fault is not None:
        return fault
    leaf = bytes(buffer[leaf_at:sealed_at])
    sealed = bytes(buffer[sealed_at:end])
    covered = buffer[offset : offset + _COVERED.size]
    check = zlib.crc32(sealed, zlib.crc32(leaf, zlib.crc32(covered)))
    if check != _CHECKSUM.unpack_from(buffer, leaf_at - _CHECKSUM.size)[0]:
        return FrameFault.CHECKSUM
    return Frame(index, durable, random, leaf, sealed, end, version)


def measure(buffer: bytes, offset: int) -> tuple[int, int] | None:
    """Index and length of the frame whose header stands here, unchecked; for stepping over it."""
    if offset + HEADER_SIZE > len(buffer):
        return None
    magic, version, leaf_size, sealed_size, index, _, _ = _COVERED.unpack_from(buffer, offset)
    if magic != MAGIC or version not in FORMATS or leaf_size > LEAF_MAX or sealed_size > SEALED_MAX:
        return None
    return index, HEADER_SIZE + leaf_size + sealed_size


def find(buffer: bytes, offset: int) -> tuple[int, Frame] | None:
    """The first readable frame at or after ``offset``, wherever it begins, behind damage."""
    while (at := buffer.find(MAGIC, offset)) >= 0:
        match read(buffer, at):
            case Frame() as frame:
                return at, frame
            case _:
                offset = at + 1
    return None
