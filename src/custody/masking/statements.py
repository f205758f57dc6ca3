"""What becomes of the literals of a command.

Law: a literal stays only if it is proven to meet no masked column, or if nothing that the command
touches has one. A literal that nobody marked is a literal that is not proven.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple, assert_never

from custody.masking import literals
from custody.masking.columns import ColumnRules
from custody.masking.detectors import ascii_fold
from custody.masking.detectors.scanner import Scanner
from custody.masking.literals import Lexeme, LexemeKind
from custody.masking.marks import REDACTED, Marks
from custody.masking.object_cache import ObjectCache
from custody.masking.truncation import Truncator
from custody.model.command import TextMark

_LONGEST_PLAIN_NUMBER: Final = 5
_PASSES: Final = 4
LITERALS_AT_MOST: Final = 10_000
"""Pieces of a text that are weighed one by one; with more, nothing is kept from the first on."""
_DIGIT: Final = re.compile(r"\d")
_IN_COMMENT: Final = re.compile(r"'[^']*+'?|\"[^\"]*+\"?|\.?\d[\w.]*")


class _Change(NamedTuple):
    start: int
    end: int
    new: str


class StatementMasker:
    """Masks the text of SQL commands, and SQL that stands inside other text."""

    __slots__ = ("_cutter", "_rules", "_scanner", "_tokens", "_wanted")

    def __init__(
        self, rules: ColumnRules, scanner: Scanner, tokens: Marks, cutter: Truncator
    ) -> None:
        self._cutter: Final = cutter
        self._rules: Final = rules
        self._scanner: Final = scanner
        self._tokens: Final = tokens
        self._wanted: Final = ObjectCache[Sequence[TextMark], bool]()

    def mask_marked(self, text: str, marks: Sequence[TextMark], *, touched: bool) -> str:
        """The marked literals that must go are gone; if ``touched``, unmarked ones as well."""
        if not touched and not self._wants_any(marks):
            return text
        changes: list[_Change] = []
        covered: list[_Change] = []
        for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
            start, end = max(0, min(mark.start, len(text))), max(0, min(mark.end, len(text)))
            if start >= end:
                continue
            covered.append(_Change(start, end, ""))
            new = self._exchange(text[start:end], mark, touched=touched)
            if new is None:
                continue
            if changes and start < changes[-1].end:
                last = changes.pop()
                start, end, new = last.start, max(last.end, end), quote_mark(REDACTED.redaction)
            changes.append(_Change(start, end, new))
        if touched:
            changes.extend(self._uncovered(text, covered))
            changes = _disjoint(changes)
        return literals.replace(text, changes) if changes else text

    def mask_blind(self, text: str) -> str:
        """Every literal goes: nothing is known of them."""
        changes: list[_Change] = []
        for number, piece in enumerate(literals.pieces(text)):
            if number >= LITERALS_AT_MOST:
                return _cut_off(text)
            if piece.doubtful or not piece.terminated:
                changes.append(_Change(piece.start, len(text), quote_mark(REDACTED.redaction)))
                break
            changes.extend(self._blind(text, piece))
        return literals.replace(text, changes) if changes else text

    def reveal_hidden(self, text: str) -> str:
        """Literals whose escapes or doubled quotes hide a find are rewritten, masked."""
        if not literals.may_hide(text):
            return text
        pieces = list(islice(literals.pieces(text), LITERALS_AT_MOST + 1))
        if len(pieces) > LITERALS_AT_MOST:
            # Some of them may read differently from how they are written.
            return _cut_off(text)
        candidates = [
            piece
            for piece in pieces
            if piece.sort in {LexemeKind.STRING, LexemeKind.IDENTIFIER}
            and literals.is_disguised(text[piece.start : piece.end], piece.value)
        ]
        if not candidates:
            return text
        values = [piece.value for piece in candidates]
        masked = self._scanner.scan(values)
        changes = [
            _Change(piece.start, piece.end, _quoted_as(piece, new))
            for piece, value, new in zip(candidates, values, masked, strict=True)
            if new != value
        ]
        return literals.replace(text, changes) if changes else text

    def settle(self, text: str, *, blind: bool) -> str:
        """Detectors over the whole text until nothing changes."""
        for _ in range(_PASSES):
            before = text
            if blind:
                text = self.mask_blind(text)
            text = self.reveal_hidden(text)
            if not self._scanner.is_clean(text):
                text = self._scanner.scan((text,))[0]
            if text == before:
                return text
        return REDACTED.redaction

    def cut(self, text: str, limit: int, *, blind: bool) -> str:
        """At most ``limit`` bytes of a settled text, cut where it reads the same as before."""
        result = self._cutter.cut_masked(text, limit)
        if self.settle(result, blind=blind) == result:
            return result
        pieces = [(piece.start, piece.end) for piece in literals.pieces(text)]
        result = self._cutter.cut_masked(text, limit, sorted(pieces + self._tokens.spans(text)))
        if self.settle(result, blind=blind) == result:
            return result
        return self._cutter.cut_masked("", limit)

    def _wants_any(self, marks: Sequence[TextMark]) -> bool:
        """Whether a rule wants one of these literals: mostly none does, and no text is taken up."""
        known = self._wanted.recall(marks)
        if known is not None:
            return known
        return self._wanted.keep(
            marks, any(mark.secret or self._rules.kind_of(mark.columns) for mark in marks)
        )

    def _exchange(self, literal: str, mark: TextMark, *, touched: bool) -> str | None:
        if mark.secret:
            return quote_mark(REDACTED.redaction)
        kind = self._rules.kind_of(mark.columns)
        if kind is None:
            if mark.proven or not touched:
                return None
            return quote_mark(REDACTED.redaction)
        value = literals.value_of(literal)
        if self._tokens.is_own(value):
            return None
        return quote_mark(self._tokens.mark(kind, canonical(value)))

    def _uncovered(self, text: str, covered: Sequence[_Change]) -> list[_Change]:
        changes: list[_Change] = []
        at = 0
        for number, piece in enumerate(literals.pieces(text)):
            if number >= LITERALS_AT_MOST:
                return [_Change(piece.start, len(text), quote_mark(REDACTED.redaction))]
            while at < len(covered) and covered[at].end <= piece.start:
                at += 1
            if at < len(covered) and covered[at].start < piece.end:
                continue
            changes.extend(self._blind(text, piece))
        return changes

    def _blind(self, text: str, piece: Lexeme) -> list[_Change]:
        """The changes that take the values out of one piece."""
        whole = [_Change(piece.start, piece.end, quote_mark(REDACTED.redaction))]
        match piece.sort:
            case LexemeKind.STRING:
                gone = bool(piece.value) and not self._tokens.is_own(piece.value)
            case LexemeKind.NUMBER:
                gone = not is_short_number(piece.value)
            case LexemeKind.IDENTIFIER:
                gone = not piece.terminated
            case LexemeKind.COMMENT:
                return [
                    _Change(found.start(), found.end(), quote_mark(REDACTED.redaction))
                    for found in _IN_COMMENT.finditer(text, piece.start, piece.end)
                    if not self._is_harmless(found.group())
                ]
            case _:
                assert_never(piece.sort)
        return whole if gone else []

    def _is_harmless(self, found: str) -> bool:
        inner = found.strip("'\"")
        return (
            not inner or self._tokens.is_own(inner) or (found == inner and is_short_number(found))
        )


def quote_mark(mark: str) -> str:
    return literals.quote(mark)


def canonical(value: str) -> str:
    """One spelling for a column's value, wherever it was found."""
    return ascii_fold.plain(value).strip()


def is_short_number(text: str) -> bool:
    return len(_DIGIT.findall(text)) <= _LONGEST_PLAIN_NUMBER


def _cut_off(text: str) -> str:
    """``text`` up to its first literal."""
    first = next(literals.pieces(text))
    return text[: first.start] + quote_mark(REDACTED.redaction)


def _quoted_as(piece: Lexeme, value: str) -> str:
    if piece.sort is LexemeKind.IDENTIFIER:
        return '"' + value.replace('"', '""') + '"'
    return literals.quote(value)


def _disjoint(changes: list[_Change]) -> list[_Change]:
    changes.sort()
    kept: list[_Change] = []
    for change in changes:
        if kept and change.start < kept[-1].end:
            last = kept.pop()
            kept.append(_Change(last.start, max(last.end, change.end), last.new))
        else:
            kept.append(change)
    return kept
