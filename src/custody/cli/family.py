"""Loops below loops, as a person sees them.

Law: a child stands under its parent, further in; a loop whose parent is not listed is listed too.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from custody.cli.layout import Lines, Rows
from custody.cli.terminal import shown

Item = Mapping[str, Any]

BRANCH: Final = "└─ "
STEP: Final = 4
DEEPEST: Final = 8
"""Further in than this nothing is moved: it would leave no room."""


class Depths:
    """How deep loops are below the one that was asked for."""

    def __init__(self, children: Iterable[Item]) -> None:
        self._parents: Final = {child["id"]: child["parent"] for child in children}

    def of(self, loop: str | None) -> int:
        depth = 0
        while loop is not None and loop in self._parents and depth < DEEPEST:
            loop = self._parents[loop]
            depth += 1
        return depth

    def heading(self, loop: str) -> Text:
        return shown(f"{BRANCH}{loop}", "bold").append_text(
            shown(f"  child of {self._parents[loop]}", "dim")
        )


def further_in(what: RenderableType, depth: int) -> RenderableType:
    """The same, with its lines whole where the output is no terminal."""
    match what:
        case _ if not depth:
            return what
        case Text():
            return Lines(what, STEP * depth)
        case Lines() | Rows():
            return msgspec.structs.replace(what, indent=what.indent + STEP * depth)
        case _:
            return Padding(what, (0, 0, 0, STEP * depth), expand=False)


def as_tree(items: Sequence[Item]) -> list[tuple[Item, int]]:
    """Loops with their depths: children right below their parents, the oldest of them first; the
    rest in the order given. Only loops of this list count as parents.
    """
    present = {item["id"] for item in items}
    below: dict[str | None, list[Item]] = {}
    for item in items:
        above = item["parent"] if item["parent"] in present else None
        below.setdefault(above, []).append(item)
    found: list[tuple[Item, int]] = []

    def add(item: Item, depth: int) -> None:
        found.append((item, depth))
        for child in reversed(below.get(item["id"], [])):
            add(child, min(depth + 1, DEEPEST))

    for eldest in below.get(None, []):
        add(eldest, 0)
    return found
