"""Checkpoints: the canonical three lines and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.signing import log_key, private

from custody.evidence.tlog.checkpoint import (
    Checkpoint,
    CheckpointError,
    open_checkpoint,
    parse_body,
    sign_checkpoint,
)
from custody.evidence.tlog.note import NoteError, encode_base64, sign_note

ORIGIN = "gw1.example.com/2026"
KEY = log_key(ORIGIN)
ROOT = bytes(range(32))
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, ROOT)
ROOT_TEXT = encode_base64(ROOT)
SERVED = sign_checkpoint(CHECKPOINT, KEY, private(ORIGIN).sign)


def test_the_body_of_the_spec_example() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = parse_body(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.body == text


def test_signed_and_opened() -> None:
    signed = open_checkpoint(SERVED, [log_key("other.example"), KEY])
    assert signed.checkpoint == CHECKPOINT
    assert signed.signer == KEY
    assert signed.note.encode() == SERVED


def test_another_logs_key_says_nothing_about_this_log() -> None:
    other = log_key("other.example")
    served = sign_note(CHECKPOINT.body, other, private("other.example").sign).encode()
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(served, [other])
    assert caught.value.code == "checkpoint.origin"
    with pytest.raises(CheckpointError) as caught:
        sign_checkpoint(CHECKPOINT, other, private("other.example").sign)
    assert caught.value.code == "checkpoint.key-name"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "checkpoint.lines"),
        ("\n", "checkpoint.lines"),
        (f"{ORIGIN}\n7\n", "checkpoint.lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}", "checkpoint.lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}\nextension\n", "checkpoint.extension"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}\n\n", "checkpoint.extension"),
        (f"\n7\n{ROOT_TEXT}\n", "checkpoint.origin"),
        (f"{ORIGIN}\n007\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n+7\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n-7\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n 7\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n7_0\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n\u0667\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n9223372036854775808\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n{'9' * 5000}\n{ROOT_TEXT}\n", "checkpoint.size"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-1]}\n", "checkpoint.root"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}=\n", "checkpoint.root"),
        (f"{ORIGIN}\n7\nAAAA\n", "checkpoint.root"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-2]}9=\n", "checkpoint.root"),
    ],
)
def test_malformed_bodies(text: str, code: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        parse_body(text)
    assert caught.value.code == code


def test_the_largest_size() -> None:
    assert parse_body(f"{ORIGIN}\n{2**63 - 1}\n{ROOT_TEXT}\n").size == 2**63 - 1


@given(st.data())
def test_a_damaged_checkpoint_never_opens(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SERVED) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != SERVED[at]))
    with pytest.raises((NoteError, CheckpointError)):
        open_checkpoint(SERVED[:at] + bytes([value]) + SERVED[at + 1 :], [KEY])


@given(st.text(max_size=200))
def test_garbage_is_refused_as_documented(text: str) -> None:
    try:
        checkpoint = parse_body(text)
    except CheckpointError:
        return
    assert checkpoint.body == text
