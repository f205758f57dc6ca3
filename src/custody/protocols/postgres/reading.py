"""From a message's text to the commands in it, one question at a time.

Law: a reading is a generator that yields what it must know and is sent the answer, ``None`` where
nobody could find out. It ends, whatever the answers are, and always with commands: a text that
cannot be understood is the command ``unknown``.
"""

from collections.abc import Callable, Generator, Hashable, Sequence
from typing import Final, Protocol, cast

from custody.model.command import Argument, Column, Command
from custody.protocols.postgres.catalogue import Answer, Known, Question, Unanswered
from custody.protocols.postgres.ledger import ANYTHING, Meant
from custody.protocols.postgres.session_view import SessionView
from custody.wire.sql.syntax import Change, ParseQuestion, Statement, Statements, Unreadable

QUESTIONS_AT_MOST: Final = 2000
"""Of one message. What is not asked counts as the worst that it could be."""

Recall = Callable[[Hashable], object | None]


class Meaning(Protocol):
    """What ``meaning`` offers; tests put something smaller in its place."""

    def questions(
        self, statement: Statement, view: SessionView, known: Known
    ) -> tuple[Question, ...]: ...

    def understand(  # noqa: PLR0913  # what a meaning depends on, no less
        self,
        text: str,
        statement: Statement,
        view: SessionView,
        known: Known,
        arguments: Sequence[Argument] = (),
        *,
        form: str = "simple",
    ) -> Command: ...

    def unreadable(self, text: str, reason: str, arguments: Sequence[Argument] = ()) -> Command: ...

    def changes(
        self, statement: Statement, view: SessionView, known: Known
    ) -> tuple[Change, ...]: ...

    def stales(self, command: Command) -> bool: ...


class Read:
    """What a reading came to. ``facts`` are the answers that it rests on."""

    __slots__ = ("commands", "facts", "meant", "merged", "statements")

    def __init__(self) -> None:
        self.commands: tuple[Command, ...] = ()
        self.meant: tuple[Meant, ...] = ()
        self.statements: tuple[Statement, ...] = ()
        self.merged = False
        """One command stands for a text whose statements nobody could tell apart."""
        self.facts: list[tuple[Hashable, object | None]] = []


Reading = Generator[Hashable, object, Read]


class Facts:
    """Answers, from memory where there is one, else asked for. Each question is asked once."""

    def __init__(self, recall: Recall | None) -> None:
        self._recall: Final = recall
        self._asked: Final[dict[Hashable, object | None]] = {}

    def known(self, question: Question) -> Answer | None:
        return cast("Answer | None", self._asked.get(question))

    def find(self, question: Hashable) -> Generator[Hashable, object, object]:
        if question not in self._asked:
            answer = self._recall(question) if self._recall is not None else None
            if answer is None:
                answer = yield question
            # That it could not be found out is known from here on.
            self._asked[question] = Unanswered() if answer is None else answer
        return self._asked[question]

    def asked(self, question: Hashable) -> bool:
        return question in self._asked

    @property
    def full(self) -> bool:
        return len(self._asked) >= QUESTIONS_AT_MOST

    def all(self) -> list[tuple[Hashable, object | None]]:
        return list(self._asked.items())


def unknown(meaning: Meaning, text: str, reason: str, arguments: tuple[Argument, ...] = ()) -> Read:
    """One command of which nothing is known but its text."""
    read = Read()
    command = meaning.unreadable(text, reason, arguments)
    read.commands = (command,)
    read.meant = (Meant(command, text, ANYTHING, stales=True),)
    read.merged = True
    return read


def at_once(read: Read) -> Reading:
    """A reading that has no question."""
    yield from ()  # a reading is a generator, also without a question
    return read


def read_text(meaning: Meaning, text: str, view: SessionView, recall: Recall | None) -> Reading:
    """A simple Query's text."""
    facts = Facts(recall)
    read = Read()
    analysis = yield from facts.find(ParseQuestion(text))
    if not isinstance(analysis, Statements):
        reason = analysis.reason if isinstance(analysis, Unreadable) else "overload"
        return unknown(meaning, text, reason)
    commands: list[Command] = []
    meant: list[Meant] = []
    for statement in analysis.statements:
        command, means = yield from _one(meaning, text, statement, view, facts, (), "simple")
        commands.append(command)
        meant.append(means)
        if means.changes:
            view = view.apply(means.changes)
    read.commands = tuple(commands)
    read.meant = tuple(meant)
    read.statements = analysis.statements
    read.facts = facts.all()
    return read


def read_statement(  # noqa: PLR0913  # what a prepared statement's meaning depends on
    meaning: Meaning,
    text: str,
    statement: Statement | None,
    problem: str,
    view: SessionView,
    recall: Recall | None,
    arguments: tuple[Argument, ...],
) -> Reading:
    """A prepared statement that was parsed before, with these bind values."""
    read = Read()
    if statement is None:
        if problem:
            return unknown(meaning, text, problem, arguments)
        return read
    facts = Facts(recall)
    command, means = yield from _one(meaning, text, statement, view, facts, arguments, "extended")
    read.commands = (command,)
    read.meant = (means,)
    read.statements = (statement,)
    read.facts = facts.all()
    return read


def read_parse(meaning: Meaning, text: str, view: SessionView, recall: Recall | None) -> Reading:
    """A Parse's text: at most one statement, whose values are not known yet."""
    facts = Facts(recall)
    read = Read()
    analysis = yield from facts.find(ParseQuestion(text))
    if not isinstance(analysis, Statements):
        reason = analysis.reason if isinstance(analysis, Unreadable) else "overload"
        return unknown(meaning, text, reason)
    commands: list[Command] = []
    # The server refuses a Parse of several statements by itself.
    for statement in analysis.statements:
        command, _ = yield from _one(meaning, text, statement, view, facts, (), "extended")
        commands.append(command)
    read.commands = tuple(commands)
    read.statements = analysis.statements
    read.facts = facts.all()
    return read


def _one(  # noqa: PLR0913  # as above
    meaning: Meaning,
    text: str,
    statement: Statement,
    view: SessionView,
    facts: Facts,
    arguments: tuple[Argument, ...],
    form: str,
) -> Generator[Hashable, object, tuple[Command, Meant]]:
    while not facts.full:
        missing = [q for q in meaning.questions(statement, view, facts.known) if not facts.asked(q)]
        if not missing:
            break
        for question in missing:
            yield from facts.find(question)
    command = meaning.understand(text, statement, view, facts.known, arguments, form=form)
    changes = meaning.changes(statement, view, facts.known)
    means = Meant(command, text, changes, statement, stales=meaning.stales(command))
    if statement.copy is not None:
        means.copy = statement.copy
        means.table, means.columns = _copied(statement, command)
    return command, means


def _copied(statement: Statement, command: Command) -> tuple[Column | None, tuple[str, ...]]:
    """The table of a COPY and its columns, where both are certain."""
    copy = statement.copy
    if copy is None or copy.relation < 0 or not command.resolved or len(command.relations) != 1:
        return None, ()
    relation = command.relations[0]
    if relation.columns is None:
        return None, ()
    return Column(relation.schema, relation.name, ""), relation.columns
