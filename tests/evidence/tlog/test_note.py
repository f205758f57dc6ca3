"""Signed notes: the public examples, one table of malformed notes, and fuzz."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.signing import log_key, private

from custody.evidence.tlog.note import (
    COSIGNATURE_ED25519,
    Note,
    NoteError,
    Signature,
    decode_base64,
    parse_note,
    parse_verifier_key,
    sign_note,
    verified_by,
    verifier_key,
)

# The example of the signed-note specification.
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n"
    "\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3m"
    "FXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# The examples of golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETERS_LINE = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n"
)


def signed(text: str, *names: str) -> Note:
    notes = [sign_note(text, log_key(name), private(name).sign) for name in names]
    return Note(text, tuple(line for note in notes for line in note.signatures))


ANN, BOB = log_key("ann.example"), log_key("bob.example")
TEXT = "a text\n\nwith an empty line\n"
GOOD = signed(TEXT, "ann.example").encode()
LINE = GOOD[len(TEXT.encode()) + 1 :].decode()


@pytest.mark.parametrize(
    ("key", "data"),
    [(SPEC_KEY, SPEC_NOTE), (PETER, (PETERS_TEXT + "\n" + PETERS_LINE).encode())],
)
def test_other_peoples_notes(key: str, data: bytes) -> None:
    known = parse_verifier_key(key)
    assert known.text == key
    note = parse_note(data)
    assert verified_by(note, [ANN, known]) == (known,)
    assert note.encode() == data


def test_the_text_ends_at_the_last_blank_line() -> None:
    note = parse_note(GOOD)
    assert note.text == TEXT
    assert verified_by(note, [ANN]) == (ANN,)


def test_unknown_signatures_are_ignored() -> None:
    note = signed(TEXT, "bob.example", "ann.example")
    assert verified_by(note, [ANN]) == (ANN,)
    assert verified_by(note, [ANN, BOB]) == (BOB, ANN)


def test_a_known_key_with_a_bad_signature_spoils_the_note() -> None:
    note = signed(TEXT, "ann.example", "bob.example")
    forged = Note(note.text.replace("a text", "another"), note.signatures)
    mixed = Note(TEXT, (signed(TEXT, "ann.example").signatures[0], forged_line()))
    for each, keys in ((forged, [ANN]), (mixed, [ANN, BOB])):
        with pytest.raises(NoteError) as caught:
            verified_by(each, keys)
        assert caught.value.code == "note.forged"
    # The same line is nothing at all to who does not know bob.
    assert verified_by(mixed, [ANN]) == (ANN,)


def forged_line() -> Signature:
    return signed("something else\n", "bob.example").signatures[0]


def test_signed_by_nobody_known() -> None:
    with pytest.raises(NoteError) as caught:
        verified_by(parse_note(GOOD), [BOB])
    assert caught.value.code == "note.nobody-known"
    # A shared name is not a shared key, and a shared id under another name is not one either.
    namesake = verifier_key("ann.example", BOB.public)
    with pytest.raises(NoteError):
        verified_by(parse_note(GOOD), [namesake])


def test_a_witness_key_does_not_sign_notes() -> None:
    witness = verifier_key("ann.example", ANN.public, COSIGNATURE_ED25519)
    with pytest.raises(NoteError):
        verified_by(parse_note(GOOD), [witness])


def test_a_signature_repeated_counts_once() -> None:
    note = signed(TEXT, "ann.example", "ann.example")
    assert verified_by(note, [ANN]) == (ANN,)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "note.blank-line"),
        (b"text\n", "note.blank-line"),
        (b"text\n\n", "note.unsigned"),
        (GOOD[:-1], "note.line-end"),
        (GOOD.replace(b"\n", b"\r\n"), "note.control"),
        (b"a\ttab\n\n" + LINE.encode(), "note.control"),
        (b"nul\x00\n\n" + LINE.encode(), "note.control"),
        (b"\xff\n\n" + LINE.encode(), "note.utf8"),
        (b"\xed\xa0\x80\n\n" + LINE.encode(), "note.utf8"),
        (GOOD + b"\n", "note.unsigned"),
        (GOOD + b"\nno dash\n", "note.signature-line"),
        (GOOD + b"no dash\n", "note.signature-line"),
        (GOOD.replace(b"\xe2\x80\x94 ", b"- "), "note.signature-line"),
        (GOOD.replace(b"\xe2\x80\x94 ", b"\xe2\x80\x94  "), "note.key-name"),
        (GOOD.replace(b"ann.example ", b"ann.example"), "note.signature-line"),
        (GOOD.replace(b"ann.example", b"ann+example"), "note.key-name"),
        (GOOD.replace(b"ann.example", "ann\u00a0example".encode()), "note.key-name"),
        (GOOD.replace(b"ann.example", "ann\u2003example".encode()), "note.key-name"),
        (GOOD[:-2] + b"\n", "note.base64"),
        (GOOD[:-1] + b"=\n", "note.base64"),
        (GOOD[:-1] + b" \n", "note.base64"),
        (b"text\n\n" + "\u2014 ann.example AAAA\n".encode(), "note.signature-length"),
        (b"text\n\n" + "\u2014 ann.example AAAAAB==\n".encode(), "note.base64"),
        (b"text\n\n" + LINE.encode() * 101, "note.signatures"),
        (b"t" * 1_000_001, "note.size"),
    ],
)
def test_malformed_notes(data: bytes, code: str) -> None:
    with pytest.raises(NoteError) as caught:
        parse_note(data)
    assert caught.value.code == code


def test_sixteen_signatures_are_accepted() -> None:
    note = signed(TEXT, *(f"key{number}.example" for number in range(16)))
    assert parse_note(note.encode()) == note


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "note.key-text"),
        ("example.com/foo", "note.key-text"),
        ("example.com/foo+530d903a", "note.key-text"),
        ("example.com/foo+530d903a+", "note.key-text"),
        (SPEC_KEY + "A", "note.base64"),
        (SPEC_KEY + "\n", "note.base64"),
        (SPEC_KEY.replace("530d903a", "530D903A"), "note.key-id"),
        (SPEC_KEY.replace("530d903a", "530d903b"), "note.key-id"),
        (SPEC_KEY.replace("foo", "bar"), "note.key-id"),
        ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "note.key-name"),
        (SPEC_KEY.replace("+Aeky", "+Auky"), "note.key-type"),
        ("example.com/foo+530d903a+AQ==", "note.key-length"),
    ],
)
def test_malformed_verifier_keys(text: str, code: str) -> None:
    with pytest.raises(NoteError) as caught:
        parse_verifier_key(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text", ["A", "AA", "AA=", "AB==", "AAB=", "AA==\n", "A-_=", " AA==", "\u0100"]
)
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(NoteError):
        decode_base64(text)


@given(st.binary(max_size=400))
def test_garbage_is_refused_as_documented(data: bytes) -> None:
    try:
        note = parse_note(data)
    except NoteError:
        return
    assert note.encode() == data


@given(st.data())
def test_a_damaged_note_never_verifies(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != GOOD[at]))
    with pytest.raises(NoteError):
        verified_by(parse_note(GOOD[:at] + bytes([value]) + GOOD[at + 1 :]), [ANN])


@given(st.text(max_size=120))
def test_garbage_keys_are_refused_as_documented(text: str) -> None:
    with pytest.raises(NoteError):
        parse_verifier_key(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_notes_round_trip(text: str) -> None:
    note = signed(text + "\n", "ann.example", "bob.example")
    assert parse_note(note.encode()) == note
