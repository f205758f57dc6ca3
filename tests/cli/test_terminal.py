"""Evidence on a terminal: whatever it holds, nothing but visible characters comes out."""

import io
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from custody.cli.terminal import ascii_json, clipped, is_visible, print_line, shown, visible

SHOWN = {
    "plain": "plain",
    "": "",
    "naïve 漢字 🙂": "naïve 漢字 🙂",
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b31m": r"\x9b31m",
    "a\rb": r"a\rb",
    "a\nb\tc": r"a\nb\tc",
    "\x00\x7f": r"\x00\x7f",
    "abc\u202edcba": r"abc\u202edcba",
    "\u2066\u2069\u200f\u061c": r"\u2066\u2069\u200f\u061c",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "soft\xadhyphen": r"soft\xadhyphen",
    "line\u2028paragraph\u2029": r"line\u2028paragraph\u2029",
    "\U000e0041\U000e0042": r"\U000e0041\U000e0042",
    "\ud800": r"\ud800",
    "\ue000": r"\ue000",
    "\u3164\u2800": r"\u3164\u2800",
    "[bold]markup[/bold] [link=http://x]y[/link]": "[bold]markup[/bold] [link=http://x]y[/link]",
    ":smile:": ":smile:",
}


@pytest.mark.parametrize("text", SHOWN)
def test_text_is_shown_as(text: str) -> None:
    assert visible(text) == SHOWN[text]
    assert shown(text).plain == SHOWN[text]
    assert printed(shown(text)) == SHOWN[text] + "\n"


def test_lines_may_stay_lines() -> None:
    assert shown("a\n\tb\r", lines=True).plain == "a\n    b\\r"


def test_what_is_cut_says_so() -> None:
    assert clipped("abcdef", 4).plain == "abcd…"
    assert clipped("\x1b" * 9, 2).plain == r"\x1b\x1b…"
    assert clipped("abcd", 4).plain == "abcd"


def printed(what: Text, *, colours: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=colours,
        color_system="truecolor" if colours else None,
        highlight=False,
        soft_wrap=True,
        width=80,
    )
    console.print(what)
    return out.getvalue()


OWN = re.compile(r"\x1b\[[0-9;]*m")


@given(st.text(max_size=60))
def test_only_our_own_colours_reach_the_terminal(text: str) -> None:
    for out in (
        printed(shown(text, "bold red"), colours=True),
        printed(shown(text, "bold red", lines=True), colours=True),
        printed(clipped(text, 20), colours=True),
    ):
        rest = OWN.sub("", out)
        assert all(each == "\n" or is_visible(each) for each in rest)


@given(st.text(max_size=200))
def test_no_hidden_character_stays(text: str) -> None:
    for each in visible(text):
        assert unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_json_is_visible_ascii_and_the_same_document(text: str) -> None:
    encoded = ascii_json({"text": text})
    assert all(" " <= each <= "~" for each in encoded)
    assert json.loads(encoded) == {"text": text}


@pytest.mark.parametrize(
    "text", ["loop_1 has ended", "été :smile: [bold]x[/] \\n", "a\x1b[1mb\u202e"]
)
def test_a_line_is_printed_as_it_is_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_line(text)
    assert capsys.readouterr().out == f"{shown(text).plain}\n"
