"""Cosignatures by ML-DSA-44, which public mirrors give alone (tlog-cosignature)."""

import pytest
from tests.evidence.signing import private

from custody.evidence.tlog import cosignature
from custody.evidence.tlog.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.tlog.cosignature import Cosignature, cosigned_by, subtree_message
from custody.evidence.tlog.note import (
    COSIGNATURE_ML_DSA_44,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    parse_note,
    parse_verifier_key,
    verifier_key,
)

mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa")

ORIGIN = "gw1.example.com/2026"
TIME = 1_772_000_000
MIRROR = mldsa.MLDSA44PrivateKey.generate()
KEY = verifier_key(
    "mirror.example/m", MIRROR.public_key().public_bytes_raw(), COSIGNATURE_ML_DSA_44
)


def signed(size: int = 7) -> Note:
    signer = private(ORIGIN)
    key = verifier_key(ORIGIN, signer.public_key().public_bytes_raw())
    return parse_note(sign_checkpoint(Checkpoint(ORIGIN, size, b"r" * 32), key, signer.sign))


def cosigned(note: Note, *, text: str | None = None, name: str = KEY.name) -> Note:
    message = subtree_message(note.text if text is None else text, name, TIME)
    value = TIME.to_bytes(8, "big") + MIRROR.sign(message)
    line = Signature(KEY.name, KEY.id, value)
    return parse_note(Note(note.text, (*note.signatures, line)).encode())


def test_the_message_is_the_documented_one() -> None:
    expected = (
        b"subtree/v1\n\0" + b"\x10mirror.example/m" + TIME.to_bytes(8, "big")
        + b"\x14" + ORIGIN.encode() + bytes(8) + (7).to_bytes(8, "big") + b"r" * 32
    )  # fmt: skip
    assert subtree_message(signed().text, KEY.name, TIME) == expected


def test_it_counts_and_its_key_has_a_text() -> None:
    assert parse_verifier_key(KEY.text) == KEY
    assert cosigned_by(cosigned(signed()), [KEY]) == (Cosignature(KEY, TIME),)
    assert cosigned_by(signed(), [KEY]) == ()


@pytest.mark.parametrize(
    "forged",
    [cosigned(signed(), text=signed(8).text), cosigned(signed(), name="mirror.example/n")],
    ids=["of another checkpoint", "under another name"],
)
def test_a_bad_one_is_a_forgery(forged: Note) -> None:
    with pytest.raises(NoteError) as caught:
        cosigned_by(forged, [KEY])
    assert caught.value.code == "note.forged"


def test_where_it_cannot_be_checked_it_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosignature, "_mldsa", None)
    key: VerifierKey = KEY
    assert cosigned_by(cosigned(signed()), [key]) == ()
