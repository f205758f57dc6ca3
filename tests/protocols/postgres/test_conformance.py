"""The promises of every protocol, kept by this one; and garbage, found by searching."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocols.conformance import Conformance
from tests.protocols.postgres.fuzz import fuzz_codec
from tests.protocols.postgres.transcripts import SUBJECT, TRANSCRIPTS

from custody.model.words import Side

_SPOKEN = {
    side: b"".join(d for t in TRANSCRIPTS[:3] for s, d in t.lines if s is side) for side in Side
}


class TestPostgres(Conformance):
    subject = SUBJECT


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_anything_raises_only_wire_errors(data: bytes) -> None:
    fuzz_codec(data)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """Pieces of real conversations in any order, with bytes changed."""
    out = bytearray(draw(st.binary(min_size=1, max_size=1)))
    for _ in range(draw(st.integers(1, 8))):
        side = draw(st.sampled_from(list(Side)))
        spoken = _SPOKEN[side]
        start = draw(st.integers(0, len(spoken) - 1))
        piece = bytearray(spoken[start : start + draw(st.integers(1, 200))])
        if draw(st.booleans()):
            piece[draw(st.integers(0, len(piece) - 1))] = draw(st.integers(0, 255))
        out += bytes((int(side is Side.SERVER), len(piece) >> 8, len(piece) & 0xFF)) + piece
    return bytes(out)


@settings(max_examples=300, deadline=None)
@given(_mutated())
def test_mutated_conversations_raise_only_wire_errors(data: bytes) -> None:
    fuzz_codec(data)
