"""How much of a value is kept, and how it is cut.

Law: a caller captures ``CAPTURE_MARGIN`` bytes more than the bound, so that masking sees what a cut
would tear apart; masking then cuts to the bound at a place in the *original*, and what straddles
the cut is dropped whole, mark and all. A cut never leaves the beginning of a find.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from custody.masking.detectors.scanner import Scanner, Span, apply
from custody.masking.marks import Marks

CAPTURE_MARGIN: Final = 4096
"""Bytes that a caller captures beyond each bound: longer than any find that a cut could hide."""
CUT: Final = "…"
"""Ends a value that masking has cut."""
_CUT_BYTES: Final = len(CUT.encode())
_RETRIES: Final = 8


class CaptureBounds(msgspec.Struct, frozen=True):
    """``command_bytes`` bounds what is kept of a command's text, and of its bind values together;
    ``response_bytes`` bounds the captured cells of one response or stream, and one bind value.
    UTF-8 bytes, counted after masking; a cell costs one byte beside its text.
    """

    command_bytes: int = 1 << 20
    response_bytes: int = 1 << 16


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def head(text: str, limit: int) -> int:
    """How many characters of ``text`` fit into ``limit`` bytes."""
    if limit <= 0:
        return 0
    if text.isascii():
        return min(len(text), limit)
    return len(text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore"))


class Truncator:
    """Cuts single texts so that the result is what masking would leave alone."""

    __slots__ = ("_scanner", "_tokens")

    def __init__(self, scanner: Scanner, tokens: Marks) -> None:
        self._scanner: Final = scanner
        self._tokens: Final = tokens

    def cut_original(self, text: str, limit: int) -> str:
        """The first ``limit`` bytes of an unmasked text, masked. Reads all of ``text``."""
        found = self._scanner.find((text,))[0]
        end = head(text, limit - _CUT_BYTES)
        end = _before_straddling(end, [(span.start, span.end) for span in found])
        kept: Sequence[Span] = [span for span in found if span.end <= end]
        masked = self._scanner.scan((apply(text[:end], kept),))[0]
        return self.cut_masked(masked, limit)

    def cut_masked(
        self, text: str, limit: int, whole: Sequence[tuple[int, int]] | None = None
    ) -> str:
        """At most ``limit`` bytes of a masked text, with the sign of a cut.

        What stands in ``whole`` is kept whole or goes; if not given, that is our own marks.
        """
        if text.endswith(CUT) and size(text) <= limit:
            return text
        end = head(text, limit - _CUT_BYTES)
        end = _before_straddling(end, self._tokens.spans(text) if whole is None else whole)
        for _ in range(_RETRIES):
            result = text[:end] + CUT
            found = self._scanner.find((result,))[0]
            if not found:
                return result if size(result) <= limit else ""
            end = min(end, found[0].start)
        return CUT if limit >= _CUT_BYTES else ""


def _before_straddling(end: int, spans: Sequence[tuple[int, int]]) -> int:
    for start, stop in spans:
        if start < end < stop:
            return start
    return end
