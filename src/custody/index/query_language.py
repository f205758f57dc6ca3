"""The query language: free words and ``key:value`` terms.

Law: this is total and has no clock: any text gives a ``Filter`` or a ``CustodyError`` that says
what to write instead. ``docs/investigator.md`` describes the language for its users.
"""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from custody.index.filter import Filter, SearchField, Term
from custody.index.text import fold, is_word
from custody.model.errors import CustodyError
from custody.model.words import Decision, Effect, Outcome

LONGEST_QUERY: Final = 4096
MOST_TERMS: Final = 32

KEYS: Final = (
    *(field.value for field in SearchField if field not in {SearchField.WORD, SearchField.TEXT}),
    "since",
    "until",
)
"""Every key that a query may use."""

_CLOSED: Final = {
    SearchField.EFFECT: tuple(Effect),
    SearchField.VERDICT: tuple(Decision),
    SearchField.OUTCOME: tuple(Outcome),
}
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_TERM: Final = re.compile(
    rf"(?P<minus>-?)(?:(?P<key>\w+):)?(?:(?P<quoted>{_QUOTED})|(?P<bare>[^\s\"]+))(?=\s|$)",
    re.DOTALL,
)
_SPACE: Final = re.compile(r"\s*")
_DURATION: Final = re.compile(r"(\d{1,9})(s|m|h|d|w)", re.ASCII)
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_STAMP: Final = re.compile(r"\d{11,15}", re.ASCII)


class _Written(NamedTuple):
    key: str | None
    value: str
    quoted: bool
    negated: bool


def parse_query(text: str, now: int) -> Filter:
    """The filter that a query asks for; ``now`` is what ``since:1h`` counts back from.

    Codes: ``search.syntax``, ``search.unknown-key``, ``search.bad-value``, ``search.too-long``.
    """
    if len(text) > LONGEST_QUERY:
        raise CustodyError(
            "search.too-long",
            f"The query is longer than {LONGEST_QUERY} characters.",
            "Ask for a shorter part of the text.",
        )
    terms: list[Term] = []
    since: int | None = None
    until: int | None = None
    for written in _split(text):
        match written.key:
            case "since":
                since = _instant(written, now)
            case "until":
                until = _instant(written, now)
            case _:
                terms.append(_term(written))
    if len(terms) > MOST_TERMS:
        raise CustodyError(
            "search.too-long", f"The query has more than {MOST_TERMS} terms.", "Use fewer."
        )
    return Filter(tuple(terms), since, until)


def _split(text: str) -> list[_Written]:
    written = []
    at = _space(text, 0)
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise CustodyError(
                "search.syntax",
                f"The query cannot be read from character {at + 1} on: a quote is not closed, or "
                "stands inside a word.",
                'Put text that holds spaces or quotes in quotes: "say \\"this\\"".',
            )
        quoted = found["quoted"]
        value = found["bare"] if quoted is None else re.sub(r"(?s)\\(.)", r"\1", quoted[1:-1])
        written.append(_Written(found["key"], value, quoted is not None, bool(found["minus"])))
        at = _space(text, found.end())
    return written


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _term(written: _Written) -> Term:
    if written.key is None:
        return _free(written)
    if written.key not in KEYS:
        raise CustodyError(
            "search.unknown-key",
            f"There is no key {written.key!r}.",
            f"Keys are {', '.join(KEYS)}. To search for text with a colon, put it in quotes.",
        )
    field = SearchField(written.key)
    value = _clean(written.value)
    prefix = not written.quoted and value.endswith("*")
    if prefix:
        value = value[:-1]
    allowed = _CLOSED.get(field)
    if allowed is not None and value not in allowed:
        raise CustodyError(
            "search.bad-value",
            f"{written.key}:{written.value} names no {written.key}.",
            f"It is one of {', '.join(allowed)}.",
        )
    return Term(field, value, written.negated, prefix and allowed is None)


def _free(written: _Written) -> Term:
    folded = fold(written.value)
    if not written.quoted:
        if is_word(folded):
            return Term(SearchField.WORD, folded, written.negated)
        if folded.endswith("*") and is_word(folded[:-1]):
            return Term(SearchField.WORD, folded[:-1], written.negated, prefix=True)
    if not folded:
        raise CustodyError(
            "search.syntax", "The query asks for an empty text.", "Leave the empty quotes out."
        )
    return Term(SearchField.TEXT, folded, written.negated)


def _instant(written: _Written, now: int) -> int:
    value = written.value
    duration = _DURATION.fullmatch(value)
    if not written.negated:
        if duration is not None:
            return max(0, now - int(duration[1]) * _UNITS[duration[2]])
        if _STAMP.fullmatch(value):
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0, int(moment.timestamp() * 1000))
    raise CustodyError(
        "search.bad-value",
        f"{written.key}:{value} names no time.",
        "Write how long ago (15m, 1h, 2d), or a UTC time: 2026-01-31 or 2026-01-31T10:00.",
    )


def _clean(value: str) -> str:
    return value.encode("utf-8", "replace").decode("utf-8")
