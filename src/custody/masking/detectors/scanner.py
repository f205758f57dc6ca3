"""Finds and replaces what the detectors know, in many texts at once.

Law: the result holds nothing that the scanner itself would still find, so scanning twice changes
nothing. Work is linear in the length of the texts, times the number of detectors; what does not
settle within a few passes is redacted whole.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

import re2

from custody.masking.detectors import ascii_fold, disguises, encodings
from custody.masking.detectors.ascii_fold import BORDER, DELETED
from custody.masking.detectors.catalogue import SHAPES, Shape
from custody.masking.detectors.cue_matcher import Cues, re2_options
from custody.masking.detectors.disguises import Reading
from custody.masking.marks import OWN, REDACTED, MarkKind, Marks

_PASSES: Final = 6
_SHORT_CANDIDATE: Final = 128
_SHORTEST_NUMBER: Final = 12
"""Fewer digits alone are nothing that a detector looks for."""
_OPEN: Final = "‹"  # noqa: RUF001 - begins every mark
_CONTROL_CUE: Final = rb"[\x00-\x08\x0b\x0c\x0e-\x19\x1b-\x1e\x7f]"
_ENCODED_CUE: Final = rb"\\x[0-9A-Fa-f]{16}|[0-9A-Fa-f]{22}|[A-Za-z0-9+/_-]{20}"
_PATTERN_MEMORY: Final = 16 << 20
_BY_PLACE: Final = itemgetter(0, 1)

HITS_AT_MOST: Final = 5_000
"""Finds in one look that are named one by one; with more, all that was looked at is redacted."""


CANDIDATES_AT_MOST: Final = 4_000
"""Likewise of candidates whose judge takes long."""


class _TooDenseError(Exception):
    """There is more to judge than anybody can wait for."""


class Span(NamedTuple):
    """A found value in a text, in characters, and what stands in its place."""

    start: int
    end: int
    mark: str


class _Hit(NamedTuple):
    start: int
    end: int
    kind: MarkKind
    normal: str | None


def compile_own(pattern: str) -> Any:  # noqa: ANN401 - re2 publishes no types
    """An operator's expression. Raises ``re2.error`` where it does not compile."""
    return re2.compile(pattern, options=re2_options(_PATTERN_MEMORY, latin=False))


