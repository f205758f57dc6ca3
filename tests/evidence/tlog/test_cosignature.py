"""Cosignatures: counted from known witnesses only, each once, and never for a log's signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.signing import log_key, private, witness_key

from custody.evidence.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from custody.evidence.tlog.cosignature import Cosignature, cosign, cosigned_by, cosigned_message
from custody.evidence.tlog.note import Note, NoteError, Signature, parse_note, parse_verifier_key

ORIGIN = "gw1.example.com/2026"
LOG = log_key(ORIGIN)
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(32))
SIGNED = parse_note(sign_checkpoint(CHECKPOINT, LOG, private(ORIGIN).sign))
ANN, BOB = witness_key("ann.example/w"), witness_key("bob.example/w")


def line(name: str, time: int = 1_679_315_147, body: str = CHECKPOINT.body) -> Signature:
    return cosign(body, witness_key(name), time, private(name).sign)


def with_lines(*lines: Signature) -> Note:
    return Note(SIGNED.text, (*SIGNED.signatures, *lines))


def test_the_message_of_the_spec_example() -> None:
    body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosigned_message(body, 1679315147).decode() == (
        "cosignature/v1\n"
        "time 1679315147\n"
        "example.com/behind-the-sofa\n"
        "20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_known_witnesses_count_once_each() -> None:
    note = with_lines(line("bob.example/w", 5), line("ann.example/w", 6), line("ann.example/w", 7))
    assert cosigned_by(note, [ANN]) == (Cosignature(ANN, 6),)
    assert cosigned_by(note, [ANN, BOB]) == (Cosignature(BOB, 5), Cosignature(ANN, 6))
    assert cosigned_by(note, [LOG]) == ()
    # The log's own signature is not touched by them, and survives a round trip.
    assert open_checkpoint(note.encode(), [LOG]).note == note


@pytest.mark.parametrize(
    "bad",
    [
        line("ann.example/w", body=Checkpoint(ORIGIN, 8, bytes(32)).body),
        Signature(ANN.name, ANN.id, line("ann.example/w", 1).value[:-1]),
        Signature(ANN.name, ANN.id, line("ann.example/w", 1).value + b"\x00"),
        Signature(ANN.name, ANN.id, (2).to_bytes(8, "big") + line("ann.example/w", 1).value[8:]),
        Signature(ANN.name, ANN.id, b"\xff" * 72),
        Signature(ANN.name, ANN.id, b"\x00"),
        Signature(ANN.name, ANN.id, private(ANN.name).sign(SIGNED.text.encode())),
    ],
)
def test_a_known_witness_with_a_bad_cosignature_spoils_the_note(bad: Signature) -> None:
    with pytest.raises(NoteError) as caught:
        cosigned_by(with_lines(bad), [ANN])
    assert caught.value.code == "note.forged"
    assert cosigned_by(with_lines(bad), [BOB]) == ()


def test_only_witness_keys_cosign() -> None:
    with pytest.raises(NoteError):
        cosign(CHECKPOINT.body, LOG, 1, private(ORIGIN).sign)
    with pytest.raises(NoteError):
        cosign(CHECKPOINT.body, ANN, 2**63, private(ANN.name).sign)


def test_a_post_quantum_key_is_known_and_never_counts() -> None:
    text = "pq.example+"
    with pytest.raises(NoteError):
        parse_verifier_key(text)
    note = with_lines(Signature("pq.example", b"aaaa", b"\x00" * 2428))
    assert cosigned_by(note, [ANN]) == ()


@given(st.binary(min_size=1, max_size=100))
def test_garbage_behind_a_known_name_is_forged(value: bytes) -> None:
    with pytest.raises(NoteError):
        cosigned_by(with_lines(Signature(ANN.name, ANN.id, value)), [ANN])
