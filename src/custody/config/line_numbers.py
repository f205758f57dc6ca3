"""The line of every key in a TOML text, for messages.

Law: only a help to the reader: what cannot be placed has no line, and nothing else depends on it.
Called with text that is valid TOML (TOML 1.0: keys, tables, arrays of tables).
"""

import re
from collections.abc import Mapping
from typing import Final

from custody.config.faults import KeyPath, PathStep

_TOKEN: Final = re.compile(
    r"""
      (?P<text>\"\"\"(?:\\.|[^\\])*?\"\"\"+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    | (?P<comment>\#[^\n]*)
    | (?P<line>\n)
    | (?P<space>[ \t\r]+)
    | (?P<word>[A-Za-z0-9_-]+)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def places(text: str) -> Mapping[KeyPath, int]:
    """Tables and keys with their line, counted from 1; keys inside inline tables have none."""
    found: dict[KeyPath, int] = {}
    counts: dict[tuple[PathStep, ...], int] = {}
    table: KeyPath = ()
    line, depth = 1, 0
    statement: list[str] = []
    started = 1
    for match in _TOKEN.finditer(text + "\n"):
        kind, piece = match.lastgroup, match.group()
        if kind == "line" and depth == 0:
            if statement:
                table = _note(statement, started, table, found, counts)
            statement = []
        elif kind in {"text", "word", "mark"}:
            started = started if statement else line
            statement.append(piece)
            if piece in "[{" and "=" in statement:
                depth += 1
            elif piece in "]}" and depth:
                depth -= 1
        line += piece.count("\n")
    return found


def _note(
    statement: list[str],
    line: int,
    table: KeyPath,
    found: dict[KeyPath, int],
    counts: dict[KeyPath, int],
) -> KeyPath:
    """Note one line's header or key; gives the table that the next keys belong to."""
    if statement[0] != "[":
        keys = statement[: statement.index("=")] if "=" in statement else statement
        found.setdefault(table + _resolved(keys, table, counts), line)
        return table
    is_array = statement[1:2] == ["["]
    keys = [piece for piece in statement if piece not in "[]"]
    header = _resolved(keys, (), counts)
    if is_array:
        counts[header] = counts.get(header, -1) + 1
        header = (*header, counts[header])
    found.setdefault(header, line)
    return header


def _resolved(pieces: list[str], table: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    """Dotted keys as a path; ``[a.b]`` below an array of tables means its last one."""
    way: KeyPath = ()
    names = [piece for piece in pieces if piece != "."]
    for number, piece in enumerate(names):
        way = (*way, piece[1:-1] if piece[0] in "\"'" else piece)
        if number < len(names) - 1 and not table and way in counts:
            way = (*way, counts[way])
    return way


def line_of(at: KeyPath, found: Mapping[KeyPath, int]) -> int:
    """The line of the key, else of the nearest table around it; 0 where there is none."""
    while at:
        if at in found:
            return found[at]
        at = at[:-1]
    return 0
