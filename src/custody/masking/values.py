"""What becomes of bind values and of captured cells.

Law: a cell stays only if its column is proven to be one that no rule names, or if nothing that
the command touches has a masked column; detectors then still look at it. NULL stays NULL.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from custody.masking.columns import ColumnRules
from custody.masking.detectors.ascii_fold import BORDER
from custody.masking.detectors.credentials import closes_private_key, opens_private_key
from custody.masking.detectors.scanner import Scanner
from custody.masking.marks import REDACTED, MarkKind, Marks
from custody.masking.object_cache import ObjectCache
from custody.masking.statements import canonical
from custody.masking.truncation import CUT, CaptureBounds, Truncator, size
from custody.model.command import Argument, Column
from custody.model.record import OutputColumn

Row = tuple[str | None, ...]
_CELL_RESERVE: Final = 4
"""The sign of a cut and the cell's own byte: what even a cell that is left out costs."""


_NAMELESS: Final = OutputColumn("", "")
"""A column of a result that nobody described."""
_TYPES_LIMIT: Final = 1024
_TYPE_LENGTH_LIMIT: Final = 64


class ValueMasker:
    """Masks arguments and cells, and keeps them within their bounds."""

    __slots__ = (
        "_bounds",
        "_cutter",
        "_kinds",
        "_named",
        "_rules",
        "_scanner",
        "_strict",
        "_tokens",
        "_types",
    )

    def __init__(
        self,
        rules: ColumnRules,
        scanner: Scanner,
        tokens: Marks,
        cutter: Truncator,
        bounds: CaptureBounds,
        *,
        strict: bool,
    ) -> None:
        """``strict``: of a value that nobody could decode, only the length is kept."""
        self._strict: Final = strict
        self._rules: Final = rules
        self._scanner: Final = scanner
        self._tokens: Final = tokens
        self._cutter: Final = cutter
        self._bounds: Final = bounds
        self._types: Final[dict[str, str]] = {}
        self._named: Final = ObjectCache[Sequence[tuple[Column, ...] | None], bool]()
        self._kinds: Final = ObjectCache[Sequence[OutputColumn], Sequence[MarkKind | None]]()

    def arguments(
        self, arguments: Sequence[Argument], *, touched: bool, blind: bool = False
    ) -> tuple[Argument, ...]:
        """Masked, each within ``response_bytes`` and together within ``command_bytes``.

        ``blind``: the command could not be read, so no value of it is proven to be anything.
        """
        masked = []
        left = self._bounds.command_bytes
        plain = not (touched or blind)
        for argument in arguments:
            value, cut = argument.value, False
            if not (plain and value and self._is_plain(argument, value, left)):
                value, cut = self._argument(argument, left, touched=touched, blind=blind)
            left -= size(value or "") + 1
            masked.append(
                Argument(
                    value,
                    argument.type and (self._types.get(argument.type) or self._type(argument.type)),
                    argument.length,
                    truncated=argument.truncated or cut,
                )
            )
        return tuple(masked)

    def _is_plain(self, argument: Argument, value: str, left: int) -> bool:
        """Whether it stays as it is: short, meeting no masked column, and nothing found in it."""
        return (
            4 * len(value) <= min(left, self._bounds.response_bytes)
            and argument.readable
            and not argument.secret
            and self._rules.kind_of(argument.columns) is None
            and self._scanner.is_clean(value)
        )

    def _type(self, name: str) -> str:
        """A type's name, masked. Names come again; the scanner looks at each once."""
        masked = self._scan(name)
        if len(self._types) < _TYPES_LIMIT and len(name) <= _TYPE_LENGTH_LIMIT:
            self._types[name] = masked
        return masked

    def _argument(
        self, argument: Argument, left: int, *, touched: bool, blind: bool
    ) -> tuple[str | None, bool]:
        value = argument.value
        if value is None:
            return None, False
        kind = self._argument_kind(argument, touched=touched, blind=blind)
        limit = min(self._bounds.response_bytes, max(left, 0))
        if not argument.readable:
            masked = self._unread(value, kind, argument.length)
        elif kind is not None:
            masked = (
                value if self._tokens.is_own(value) else self._tokens.mark(kind, canonical(value))
            )
        elif size(value) > limit:
            return self._cutter.cut_original(value, limit), True
        else:
            masked = self._scan(value)
        if size(masked) > limit:
            return self._cutter.cut_masked(masked, limit), True
        return masked, False

    def _argument_kind(self, argument: Argument, *, touched: bool, blind: bool) -> MarkKind | None:
        if argument.secret:
            return REDACTED
        kind = self._rules.kind_of(argument.columns) if argument.columns else None
        if kind is None and (blind or (touched and not argument.proven)):
            return REDACTED
        return kind

    def _unread(self, hexadecimal: str, kind: MarkKind | None, length: int) -> str:
        """What is kept of a value that nobody could decode."""
        if kind is not None:
            return kind.redaction
        if self._strict:
            return self._tokens.length(length)
        return REDACTED.redaction if self._hides(hexadecimal) else self._scan(hexadecimal)

    def _hides(self, value: str) -> bool:
        try:
            even = value[: len(value) & ~1].encode("ascii")
            return self._scanner.hides(even)
        except ValueError:
            return False

    def _scan(self, text: str) -> str:
        return text if self._scanner.is_clean(text) else self._scanner.scan((text,))[0]

    def cells(
        self,
        columns: Sequence[OutputColumn],
        captured: Sequence[Row],
        *,
        touched: bool,
        truncated: bool,
        unread: Sequence[tuple[int, int, int]] = (),
        derived: Sequence[tuple[Column, ...] | None] = (),
    ) -> tuple[tuple[Row, ...], bool]:
        """The masked cells within ``response_bytes``, and whether anything was left out."""
        if not columns and captured and len(derived) == len(captured[0]):
            columns = (_NAMELESS,) * len(derived)
        kinds = self._kinds_of(columns)
        limit = self._bounds.response_bytes
        known = captured
        if unread:
            unread = [place for place in unread if _holds(captured, *place[:2])]
            known = _with_cells(captured, {(row, column): "" for row, column, _ in unread})
        named = self._names_credential(derived)
        if not (touched or named or unread or any(kinds)):
            joined = BORDER.join([cell or "" for row in captured for cell in row])
            if self._scanner.is_clean(joined) and size(joined) < limit:
                return tuple(captured), truncated
        default = REDACTED if touched else None
        if touched or named:
            known_sources = derived if len(derived) == len(columns) else (None,) * len(columns)
            kinds = [
                kind if column.origin is not None else self._derived(sources, kind, touched=touched)
                for column, kind, sources in zip(columns, kinds, known_sources, strict=True)
            ]
        by_row = _RowKinds(kinds, default, last=len(captured) - 1 if truncated else -1)
        rows = self._mask_rows(by_row, known)
        if unread:
            rows = _with_cells(rows, self._marks_of(by_row, captured, unread))
        kept, cut = self._fit(known, rows, limit, by_row)
        return kept, truncated or cut

    def _names_credential(self, derived: Sequence[tuple[Column, ...] | None]) -> bool:
        """Whether a result's column is worked out from one whose name says what it holds."""
        if not derived:
            return False
        known = self._named.recall(derived)
        if known is not None:
            return known
        found = any(sources and self._rules.kind_of(sources) for sources in derived)
        return self._named.keep(derived, found)

    def _derived(
        self, sources: tuple[Column, ...] | None, kind: MarkKind | None, *, touched: bool
    ) -> MarkKind | None:
        """What becomes of a column that is no table's: it is worked out from its sources alone."""
        if sources is None:
            return REDACTED if touched else kind
        return REDACTED if self._rules.kind_of(sources) is not None else kind

    def _marks_of(
        self,
        kinds: "_RowKinds",
        captured: Sequence[Row],
        unread: Sequence[tuple[int, int, int]],
    ) -> dict[tuple[int, int], str]:
        return {
            (row, column): self._unread(
                captured[row][column] or "", kinds.of(row, captured[row])[column], length
            )
            for row, column, length in unread
        }

    def _kinds_of(self, columns: Sequence[OutputColumn]) -> Sequence[MarkKind | None]:
        """What the columns' origins become."""
        known = self._kinds.recall(columns)
        if known is not None:
            return known
        return self._kinds.keep(columns, [self._rules.kind_of_output(one) for one in columns])

    def _mask_rows(self, kinds: "_RowKinds", captured: Sequence[Row]) -> list[Row]:
        if kinds.none:
            return self._scan_rows(captured)
        rows: list[list[str | None]] = []
        open_cells: list[tuple[int, int]] = []
        texts: list[str] = []
        for at, row in enumerate(captured):
            masked: list[str | None] = list(row)
            for column, (cell, kind) in enumerate(zip(row, kinds.of(at, row), strict=False)):
                if cell is None:
                    continue
                if kind is None:
                    open_cells.append((at, column))
                    texts.append(cell)
                else:
                    masked[column] = self._tokens.mark(kind, canonical(cell))
            rows.append(masked)
        scanned = self._scan_cells(open_cells, texts)
        for (at, column), text in zip(open_cells, scanned, strict=True):
            rows[at][column] = text
        return [tuple(row) for row in rows]

    def _scan_rows(self, captured: Sequence[Row]) -> list[Row]:
        places = [
            (at, column)
            for at, row in enumerate(captured)
            for column, cell in enumerate(row)
            if cell is not None
        ]
        texts = [cell for row in captured for cell in row if cell is not None]
        scanned = iter(self._scan_cells(places, texts))
        return [
            tuple([None if cell is None else next(scanned) for cell in row]) for row in captured
        ]

    def _scan_cells(self, places: Sequence[tuple[int, int]], texts: Sequence[str]) -> list[str]:
        scanned = self._scanner.scan(texts)
        if any("PRIVATE KEY" in text for text in texts):
            _close_private_keys(places, texts, scanned)
        return scanned

    def _fit(
        self,
        original: Sequence[Row],
        masked: Sequence[Row],
        limit: int,
        kinds: "_RowKinds",
    ) -> tuple[tuple[Row, ...], bool]:
        """First the cut in the original's places, then, as marks may be longer, in the masked."""
        rows = list(masked)
        cut = _may_exceed(original, limit) and (fitting := _fitting(original, limit)) < len(
            original
        )
        if cut:
            first = kinds.of(0, original[0])
            rows = rows[:fitting] if fitting else self._first(original[0], rows[0], limit, first)
        if _may_exceed(rows, limit) and (fitting := _fitting(rows, limit)) < len(rows):
            cut = True
            rows = rows[:fitting] if fitting else self._first(rows[0], rows[0], limit, None)
        return tuple(rows), cut

    def _first(
        self,
        original: Row,
        masked: Row,
        limit: int,
        kinds: Sequence[MarkKind | None] | None,
    ) -> list[Row]:
        """A first row that alone is too long: its cells up to the cut, the others left out.
        ``kinds``: what became of its cells; ``None`` where they are cut as they were masked.
        """
        left = limit - _CELL_RESERVE * len(original)
        if left < 0:
            return []
        cells: list[str | None] = []
        full = False
        for at, (cell, new) in enumerate(zip(original, masked, strict=True)):
            cost = size(cell or "")
            if full and cell is not None:
                cells.append(CUT)
            elif cost <= left:
                cells.append(new)
                left -= cost
            else:
                full = True
                whole = None if kinds is None else kinds[at] is not None
                cells.append(self._cut_cell(cell or "", left, whole=whole))
        return [tuple(cells)]

    def _cut_cell(self, cell: str, left: int, *, whole: bool | None) -> str:
        limit = left + len(CUT.encode())
        if whole is None:
            return self._cutter.cut_masked(cell, limit)
        return CUT if whole else self._cutter.cut_original(cell, limit)


