"""Text that others wrote, on an investigator's terminal.

Law: nothing from the evidence reaches the terminal as anything but visible characters: no control
character, no escape sequence, no bidirectional or invisible character, no markup. What was there
is shown by its code, so that nothing looks absent that is present. ``--json`` gives exact text.
"""

import json
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import typer

from custody.cli.output import console

if TYPE_CHECKING:
    from rich.text import Text

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of what does not show itself, or shows other text otherwise than it is."""
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols, by category, that look like nothing."""
_STYLE: Final = "reverse"


def is_visible(character: str) -> bool:
    if " " <= character <= "~":
        return True
    return character not in _BLANKS and unicodedata.category(character) not in _HIDDEN


def code_of(character: str) -> str:
    """A hidden character by its code, as Python and C write it; common ones by their letters."""
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short is not None:
        return short
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def visible(text: str) -> str:
    """On one line, each hidden character by its code."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if is_visible(each) else code_of(each) for each in text)


def shown(text: str, style: str = "", *, lines: bool = False) -> "Text":
    """As ``visible``, with the codes set off from text that only looks like a code.

    With ``lines``, line feeds break lines; a tab is shown as four spaces.
    """
    from rich.text import Text

    result = Text(style=style, end="")
    for each in text:
        if is_visible(each) or (lines and each == "\n"):
            result.append(each)
        elif lines and each == "\t":
            result.append("    ")
        else:
            result.append(code_of(each), _STYLE)
    return result


def clipped(text: str, width: int) -> "Text":
    """One line of at most so many characters of the text, and a mark where more is there."""
    if len(text) <= width:
        return shown(text)
    return shown(text[:width]).append("…", "dim")


def print_line(text: str) -> None:
    """One line of standard output, as ``shown``. Plain text needs no library to be shown."""
    if visible(text) == text:
        typer.echo(text)
    else:
        console().print(shown(text))


def ascii_json(document: object) -> str:
    """JSON in visible ASCII alone: the same document to a program, harmless to a terminal."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f")


def warn_if_behind(document: Mapping[str, object]) -> None:
    """Say on standard error that newer records are missing from an answer."""
    if "behind" in document:
        typer.echo(
            "warning: the search index is still catching up; the newest records are missing here",
            err=True,
        )


def print_document(document: Mapping[str, object]) -> None:
    """One document on one line of standard output."""
    warn_if_behind(document)
    typer.echo(ascii_json(document))
