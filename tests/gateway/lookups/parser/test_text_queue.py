"""Askers take turns, and nothing that waits is without a bound."""

from custody.gateway.lookups.parser.text_queue import (
    BYTES_AT_MOST,
    LONG,
    TEXTS_AT_MOST,
    TEXTS_OF_ONE_AT_MOST,
    WaitingText,
    WaitingTexts,
)


def text(words: bytes, asker: str) -> WaitingText:
    return WaitingText(words, len(words), asker, lambda _: None, lambda: False)


def taken(waiting: WaitingTexts, *, long: bool = True) -> list[bytes]:
    found = []
    while (each := waiting.next(long=long)) is not None:
        found.append(each.data[:2])
    return found


def test_askers_take_turns() -> None:
    waiting = WaitingTexts()
    for number in range(3):
        assert waiting.add(text(b"a%d" % number, "a"))
    assert waiting.add(text(b"b0", "b"))
    assert waiting.add(text(b"c0", "c"))
    assert waiting.add(text(b"c1", "c"))
    assert taken(waiting) == [b"a0", b"b0", b"c0", b"a1", b"c1", b"a2"]


def test_short_texts_pass_long_ones_where_these_must_wait() -> None:
    waiting = WaitingTexts()
    waiting.add(text(b"L0" + b"x" * LONG, "a"))
    waiting.add(text(b"s0", "a"))
    assert taken(waiting, long=False) == [b"s0"]
    assert taken(waiting) == [b"L0"]


def test_one_asker_cannot_fill_the_line() -> None:
    waiting = WaitingTexts()
    added = [waiting.add(text(b"a", "a")) for _ in range(TEXTS_OF_ONE_AT_MOST + 1)]
    assert added.count(False) == 1
    assert waiting.add(text(b"b", "b"))
    assert waiting.next(long=True) is not None
    assert waiting.add(text(b"a", "a"))


def test_the_line_has_a_bound_in_texts_and_in_bytes() -> None:
    waiting = WaitingTexts()
    added = [waiting.add(text(b"x", str(n))) for n in range(TEXTS_AT_MOST + 1)]
    assert added.count(False) == 1
    heavy = WaitingTexts()
    most = b"x" * (BYTES_AT_MOST // 2 + 1)
    assert heavy.add(text(most, "a"))
    assert not heavy.add(text(most, "b"))
    taken(heavy)
    assert heavy.add(text(most, "b"))