class _RowKinds:
    """What the cells of each row become. A row that has not as many cells as there are columns is
    none that they describe: its cells become what the strictest of them would.
    """

    __slots__ = ("_columns", "_default", "_last", "none")

    def __init__(
        self, columns: Sequence[MarkKind | None], default: MarkKind | None, *, last: int
    ) -> None:
        """``default``: of cells beyond the columns. ``last``: the row that may be cut, or -1."""
        self._columns: Final = columns
        self._default: Final = default
        self._last: Final = last
        self.none: Final = default is None and not any(columns)
        """Whether no cell becomes anything."""

    def of(self, at: int, row: Row) -> Sequence[MarkKind | None]:
        """For each cell of the row, at least."""
        columns = self._columns
        if len(row) == len(columns) or (at == self._last and len(row) < len(columns)):
            return columns
        kind = self._default or (REDACTED if any(columns) else None)
        return (kind,) * len(row)


def _holds(rows: Sequence[Row], row: int, column: int) -> bool:
    """Whether a value stands there."""
    within = 0 <= row < len(rows) and 0 <= column < len(rows[row])
    return within and rows[row][column] is not None


def _with_cells(rows: Sequence[Row], changes: Mapping[tuple[int, int], str]) -> list[Row]:
    changed = list(rows)
    for (row, column), cell in changes.items():
        changed[row] = (*changed[row][:column], cell, *changed[row][column + 1 :])
    return changed


def _may_exceed(rows: Sequence[Row], limit: int) -> bool:
    """A quick count that never counts too little."""
    cells = [cell or "" for row in rows for cell in row]
    return size("".join(cells)) + len(cells) > limit


def _fitting(rows: Sequence[Row], limit: int) -> int:
    """How many rows fit, from the first."""
    used = 0
    for at, row in enumerate(rows):
        used += sum(size(cell) + 1 if cell else 1 for cell in row)
        if used > limit:
            return at
    return len(rows)


def _close_private_keys(
    places: Sequence[tuple[int, int]], texts: Sequence[str], scanned: list[str]
) -> None:
    """A private key whose lines are rows: from its first line to its last, in one column."""
    inside: set[int] = set()
    for at, (_, column) in enumerate(places):
        if column in inside:
            scanned[at] = REDACTED.redaction
            if closes_private_key(texts[at]):
                inside.discard(column)
        elif opens_private_key(texts[at]):
            inside.add(column)
