"""Wrapped keys: a day's file, torn, garbled, or whole."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.scenes import Scene

from custody.evidence.disk.wrapped_keys import (
    DayKey,
    day_name,
    first_lines,
    key_line,
    line_hash,
    parse,
    scope_of,
    unwrap,
    whole_lines,
    wrap,
)
from custody.evidence.log.open_day import open_day, wrapped_path
from custody.evidence.record.seal import SealError
from custody.model.errors import LogFailureError

DAY = "2026-03-01"
WHOLE = first_lines(DAY, b"wrapped day") + key_line("log", b"one") + key_line("ses_a", b"two")


def test_lines_are_read_back() -> None:
    wrapped = parse(WHOLE + key_line("log", b"a second line for a scope"), DAY)
    assert wrapped.day_key == b"wrapped day"
    assert wrapped.keys == {"log": b"one", "ses_a": b"two"}
    assert wrapped.damaged == 0


@given(st.integers(0, len(WHOLE)), st.binary(max_size=40))
def test_what_a_crash_tore_is_dropped_and_the_rest_stays(kept: int, garbage: bytes) -> None:
    torn = WHOLE[:kept] + garbage + b"\n" + key_line("ses_b", b"three") + b"\n\n\n"
    whole = whole_lines(torn, DAY)
    assert parse(whole, DAY).damaged == 0
    assert "ses_b" in parse(whole, DAY).keys
    assert whole_lines(whole, DAY) == whole


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_noticed(position: int, bit: int) -> None:
    flipped = bytearray(WHOLE)
    flipped[position] ^= 1 << bit
    assert parse(bytes(flipped), DAY) != parse(WHOLE, DAY)
    assert parse(bytes(flipped), DAY).damaged > 0


@given(st.binary(max_size=300))
def test_garbage_is_counted(data: bytes) -> None:
    assert parse(data, DAY).damaged > 0
    assert parse(whole_lines(data, DAY), DAY).damaged == 0


def test_a_key_opens_only_where_it_belongs() -> None:
    key = AESGCM(b"K" * 32)
    wrapped = wrap(key, day_name(DAY), b"D" * 32, lambda size: b"n" * size)
    assert unwrap(key, day_name(DAY), wrapped) == b"D" * 32
    for what, data in ((day_name("2026-03-02"), wrapped), (day_name(DAY), wrapped[:-1]),
                       (day_name(DAY), b"")):  # fmt: skip
        with pytest.raises(SealError):
            unwrap(key, what, data)


def test_a_scope_is_the_session_or_the_loop_or_the_log() -> None:
    assert scope_of("loop_x", "ses_x") == "ses_x"
    assert scope_of("loop_x", None) == "loop_x"
    assert scope_of(None, None) == "log"


def test_a_day_is_opened_again_with_its_keys() -> None:
    scene = Scene()
    first = open_day(scene.disk, scene.evidence, scene.keys(), DAY, scene.random, ())
    made = first.lasting_key("log")
    assert first.lasting_key("log").line == made.line != b""
    first.write(made.line)
    first.queued("log", made.line)
    assert first.lasting_key("log") == (made.key, b"", "")

    path = wrapped_path(scene.evidence, DAY)
    scene.disk.put(path, scene.disk.files()[path] + b"key loop_x AAA")
    again = open_day(scene.disk, scene.evidence, scene.keys(), DAY, scene.random, ())
    assert again.lasting_key("log") == (made.key, b"", line_hash(made.line))
    assert again.content_key == first.content_key
    assert parse(scene.disk.files()[path], DAY).damaged == 0


def test_a_day_that_does_not_open_stops_the_log() -> None:
    scene = Scene()
    open_day(scene.disk, scene.evidence, scene.keys(), DAY, scene.random, ())
    path = wrapped_path(scene.evidence, DAY)
    scene.disk.put(path, first_lines(DAY, b"x" * 60))
    with pytest.raises(LogFailureError) as refused:
        open_day(scene.disk, scene.evidence, scene.keys(), DAY, scene.random, ())
    assert refused.value.code == "log.day-key"


@pytest.mark.parametrize("head", [b"custody-wrapped/1 2001-01-01\n", b"Custody", b""])
def test_a_key_file_with_another_header_stops_the_log_and_stays_as_it_is(head: bytes) -> None:
    """A restart that wrote a right header over it would hide what was done."""
    scene = Scene()
    open_day(scene.disk, scene.evidence, scene.keys(), DAY, scene.random, ())
    path = wrapped_path(scene.evidence, DAY)
    altered = head + scene.disk.files()[path].split(b"\n", 1)[1]
    scene.disk.put(path, altered)
    with pytest.raises(LogFailureError, match="its first line is not that day's") as refused:
        open_day(scene.disk, scene.evidence, scene.keys(), DAY, scene.random, ())
    assert refused.value.code == "log.key-file"
    assert scene.disk.files()[path] == altered


def test_keys_of_a_day_are_its_own() -> None:
    key = DayKey(DAY, b"D" * 32)
    wrapped = key.wrap("log", b"S" * 32, lambda size: b"n" * size)
    assert key.unwrap("log", wrapped) == b"S" * 32
    with pytest.raises(SealError):
        DayKey("2026-03-02", b"D" * 32).unwrap("log", wrapped)
