"""Frames: what is packed is read, what is damaged is never taken for a frame."""

from hypothesis import given
from hypothesis import strategies as st

from custody.evidence.record.frame import (
    FORMAT,
    HEADER_SIZE,
    LEAF_MAX,
    MAGIC,
    Frame,
    FrameFault,
    find,
    measure,
    pack,
    read,
)

FRAMES = st.builds(
    pack,
    st.integers(0, 2**63),
    st.integers(0, 2**63),
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=300),
    st.binary(max_size=300),
)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=LEAF_MAX),
       st.binary(max_size=900), st.binary(max_size=40))  # fmt: skip
def test_what_is_packed_is_read(
    index: int, durable: int, leaf: bytes, sealed: bytes, before: bytes
) -> None:
    random = bytes(range(32))
    data = before + pack(index, durable, random, leaf, sealed)
    assert read(data + b"more", len(before)) == Frame(
        index, durable, random, leaf, sealed, len(data), FORMAT
    )
    assert measure(data, len(before)) == (index, len(data) - len(before))


def test_the_header_is_frozen() -> None:
    data = pack(0x0102, 0x0304, b"r" * 32, b"leaf", b"sealed")
    assert data[:64].hex() == (
        "9d437531" "02000000" "04000000" "06000000" "0201000000000000" "0403000000000000"
        + "72" * 32
    )  # fmt: skip
    assert data[64:68].hex() == "bf13d6be"
    assert data[68:] == b"leafsealed"


@given(FRAMES, st.data())
def test_a_flipped_bit_is_never_a_frame(frame: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(frame) - 1))
    flipped = bytearray(frame)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    assert isinstance(read(bytes(flipped)), FrameFault)


@given(FRAMES, st.data())
def test_a_frame_that_is_cut_short_is_no_frame(frame: bytes, data: st.DataObject) -> None:
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    assert read(cut) is (FrameFault.SHORT if cut else FrameFault.UNUSED)


@given(st.binary(max_size=400), st.integers(0, 50))
def test_garbage_is_a_fault(data: bytes, offset: int) -> None:
    assert isinstance(read(data, offset), FrameFault)
    assert isinstance(read(MAGIC + data), FrameFault)
    assert isinstance(read(MAGIC + FORMAT.to_bytes(4, "little") + data), FrameFault)


@given(st.integers(0, 200))
def test_zeros_are_unused_space(size: int) -> None:
    assert read(bytes(size)) is FrameFault.UNUSED
    assert measure(bytes(size), 0) is None


@given(st.binary(max_size=100), FRAMES)
def test_a_frame_is_found_behind_damage(garbage: bytes, frame: bytes) -> None:
    found = find(garbage + frame, 0)
    assert found is not None
    assert found[0] == len(garbage)
    assert len(garbage) + HEADER_SIZE <= found[1].end
    assert find(garbage, 0) is None
