"""What a screen's width does to evidence: line breaks, and nothing else."""

import io

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from custody.cli.layout import Lines, Rows


def printed(what: RenderableType, width: int, *, terminal: bool = True) -> list[str]:
    out = io.StringIO()
    Console(
        file=out, width=width, force_terminal=terminal, color_system=None, soft_wrap=True
    ).print(what)
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("short", ["  short"]),
        ("two\n\nlines", ["  two", "  ", "  lines"]),
        (
            "    AND it = a_long_line_that_does_not_fit",
            ["      AND it = ", "        a_long_line_that_", "        does_not_fit"],
        ),
        ("SELECT name FROM somewhere", ["  SELECT name FROM ", "    somewhere"]),
        ("表" * 12, ["  " + "表" * 11, "    表"]),
    ],
)
def test_a_line_that_does_not_fit_goes_on_further_in(text: str, lines: list[str]) -> None:
    assert [line.rstrip() for line in printed(Lines(Text(text), 2), 25)] == [
        line.rstrip() for line in lines
    ]


def test_no_character_is_lost_or_added_between_the_lines() -> None:
    text = "".join(f"{'x' * (number % 37)} " for number in range(200))
    for width in (20, 25, 80, 120):
        lines = printed(Lines(Text(text)), width)
        assert max(len(line.rstrip()) for line in lines) <= width
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_lines_are_whole_where_nobody_looks_at_a_screen() -> None:
    assert printed(Lines(Text("x" * 300), 4), 80, terminal=False) == ["    " + "x" * 300]


NAMES = [Text("id"), Text("description")]
ROWS = [[Text("1"), Text("a pen")], [Text("22"), Text("a box of forty-eight pens")]]


def test_rows_that_fit_are_a_table() -> None:
    lines = printed(Rows(NAMES, ROWS, 2), 40)
    assert [line.rstrip() for line in lines] == [
        "  id ┃ description",
        "  ━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "  1  │ a pen",
        "  22 │ a box of forty-eight pens",
    ]


def test_rows_that_do_not_fit_are_blocks_of_names_and_values() -> None:
    assert [line.rstrip() for line in printed(Rows(NAMES, ROWS, 2), 30)] == [
        "  row 1",
        "             id: 1",
        "    description: a pen",
        "  row 2",
        "             id: 22",
        "    description: a box of",
        "      forty-eight pens",
    ]
