"""Rows of COPY data in text or CSV, told apart as the server tells them apart.

Law: lines end where the server's CopyReadLineText ends them, and values where its
CopyReadAttributesText and CopyReadAttributesCSV do (copyfromparse.c). From where the server would
refuse the data, or leave it unread, it is one row of one cell: nobody knows its columns.
"""

import re
from typing import Final

from custody.protocols.postgres.values.encoding_names import any_encoding
from custody.protocols.postgres.values.text import beginning
from custody.wire.sql.syntax import Copy

Row = tuple[str | None, ...]

_PLAIN: Final = Copy(
    incoming=True, relation=-1, columns=(), format="text", delimiter="\t", place="client"
)
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.|\Z)", re.DOTALL)
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LINE_PARTS: Final = re.compile(r"\\.|\r\n|\r|\n", re.DOTALL)
_MARKER: Final = "\\."
"""Ends the data: in text wherever it stands before a line's end, in CSV alone on a line, and there
only up to PostgreSQL 17.
"""


def rows_of(data: bytes, copy: Copy | None, encoding: str) -> tuple[Row, ...]:
    """The rows in the beginning of COPY data; the last one may be cut. ``encoding`` is the
    session's; the COPY's own goes before it.
    """
    copy = copy or _PLAIN
    text = beginning(data, any_encoding(copy.encoding) if copy.encoding else encoding)
    rows: list[Row] = []
    if copy.format == "csv":
        lines, left = _csv_lines(text, copy.quote or '"', copy.escape or copy.quote or '"')
        rows += [_csv_row(line, copy) for line in lines[copy.header :] if line != _MARKER]
    else:
        lines, left = _text_lines(text)
        rows += [_text_row(line, copy) for line in lines[copy.header :]]
    if left:
        rows.append((left,))
    return tuple(rows)


class _Lines:
    """The lines of a text. How the first of them ends, they all end."""

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self.found: Final[list[str]] = []
        self._start = 0
        self._end = ""

    def end(self, end: str, at: int) -> bool:
        """``end`` stands at ``at``, and no quote is open; whether the server goes on."""
        self._end = self._end or end
        if self._end == "\r" and end == "\r\n":  # a line's end, and a line feed that is refused
            self.take(at, at + 1)
            return False
        if end != self._end:
            return False
        self.take(at, at + len(end))
        return True

    def take(self, at: int, behind: int) -> None:
        self.found.append(self.text[self._start : at])
        self._start = behind

    def marker(self, at: int) -> None:
        """The data ends here; what the line holds already is a row."""
        if at > self._start:
            self.found.append(self.text[self._start : at])
        self._start = at + len(_MARKER)
        behind = self.text[self._start : self._start + 2]
        self._start += 2 if behind == "\r\n" else len(behind[:1])

    def left(self) -> str:
        return self.text[self._start :]

    def whole(self) -> tuple[list[str], str]:
        """Where nothing was refused: the last line needs no end."""
        if self._start < len(self.text):
            self.take(len(self.text), len(self.text))
        return self.found, ""


def _text_lines(text: str) -> tuple[list[str], str]:
    """The lines, and what stands behind the last that can be told apart."""
    lines = _Lines(text)
    for match in _LINE_PARTS.finditer(text):
        part, at = match[0], match.start()
        if part == _MARKER:
            if text[match.end() : match.end() + 1] in {"", "\r", "\n"}:
                lines.marker(at)
            return lines.found, lines.left()
        # A backslash takes the next character with it, a line's end too.
        if part[0] != "\\" and not lines.end(part, at):
            return lines.found, lines.left()
    return lines.whole()


def _csv_lines(text: str, quote: str, escape: str) -> tuple[list[str], str]:
    lines = _Lines(text)
    marks = re.escape(quote + escape)
    quoted = False
    escaped = -1
    """Where a character stands that an escape before it takes the meaning from."""
    for match in re.finditer(rf"[{marks}]|\r\n|\r|\n", text):
        part, at = match[0], match.start()
        if quoted and part == escape != quote:
            escaped = -1 if escaped == at else at + 1
        elif part == quote:
            quoted = quoted if escaped == at else not quoted
        elif not quoted and part[0] in "\r\n" and not lines.end(part, at):
            return lines.found, lines.left()
    return lines.whole()


def _text_row(line: str, copy: Copy) -> Row:
    delimiter = copy.delimiter or "\t"
    if "\\" not in line:
        return tuple(None if part == copy.null else part for part in line.split(delimiter))
    parts = []
    start = 0
    # A backslash before the delimiter makes it part of the value.
    for match in re.finditer(rf"\\.|{re.escape(delimiter)}", line, re.DOTALL):
        if match[0] == delimiter:
            parts.append(line[start : match.start()])
            start = match.end()
    parts.append(line[start:])
    return tuple(None if part == copy.null else _ESCAPE.sub(_unescaped, part) for part in parts)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if not code:  # a backslash at the line's end is nothing
        return ""
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _LETTERS.get(code, code)


def _csv_row(line: str, copy: Copy) -> Row:
    delimiter, quote = copy.delimiter or ",", copy.quote or '"'
    escape = copy.escape or quote
    marks = re.compile(f"[{re.escape(delimiter + quote + escape)}]")
    row: list[str | None] = []
    value: list[str] = []
    start = position = 0
    quoted = met = False
    while (match := marks.search(line, position)) is not None:
        mark, at = match[0], match.start()
        value.append(line[position:at])
        position = at + 1
        if quoted and mark == escape and line[position : position + 1] in {quote, escape} - {""}:
            value.append(line[position])
            position += 1
        elif mark == quote:
            quoted = not quoted
            met = True
        elif mark == delimiter and not quoted:
            row.append(None if not met and line[start:at] == copy.null else "".join(value))
            value, start, met = [], position, False
        else:
            value.append(mark)
    value.append(line[position:])
    row.append(None if not met and line[start:] == copy.null else "".join(value))
    return tuple(row)