class Scanner:
    """Detectors in use, each with the kind that its finds become; and own expressions."""

    __slots__ = (
        "_control",
        "_cues",
        "_disguised",
        "_encoded",
        "_exact",
        "_own",
        "_tokens",
    )

    def __init__(
        self,
        kinds: dict[str, MarkKind],
        own: Sequence[tuple[Any, MarkKind]],
        tokens: Marks,
    ) -> None:
        self._tokens: Final = tokens
        self._own: Final = tuple(own)
        self._exact: Final[list[tuple[Shape, Any, MarkKind]]] = []
        exact = re2_options(_PATTERN_MEMORY, latin=True)
        cues: list[tuple[str, bytes]] = []
        for shape in SHAPES:
            kind = kinds.get(shape.detector)
            if kind is not None:
                cues.append((shape.lane, shape.cue))
                self._exact.append((shape, re2.compile(shape.pattern, options=exact), kind))
        self._control: Final = len(cues)
        self._encoded: Final = len(cues) + 1
        self._disguised: Final = len(cues) + 2
        cues += [
            ("marks", _CONTROL_CUE),
            ("marks", _ENCODED_CUE),
            ("words", disguises.CUE),
        ]
        self._cues: Final = Cues(cues)

    def is_clean(self, text: str) -> bool:
        """Whether nothing in ``text`` could be a find: true for most of what passes by, fast.

        ``text`` may be many values joined by ``BORDER``.
        """
        if self._own:
            return False
        if not text.isascii():
            if not ascii_fold.is_encodable(text):
                return False
            cues = self._cues.match(ascii_fold.fold(text).encode())
            return not cues or (len(cues) == 1 and cues[0] == self._control)
        if len(text) < _SHORTEST_NUMBER and text.lstrip("-").isdigit():
            return True
        return not self._cues.match(text.encode())

    def scan(self, texts: Sequence[str]) -> list[str]:
        """The texts with every find replaced."""
        results = [text if text.isascii() else ascii_fold.encodable(text) for text in texts]
        pending = [at for at, text in enumerate(results) if text]
        for _ in range(_PASSES):
            found = self.find([results[at] for at in pending])
            changed = []
            for at, spans in zip(pending, found, strict=True):
                if spans:
                    text = results[at]
                    results[at] = apply(text, spans)
                    if spans[0].end - spans[0].start < len(text):
                        changed.append(at)
            if not changed:
                return results
            pending = changed
        for at, spans in zip(pending, self.find([results[at] for at in pending]), strict=True):
            if spans:
                results[at] = REDACTED.redaction
        return results

    def find(self, texts: Sequence[str]) -> list[Sequence[Span]]:
        """For each text its finds, in order, not overlapping."""
        if not texts:
            return []
        found: list[Sequence[Span]] = [()] * len(texts)
        joined = self._join(texts)
        starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
        try:
            hits, disguised = self._look(joined, None)
            for reading in disguises.readings(joined) if disguised else ():
                hits += self._look(reading.text, reading)[0]
        except _TooDenseError:
            # Naming each would hold everybody up; a text so dense is redacted as a whole.
            found = [(Span(0, len(text), REDACTED.redaction),) for text in texts]
        else:
            for owner, spans in self._spans(texts, starts, hits).items():
                found[owner] = spans
        if self._own:
            self._find_own(texts, found)
        return found

    def _join(self, texts: Sequence[str]) -> str:
        joined = BORDER.join(texts)
        if joined.count(BORDER) != len(texts) - 1:
            joined = BORDER.join([text.replace(BORDER, DELETED) for text in texts])
        if OWN in joined:
            joined = joined.replace(OWN, DELETED)
        if _OPEN in joined:
            joined = self._tokens.blank(joined)
        return joined

    def _look(self, joined: str, reading: Reading | None) -> tuple[list[_Hit], bool]:
        """What stands in ``joined``, in places of the texts as they were written; and whether
        something there is written with escapes. ``reading``: what knows where each character stood.
        """
        folded = joined if joined.isascii() else ascii_fold.fold(joined)
        data = folded.encode("ascii")
        cues = self._cues.match(data)
        if joined.isascii() and self._control in cues:
            folded = ascii_fold.fold(joined)
            data = folded.encode("ascii")
            cues = self._cues.match(data)
        disguised = self._disguised in cues
        hits = list(islice(self._hits(data, cues), HITS_AT_MOST + 1))
        if len(hits) > HITS_AT_MOST:
            raise _TooDenseError
        places = ascii_fold.places(joined) if len(folded) != len(joined) else None
        if not hits or (places is None and reading is None):
            return hits, disguised
        origins = reading.places() if reading is not None else None
        return [_moved(hit, places, origins) for hit in hits], disguised

    def _spans(
        self, texts: Sequence[str], starts: Sequence[int], hits: list[_Hit]
    ) -> dict[int, list[Span]]:
        per_text: dict[int, list[Span]] = {}
        for hit in _settle(hits) if hits else ():
            start, end = hit.start, hit.end
            owner = bisect_right(starts, start) - 1
            base = starts[owner]
            text = texts[owner]
            start, end = start - base, min(end - base, len(text))
            value = text[start:end]
            normal = hit.normal if hit.normal is not None else ascii_fold.plain(value)
            per_text.setdefault(owner, []).append(
                Span(start, end, self._tokens.mark(hit.kind, normal))
            )
        return per_text

    def _hits(self, data: bytes, cues: Sequence[int]) -> Iterator[_Hit]:
        for cue in sorted(cues):
            if cue in (self._control, self._disguised):
                continue
            if cue == self._encoded:
                yield from self._hidden(data)
                continue
            shape, pattern, kind = self._exact[cue]
            yield from _hits_of(shape, pattern, kind, data)

    def _hidden(self, data: bytes) -> Iterator[_Hit]:
        """Finds inside hexadecimal and base64; the whole form is then redacted."""
        for start, end, text in encodings.decoded(data):
            if any(self.find([text])):
                yield _Hit(start, end, REDACTED, None)

    def hides(self, hexadecimal: bytes) -> bool:
        """Whether the decoded bytes hold a find. ``hexadecimal`` has an even number of digits."""
        inner = bytes.fromhex(hexadecimal.decode())
        for encoding in ("utf-8", "latin-1"):
            text = inner.decode(encoding, "replace").replace("\\x", "")
            if any(self.find([text])):
                return True
        return False

    def _find_own(self, texts: Sequence[str], found: list[Sequence[Span]]) -> None:
        for at, text in enumerate(texts):
            spans = list(found[at])
            seen = self._tokens.blank(text.replace(OWN, DELETED))
            seen = ascii_fold.encodable(seen)
            for pattern, kind in self._own:
                for match in pattern.finditer(seen):
                    start, end = match.span()
                    if seen[start:end].strip(OWN):
                        value = text[start:end]
                        mark = self._tokens.mark(kind, ascii_fold.plain(value))
                        spans.append(Span(start, end, mark))
            found[at] = _join_spans(spans) if len(spans) > 1 else spans


