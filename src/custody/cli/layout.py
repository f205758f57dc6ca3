"""Evidence laid out within the width of a screen.

Law: the width of a screen decides about line breaks and never about content: what does not fit
goes on, a little further in, on the next line. Where the output is no terminal, lines are whole.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.cells import cell_len, get_character_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_ONWARD: Final = 2
"""How much further in a line goes on."""
_NARROWEST: Final = 20


class Lines(msgspec.Struct, frozen=True):
    """Text, some characters in."""

    text: Text
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(options.max_width - self.indent, _NARROWEST) if console.is_terminal else 0
        for line in self.text.split("\n", allow_blank=True):
            within = _within(line.plain, room)
            for number, piece in enumerate(_pieces(line, room, within)):
                begin = self.indent + (within if number else 0) if piece.plain else 0
                yield Text(" " * begin, end="").append_text(piece)
                yield Text("")


def _within(line: str, room: int) -> int:
    """How far in a line goes on: a little further than it begins."""
    begins = len(line) - len(line.lstrip(" "))
    return min(begins + _ONWARD, room // 2)


def _pieces(line: Text, room: int, within: int) -> Sequence[Text]:
    """The line in pieces of at most ``room`` cells, every character kept; 0 is no bound."""
    if not room or line.cell_len <= room:
        return [line]
    cuts: list[int] = []
    start = cells = after_space = 0
    for place, character in enumerate(line.plain):
        cells += get_character_cell_size(character)
        if cells > room - (within if cuts else 0) and character != " ":
            start = after_space if after_space > start else place
            cuts.append(start)
            cells = cell_len(line.plain[start : place + 1])
        if character == " " and line.plain[start:place].strip(" "):
            after_space = place + 1
    return list(line.divide(cuts))


class Rows(msgspec.Struct, frozen=True):
    """Rows as a table, or, where one does not fit, each as a block of ``name: value`` lines."""

    names: Sequence[Text]
    rows: Sequence[Sequence[Text]]
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self._table()
        endless = options.update(width=1_000_000)
        if Measurement.get(console, endless, table).maximum <= options.max_width - self.indent:
            yield Padding(table, (0, 0, 0, self.indent), expand=False)
            return
        longest = max(name.cell_len for name in self.names)
        for number, row in enumerate(self.rows, 1):
            yield Lines(Text(f"row {number}", "dim"), self.indent)
            for name, value in zip(self.names, row, strict=False):
                line = Text(" " * (longest - name.cell_len))
                yield Lines(
                    line.append_text(name).append(": ", "dim").append_text(value), self.indent + 2
                )

    def _table(self) -> Table:
        table = Table(pad_edge=False, header_style="bold", show_edge=False)
        for name in self.names:
            table.add_column(name)
        for row in self.rows:
            table.add_row(*row)
        return table
