"""Planted secrets: none survives, wherever it stands; and the laws hold for any record at all."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.masking.planting import (
    BODIES,
    IDENTIFYING,
    IDENTIFYING_TOO,
    Planted,
    filled,
    planted,
    survives,
    values,
)
from tests.masking.records import (
    ALL_DETECTORS,
    NO_RULES,
    everything,
    masker,
    seen,
    statement,
)

from custody.masking.detectors.catalogue import PERSONAL
from custody.masking.marks import MaskForm
from custody.masking.mask_rule import MaskRule
from custody.masking.masker import RecordMasker
from custody.masking.truncation import CAPTURE_MARGIN, CaptureBounds
from custody.model.command import Argument
from custody.model.record import CommandSeen, Milliseconds, Record, Response, Stream
from custody.model.words import Outcome

SECRETS = tuple(planted(360))
MASKERS = (
    NO_RULES,
    ALL_DETECTORS,
    everything(MaskForm.LAST4, "users.ssn", "*.password"),
    masker(
        MaskRule(columns=('"T"."C"', "s.*.x")),
        MaskRule(pattern=r"[a-c]{2,}|\d", name="own"),
        MaskRule(pattern=r"‹|›", name="marks", form=MaskForm.TOKEN),
    ),
)


def written(record: Record) -> str:
    return msgspec.json.encode(record).decode()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_no_planted_secret_survives_in_any_field(body: type[msgspec.Struct]) -> None:
    wraps = itertools.cycle(("{}", "x '{}' y", "{{{}}}", "a,{},b"))
    for secret, wrap in zip(SECRETS, wraps, strict=False):
        spare = IDENTIFYING | IDENTIFYING_TOO if secret.personal else frozenset()
        record = Record(Milliseconds(1), filled(body, wrap.format(secret.written), spare))
        new = ALL_DETECTORS.mask(record)
        assert not survives(secret, written(new)), secret
        assert ALL_DETECTORS.mask(new) == new


QUOTES = (
    "'{}'",
    "E'{}'",
    "N'{}'",
    "$${}$$",
    "$body${}$body$",
    '"{}"',
    "'it''s {}'",
    "E'it\\'s {}'",
    "/* {} */ 1",
    "-- {}\n 1",
    "'a'\n'{}'",
    "CAST('{}' AS text)",
    "'{}'::text",
    "ARRAY['{}']",
    "('{{{}}}')::text[]",
    "'unfinished {}",
    "/* unfinished {}",
)


def hidden(text: str) -> list[str]:
    """The same value in the spellings that hide it from a plain search."""
    return [
        "E'" + "".join(f"\\x{ord(c):02x}" if ord(c) < 128 else c for c in text) + "'",
        "E'" + "".join(f"\\{ord(c):03o}" if ord(c) < 128 else c for c in text) + "'",
        "E'" + "".join(f"\\u{ord(c):04x}" for c in text) + "'",
        "U&'" + "".join(f"\\{ord(c):04x}" for c in text) + "'",
        "U&'" + "".join(f"!+{ord(c):06x}" for c in text) + "' UESCAPE '!'",
        "'" + "'\n'".join(text) + "'",
        "'\\x" + text.encode().hex() + "'",
    ]


@pytest.mark.parametrize("problem", ["", "syntax error"])
def test_no_planted_secret_survives_in_a_statement(problem: str) -> None:
    for at, secret in enumerate(SECRETS):
        quotes = (*QUOTES, *QUOTES)[at % len(QUOTES) :][:4]
        concealed = hidden(secret.written)
        spellings = [quote.format(secret.written) for quote in quotes]
        for spelling in [*spellings, concealed[at % len(concealed)]]:
            command = msgspec.structs.replace(
                statement(f"SELECT {spelling}, 1 FROM t"), problem=problem
            )
            record = ALL_DETECTORS.mask(seen(command))
            assert not survives(secret, written(record)), spelling
            assert ALL_DETECTORS.mask(record) == record


BOUND = 120
CUTTING = RecordMasker(
    (MaskRule(detect=(*PERSONAL, "secret")),),
    bytes(32),
    CaptureBounds(command_bytes=2 * BOUND, response_bytes=BOUND),
)


def captured(text: str) -> str:
    """What a caller hands over of a long value: the bound and the margin, no more."""
    return text.encode()[: BOUND + CAPTURE_MARGIN].decode("utf-8", "ignore")


def beginnings(secret: Planted) -> list[str]:
    """What a cut could leave of the secret: anything longer than a word's beginning."""
    return [secret.core[:length] for length in range(7, len(secret.core) + 1)]


