"""Children stand under their parents."""

import io
from typing import Any

from rich.console import Console

from custody.cli.family import Depths, as_tree, further_in
from custody.cli.layout import Lines
from custody.cli.terminal import shown


def loop(name: str, parent: str | None = None) -> dict[str, Any]:
    return {"id": name, "parent": parent}


def test_children_stand_below_their_parents_the_oldest_first() -> None:
    newest_first = [
        loop("d", "b"), loop("x"), loop("c", "a"), loop("b", "a"), loop("orphan", "gone"), loop("a")
    ]  # fmt: skip
    assert [(item["id"], depth) for item, depth in as_tree(newest_first)] == [
        ("x", 0), ("orphan", 0), ("a", 0), ("b", 1), ("d", 2), ("c", 1)
    ]  # fmt: skip


def test_depths_are_bounded_and_strangers_are_at_none() -> None:
    depths = Depths([loop(str(number + 1), str(number)) for number in range(30)])
    assert [depths.of(name) for name in ("0", "1", "2", "30", "nobody", None)] == [0, 1, 2, 8, 0, 0]
    assert depths.heading("2").plain == "└─ 2  child of 1"


def test_what_is_further_in_keeps_its_lines() -> None:
    out = Console(file=io.StringIO(), width=80, soft_wrap=True)
    out.print(further_in(Lines(shown("SELECT 1\nFROM t", lines=True)), 1))
    assert isinstance(out.file, io.StringIO)
    assert [line.rstrip() for line in out.file.getvalue().splitlines()] == [
        "    SELECT 1",
        "    FROM t",
    ]