def _moved(hit: _Hit, places: Sequence[int] | None, origins: Sequence[int] | None) -> _Hit:
    """The hit in the places of the text as it was written."""
    start, end = hit.start, hit.end
    if places is not None:
        start, end = places[start], places[end - 1] + 1
    if origins is not None:
        # The last character may have been written as several: up to where the next began.
        start, end = origins[start], origins[end]
    return _Hit(start, end, hit.kind, hit.normal)


def _hits_of(shape: Shape, pattern: Any, kind: MarkKind, data: bytes) -> Iterator[_Hit]:  # noqa: ANN401 - re2 publishes no types
    reached = 0
    for number, (start, end) in enumerate(_candidates(shape, pattern, data)):
        if shape.costly and number > CANDIDATES_AT_MOST:
            raise _TooDenseError
        if start < reached or (shape.apart and not _stands_apart(data, start, end)):
            continue
        for part in shape.judge(data, start, end):
            if data[part.start : part.end].strip(b"\x1a"):
                reached = max(reached, part.end)
                yield _Hit(part.start, part.end, kind, part.normal)


def _candidates(shape: Shape, pattern: Any, data: bytes) -> Iterator[tuple[int, int]]:  # noqa: ANN401 - re2 publishes no types
    """The spans that a pattern finds: its first group, or the whole match."""
    groups = range(1, pattern.groups + 1)
    if shape.exact is None:
        for match in pattern.finditer(data):
            yield _span(match, groups)
        return
    at = 0
    while (match := pattern.search(data, at)) is not None:
        start, end = _span(match, groups)
        found = False
        exact = shape.exact.search(data, start, end)
        while exact is not None:
            yield exact.span()
            start = exact.end()
            # What the loose pattern took in one piece is not searched again from its middle on.
            exact = None if pattern.groups else shape.exact.search(data, start, end)
            at = start if pattern.groups else end
            found = True
        if not found:
            # Too short for one service's key; another's may begin inside.
            at = start + 1 if end - start <= _SHORT_CANDIDATE else end


def _span(match: Any, groups: range) -> tuple[int, int]:  # noqa: ANN401 - re2 publishes no types
    for group in groups:
        if match.start(group) >= 0:
            start, end = match.span(group)
            return start, end
    start, end = match.span()
    return start, end


def _stands_apart(data: bytes, start: int, end: int) -> bool:
    return not data[max(0, start - 1) : start].isalnum() and not data[end : end + 1].isalnum()


def _settle(hits: list[_Hit]) -> Iterator[_Hit]:
    """Overlapping hits become one: all that any of them covers, named by the longest."""
    hits.sort(key=_BY_PLACE)
    current = hits[0]
    for hit in hits[1:]:
        if hit.start >= current.end:
            yield current
            current = hit
            continue
        if hit.start == current.start and hit.end == current.end:
            continue
        longest = max(current, hit, key=lambda one: one.end - one.start)
        start, end = current.start, max(current.end, hit.end)
        exact = (longest.start, longest.end) == (start, end)
        current = _Hit(start, end, longest.kind, longest.normal if exact else None)
    yield current


def _join_spans(spans: list[Span]) -> list[Span]:
    """The same for spans: the mark of the longest stands for all that overlap."""
    spans.sort(key=_BY_PLACE)
    joined = [spans[0]]
    for span in spans[1:]:
        last = joined[-1]
        if span.start >= last.end:
            joined.append(span)
            continue
        longest = max(last, span, key=lambda one: one.end - one.start)
        joined[-1] = Span(last.start, max(last.end, span.end), longest.mark)
    return joined


def apply(text: str, spans: Sequence[Span]) -> str:
    """``text`` with each span replaced by its mark."""
    parts = []
    at = 0
    for span in spans:
        parts.append(text[at : span.start])
        parts.append(span.mark)
        at = span.end
    parts.append(text[at:])
    return "".join(parts)