@pytest.mark.parametrize("at", range(BOUND - 72, BOUND + 8, 8))
def test_no_beginning_of_a_secret_survives_a_cut(at: int) -> None:
    for secret in SECRETS[:36]:
        text = captured("lorem ipsum " * 20)[:at] + " " + secret.written + " tail" * 2000
        text = captured(text)
        argument = Argument(text, "text", 99999, truncated=True)
        rows = ((text,),)
        columns = (text[:40], text[40:80], text[80:])
        bodies = (
            Response(0, Outcome.OK, "SELECT", 1, 1, 1, captured=rows, truncated=True),
            Response(0, Outcome.OK, "SELECT", 1, 1, 1, captured=(columns,), truncated=True),
            Stream(0, "up", "copy", 1, captured=rows, truncated=True),
            seen(msgspec.structs.replace(statement(""), arguments=(argument,))).body,
        )
        for body in bodies:
            record = CUTTING.mask(Record(Milliseconds(1), body))
            if not (isinstance(body, Response) and len(body.captured[0]) > 1):
                assert not any(
                    survives(msgspec.structs.replace(secret, core=part), written(record))
                    for part in beginnings(secret)
                ), (secret, written(record))
            assert CUTTING.mask(record) == record


CHUNKS = st.sampled_from(
    [
        "4111 1111 1111 1111", "4111", "1111 ", "jo@example.com", "@", "'", '"', "$$", "$a$", "\\",
        "E'", "U&'", "--", "/*", "*/", "\n", "\x1a", "\x1f", "\x1b", "\u200b", "\ud800", "‹card›",
        "‹card:bcdf", "›", "‹", "…", "password=", "PASSWORD '", "postgres://a:b@", "(a)=(b)", "é",
        "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "\\x", "34313131", "\x00", "５",
        "123-45-6789", "GB82WEST12345698765432", "10.0.0.1", "::", "UESCAPE '!'", "0", "12345678",
        'COPY users, line 1, column ssn: "', "x", " ", "users", "ssn", "public", "pg_catalog",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=20), st.lists(CHUNKS, max_size=6).map("".join))
RECORDS = st.one_of([values(body, TEXTS) for body in BODIES]).map(
    lambda body: Record(Milliseconds(1), body)
)


@settings(max_examples=400, deadline=None)
@given(record=RECORDS, one=st.sampled_from(MASKERS))
def test_masking_is_total_idempotent_and_pure(record: Record, one: RecordMasker) -> None:
    before = repr(record)
    new = one.mask(record)
    assert repr(record) == before
    assert one.mask(record) == new
    assert one.mask(new) == new
    msgspec.json.encode(new)
    if isinstance(new.body, CommandSeen):
        command = new.body.command
        assert (command.marks, command.relations, command.resolved) == ((), (), True)
        assert all(
            (a.columns, a.proven, a.readable, a.secret) == ((), False, True, False)
            for a in command.arguments
        )
    if isinstance(new.body, Response | Stream):
        assert (new.body.relations, new.body.resolved) == ((), True)
        assert all(column.origin is None for column in new.body.columns)


BOUNDED = {
    limit: RecordMasker(
        (MaskRule(detect=(*PERSONAL, "secret"), form=MaskForm.TOKEN), MaskRule(columns=("*.ssn",))),
        bytes(32),
        CaptureBounds(command_bytes=limit, response_bytes=limit),
    )
    for limit in (0, 2, 3, 5, 16, 33, 60)
}


@settings(max_examples=400, deadline=None)
@given(record=RECORDS, limit=st.sampled_from(sorted(BOUNDED)))
def test_the_bounds_hold_for_any_record(record: Record, limit: int) -> None:
    one = BOUNDED[limit]
    new = one.mask(record)
    assert one.mask(new) == new
    body = new.body
    if isinstance(body, Response | Stream):
        cells = [cell or "" for row in body.captured for cell in row]
        assert sum(len(cell.encode()) + 1 for cell in cells) <= limit
    if isinstance(body, CommandSeen):
        assert len(body.command.text.encode()) <= limit
        assert all(len((a.value or "").encode()) <= limit for a in body.command.arguments)
