"""Text that others wrote, on an investigator's terminal.

Law: nothing from the evidence reaches the terminal as anything but visible characters: no control
character, no escape sequence, no bidirectional or invisible character, no markup. What was there
is shown by its code, so that nothing looks absent that is present. ``--json`` gives exact text.
"""

import json
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer

from custody.cli.output import INCOMPLETE, OK, console, say

if TYPE_CHECKING:
    from rich.text import Text

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of what does not show itself, or shows other text otherwise than it is."""
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols, by category, that look like nothing."""
_RANGES_SHOWN: Final = 5
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


def exit_code_of(document: Mapping[str, Any]) -> int:
    """That of an answer out of evidence that could all be read, or could not."""
    missing = any("missing" in item for item in document.get("items", ()) if isinstance(item, dict))
    return INCOMPLETE if missing or document.get("unread") else OK


def warn_of_missing(document: Mapping[str, Any]) -> int:
    """Say on standard error what is missing from an answer; the exit code that follows from it."""
    if "behind" in document:
        reached = document.get("indexed") or {}
        so_far = f" (complete up to {reached['until']})" if reached else ""
        say(
            "warning: the search index is still catching up; the newest records are missing "
            f"here{so_far}"
        )
    unread = document.get("unread")
    if unread:
        places = [
            f"{each['log']} {each['first']}"
            + (f" to {each['last']}" if each["last"] > each["first"] else "")
            + f" ({each['code']})"
            for each in unread["ranges"]
        ]
        more = ", …" if len(places) > _RANGES_SHOWN else ""
        shown_places = visible(", ".join(places[:_RANGES_SHOWN]))
        say(
            f"warning: {unread['records']} records could not be read, so they are missing from "
            f"every answer: {shown_places}{more}. `custody verify` says what is wrong"
        )
    if document.get("recorded") is False:
        say("note: this reading is on no record: no running gateway could record it")
    return exit_code_of(document)


def print_document(document: Mapping[str, Any]) -> int:
    """One document on one line of standard output; the exit code that follows from it."""
    code = warn_of_missing(document)
    typer.echo(ascii_json(document))
    return code
