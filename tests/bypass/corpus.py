"""The corpus: ways to hide an effect, and innocent statements beside them.

Law: a case is text and what must be seen of it, nothing else; a new evasion is a new block.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.bypass.limits import EVERYTHING, WITHIN

from custody.model.command import Command
from custody.model.words import Effect
from custody.protocols.postgres.statements import catalogue
from custody.protocols.postgres.statements.first_view import opening
from custody.protocols.postgres.statements.meaning import changes, questions, understand, unreadable
from custody.protocols.postgres.statements.session_view import SessionView
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import Unreadable

HERE = Path(__file__).parent
EFFECTS = {effect.value for effect in Effect}


class Case(msgspec.Struct, frozen=True):
    name: str
    text: str
    effects: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    unbounded: bool = False
    before: tuple[str, ...] = ()
    impossible: str = ""
    """Why the text cannot run on a real server of version 15."""


def blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between blank ones, with the line that each begins at."""
    block: list[str] = []
    for number, line in enumerate([*path.read_text().split("\n"), ""], start=1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def evasions() -> list[Case]:
    cases = []
    for line, block in blocks(HERE / "evasions.txt"):
        lines = [text for text in block if not text.startswith("#")]
        if not lines:
            continue
        assert lines[0].startswith("> "), f"line {line}: {lines[0]}"
        wanted, _, impossible = lines[0][2:].partition("!")
        words = wanted.split()
        before = [text[2:] for text in lines[1:] if text.startswith("& ")]
        case = Case(
            name=f"line {line}: {lines[-1][:50]}",
            text="\n".join(text for text in lines[1:] if not text.startswith("& ")),
            effects=frozenset(word for word in words if word in EFFECTS),
            objects=frozenset(word for word in words if "." in word and word[0] != "-"),
            absent=frozenset(word[1:] for word in words if word[0] == "-"),
            unbounded="unbounded" in words,
            before=tuple(before),
            impossible=impossible.strip(),
        )
        known = case.effects | case.objects | {f"-{name}" for name in case.absent} | {"unbounded"}
        assert set(words) <= known, f"line {line}: {set(words) - known}"
        cases.append(case)
    return cases


def innocents() -> list[Case]:
    cases = []
    for path in sorted((HERE / "innocent").glob("*.sql")):
        for line, block in blocks(path):
            lines = [text for text in block if not text.startswith("# ")]
            if lines:
                cases.append(Case(f"{path.stem}:{line}", "\n".join(lines)))
    return cases


def limited() -> list[Case]:
    """What may touch anything, and what may not."""
    texts = (EVERYTHING + WITHIN).splitlines()
    return [Case(text, text) for text in texts if text]


class Recorded:
    """A catalogue that was asked once, on a real server with ``schema.sql``."""

    def __init__(self) -> None:
        rows = json.loads((HERE / "catalogue.json").read_text())
        self._rows: dict[str, list[list[str | None]]] = rows
        self._known: dict[catalogue.CatalogueQuestion, catalogue.CatalogueAnswer] = {}

    def known(self, question: catalogue.CatalogueQuestion) -> catalogue.CatalogueAnswer | None:
        if question not in self._known:
            rows = self._rows.get(repr(question))
            if rows is None:
                return None
            self._known[question] = catalogue.read(question, rows)
        return self._known[question]


def opened(user: str = "postgres") -> SessionView:
    return opening(user, (), '"$user", public', conforming=True)


def judge(
    text: str, view: SessionView, known: catalogue.KnownFacts
) -> tuple[list[Command], SessionView]:
    """The commands of one message, and the session behind it, as if all of them succeeded."""
    analysis = analyse(text)
    if isinstance(analysis, Unreadable):
        return [unreadable(text, analysis.reason)], view
    commands = []
    for statement in analysis.statements:
        assert not questions(statement, view, known), "record the catalogue anew: record.py"
        commands.append(understand(text, statement, view, known))
        view = view.apply(changes(statement, view, known))
    return commands, view.ready("T" if view.explicit else "I")


def run(case: Case, known: catalogue.KnownFacts) -> list[Command]:
    view = opened()
    for text in case.before:
        _, view = judge(text, view, known)
    return judge(case.text, view, known)[0]
