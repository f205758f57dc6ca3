"""From a message's text to the commands in it, one question at a time.

Law: a reading is a generator that yields what it must know and is sent the answer, ``None`` where
it could not be had. It ends for any answers, and always with commands: a text that cannot be read
is the command ``unknown``.
"""

from collections.abc import Callable, Generator, Hashable, Sequence
from typing import Final, Protocol, cast

from custody.model.codec import SeveralQuestions
from custody.model.command import Argument, Column, Command
from custody.model.refusal import Refusal
from custody.protocols.postgres.refusals import unreadable
from custody.protocols.postgres.statements.catalogue import (
    CatalogueAnswer,
    CatalogueQuestion,
    KnownFacts,
    RelationFacts,
    RelationsQuestion,
    Unanswered,
)
from custody.protocols.postgres.statements.interpretation import ANYTHING, Interpretation
from custody.protocols.postgres.statements.meaning import Meaning as Found
from custody.protocols.postgres.statements.session_view import SessionView, Settings
from custody.protocols.postgres.types.type_fact import TypeFact
from custody.protocols.postgres.types.value_types import ColumnTypes, Types
from custody.wire.sql.syntax import (
    Change,
    Execute,
    ParseQuestion,
    Prepare,
    Statement,
    Statements,
    Unreadable,
)

QUESTIONS_AT_MOST: Final = 2000
"""Of one message. What is not asked counts as the worst that it could be."""

_TOGETHER: Final = 256
"""Questions that are asked at once."""

Recall = Callable[[Hashable], object | None]
CatalogueFacts = tuple[tuple[Hashable, object], ...]


class MeaningSource(Protocol):
    """What ``meaning`` offers; tests may put something smaller in its place."""

    def questions(
        self, statement: Statement, view: SessionView, known: KnownFacts
    ) -> tuple[CatalogueQuestion, ...]: ...

    def meaning(self, statement: Statement, view: SessionView, known: KnownFacts) -> Found: ...

    def assemble(
        self,
        text: str,
        statement: Statement,
        found: Found,
        arguments: Sequence[Argument] = (),
        *,
        form: str = "simple",
    ) -> Command: ...

    def unreadable(self, text: str, reason: str, arguments: Sequence[Argument] = ()) -> Command: ...

    def changes(
        self, statement: Statement, view: SessionView, known: KnownFacts
    ) -> tuple[Change, ...]: ...

    def stales(self, command: Command) -> bool: ...


class MessageReading:
    """What a reading came to. ``facts`` are the answers of the catalogue that it rests on."""

    __slots__ = (
        "commands", "facts", "interpretations", "lasting", "merged", "statements", "unreadable",
    )  # fmt: skip

    def __init__(self) -> None:
        self.commands: tuple[Command, ...] = ()
        self.interpretations: tuple[Interpretation, ...] = ()
        self.statements: tuple[Statement, ...] = ()
        self.merged = False
        """One command stands for a text whose statements nobody could tell apart."""
        self.facts: CatalogueFacts = ()
        self.lasting = False
        """The same text means the same in the same settings, as long as the facts hold."""
        self.unreadable: Refusal | None = None
        """What is said of a text that could not be read, where nothing allows it."""


CommandReading = Generator[Hashable, object, MessageReading]
_MEANINGS_AT_MOST: Final = 1024
_TEXTS_AT_MOST: Final = 1_048_576
"""Characters of the texts of these."""


class _Once:
    """A statement's meaning, for others of the same stamp."""

    __slots__ = ("facts", "found", "interpretation")

    def __init__(self, found: Found, interpretation: Interpretation, facts: CatalogueFacts) -> None:
        self.found = found
        self.interpretation = interpretation
        self.facts = facts


class ReadMemory:
    """What a session's statements came to mean, in the settings of now."""

    def __init__(self, meanings: MeaningSource) -> None:
        self.meanings: Final = meanings
        self.recall: Recall | None = None
        """Answers that need no waiting; without it every question becomes an ``Inquiry``."""
        self._settings: Settings | None = None
        self._once: Final[dict[int, _Once]] = {}
        self._texts = 0  # characters of what it holds

    def holds(self, facts: CatalogueFacts) -> bool:
        """Whether every answer is still the answer."""
        recall = self.recall
        if recall is None:
            return False
        for question, answer in facts:  # noqa: SIM110  # a generator costs more than the loop
            if recall(question) is not answer:
                return False
        return True

    def again(
        self,
        text: str,
        statement: Statement,
        view: SessionView,
        arguments: tuple[Argument, ...],
        form: str = "extended",
    ) -> MessageReading | None:
        """The statement, if one like it was understood in these settings."""
        once = self._once.get(statement.stamp)
        if once is None or self._settings is not view.settings or not self.holds(once.facts):
            return None
        read = MessageReading()
        command = self.meanings.assemble(text, statement, once.found, arguments, form=form)
        read.commands = (command,)
        read.interpretations = (once.interpretation,)
        read.statements = (statement,)
        read.facts = once.facts
        read.lasting = True
        return read

    def at_hand(self, text: str, view: SessionView) -> MessageReading | None:
        """A text of one statement, if it can be read without a question to anybody."""
        recall = self.recall
        analysis = recall(ParseQuestion(text)) if recall is not None else None
        if isinstance(analysis, Statements) and len(analysis.statements) == 1:
            return self.again(text, analysis.statements[0], view, (), "simple")
        return None

    def keep(
        self,
        statement: Statement,
        view: SessionView,
        found: Found,
        interpretation: Interpretation,
        facts: CatalogueFacts,
    ) -> None:
        # What changes the session, or runs prepared statements, depends on more than settings.
        if not statement.stamp or interpretation.changes or statement.copy is not None:
            return
        length = len(interpretation.text)
        full = len(self._once) >= _MEANINGS_AT_MOST or self._texts + length > _TEXTS_AT_MOST
        if full or self._settings is not view.settings:
            self._once.clear()
            self._texts = 0
            self._settings = view.settings
        if length <= _TEXTS_AT_MOST:
            self._texts += length
            self._once[statement.stamp] = _Once(found, interpretation, facts)


class _Asker:
    """Answers, from memory where there is one, else asked for. Each question is asked once."""

    def __init__(self, recall: Recall | None) -> None:
        self._recall: Final = recall
        self._answers: Final[dict[Hashable, object]] = {}

    def known(self, question: CatalogueQuestion) -> CatalogueAnswer | None:
        return cast("CatalogueAnswer | None", self._answers.get(question))

    def find(self, question: Hashable) -> Generator[Hashable, object, object]:
        answer = self._recall(question) if self._recall is not None else None
        if answer is None:
            answer = yield question
        # That it could not be found out is known from here on.
        self._answers[question] = answer = Unanswered() if answer is None else answer
        return answer

    def find_all(self, questions: Sequence[CatalogueQuestion]) -> Generator[Hashable, object, None]:
        """All of them, together where they can be."""
        recall = self._recall
        asked = [each for each in questions if recall is None or recall(each) is None]
        while len(asked) > 1:
            together, asked = tuple(asked[:_TOGETHER]), asked[_TOGETHER:]
            answers = yield SeveralQuestions(together)
            if not isinstance(answers, tuple) or len(answers) != len(together):
                break  # the host wants them one by one
            for question, answer in zip(together, answers, strict=True):
                self._answers[question] = Unanswered() if answer is None else answer
        for question in questions:
            if question not in self._answers:
                yield from self.find(question)

    @property
    def full(self) -> bool:
        return len(self._answers) >= QUESTIONS_AT_MOST

    @property
    def facts(self) -> CatalogueFacts:
        return tuple(
            (question, answer)
            for question, answer in self._answers.items()
            if not isinstance(question, ParseQuestion)
        )


def unknown(
    meanings: MeaningSource, text: str, reason: str, arguments: tuple[Argument, ...] = ()
) -> MessageReading:
    """One command of which nothing is known but its text."""
    read = MessageReading()
    command = meanings.unreadable(text, reason, arguments)
    read.commands = (command,)
    read.interpretations = (Interpretation(command, text, ANYTHING, stales=True),)
    read.merged = True
    return read


def at_once(read: MessageReading) -> CommandReading:
    """A reading that has no question."""
    yield from ()  # a reading is a generator, also without a question
    return read


def read_text(memory: ReadMemory, text: str, view: SessionView) -> CommandReading:
    """A simple Query's text: its statements, each as if those before it had succeeded."""
    asker = _Asker(memory.recall)
    analysis = yield from asker.find(ParseQuestion(text))
    if not isinstance(analysis, Statements):
        return _unread(memory, text, analysis)
    statements = analysis.statements
    if len(statements) == 1:
        again = memory.again(text, statements[0], view, (), "simple")
        if again is not None:
            return again
    commands: list[Command] = []
    interpretations: list[Interpretation] = []
    for statement in statements:
        command, means = yield from _one(memory, text, statement, view, asker, (), "simple")
        commands.append(command)
        interpretations.append(means)
        if means.changes:
            view = view.apply(means.changes)
    read = MessageReading()
    read.commands = tuple(commands)
    read.interpretations = tuple(interpretations)
    read.statements = statements
    read.facts = asker.facts
    read.lasting = len(commands) <= 1 and not any(map(_runs_others, statements))
    return read


def read_statement(  # noqa: PLR0917 - what a meaning depends on, no less
    memory: ReadMemory,
    text: str,
    statement: Statement | None,
    problem: str,
    view: SessionView,
    arguments: tuple[Argument, ...],
) -> CommandReading:
    """A prepared statement that was parsed before, with these bind values."""
    if statement is None:
        return unknown(memory.meanings, text, problem, arguments) if problem else MessageReading()
    asker = _Asker(memory.recall)
    read = MessageReading()
    command, means = yield from _one(memory, text, statement, view, asker, arguments, "extended")
    read.commands = (command,)
    read.interpretations = (means,)
    read.statements = (statement,)
    return read


def read_parse(memory: ReadMemory, text: str, view: SessionView) -> CommandReading:
    """A Parse's text: at most one statement, whose values are not known yet."""
    asker = _Asker(memory.recall)
    analysis = yield from asker.find(ParseQuestion(text))
    if not isinstance(analysis, Statements):
        return _unread(memory, text, analysis)
    statements = analysis.statements
    if len(statements) == 1:
        again = memory.again(text, statements[0], view, ())
        if again is not None:
            return again
    commands: list[Command] = []
    # The server refuses a Parse of several statements by itself.
    for statement in statements:
        command, _ = yield from _one(memory, text, statement, view, asker, (), "extended")
        commands.append(command)
    read = MessageReading()
    read.commands = tuple(commands)
    read.statements = statements
    read.facts = asker.facts
    read.lasting = len(commands) <= 1 and not any(map(_runs_others, statements))
    return read


def _one(  # noqa: PLR0917 - what a meaning depends on, no less
    memory: ReadMemory,
    text: str,
    statement: Statement,
    view: SessionView,
    asker: _Asker,
    arguments: tuple[Argument, ...],
    form: str,
) -> Generator[Hashable, object, tuple[Command, Interpretation]]:
    meanings = memory.meanings
    while not asker.full:
        missing = meanings.questions(statement, view, asker.known)
        if not missing:
            break
        yield from asker.find_all(missing)
    found = meanings.meaning(statement, view, asker.known)
    command = meanings.assemble(text, statement, found, arguments, form=form)
    changes = meanings.changes(statement, view, asker.known)
    means = Interpretation(command, text, changes, statement, stales=meanings.stales(command))
    means.outputs = found.outputs
    if statement.copy is not None:
        means.copy = statement.copy
        means.table, means.columns = _copied(statement, command)
        if means.table is not None and statement.copy.format == "binary":
            means.types = yield from _types(means.table, asker)
    memory.keep(statement, view, found, means, asker.facts)
    return command, means


def _unread(memory: ReadMemory, text: str, analysis: object) -> MessageReading:
    why = analysis if isinstance(analysis, Unreadable) else Unreadable("overload")
    read = unknown(memory.meanings, text, why.reason)
    read.unreadable = unreadable(why)
    return read


def _runs_others(statement: Statement) -> bool:
    return any(isinstance(change, (Execute, Prepare)) for change in statement.changes)


def _types(table: Column, asker: _Asker) -> Generator[Hashable, object, ColumnTypes | None]:
    """The types of a table's columns, those of the database's own described as far as possible."""
    facts = asker.known(RelationsQuestion(table.relation))
    found = facts.found if isinstance(facts, RelationFacts) else ()
    for fact in found:
        if (fact.schema, fact.name) != (table.schema, table.relation) or not fact.types:
            continue
        types = Types(None, asks=False)
        yield from _describe(asker, types, list(fact.types))
        return ColumnTypes(dict(zip(fact.columns, fact.types, strict=False)), types)
    return None


def read_types(
    memory: ReadMemory, types: Types, oids: list[int]
) -> Generator[Hashable, object, None]:
    """Ask what is not known of these types, and of those that they are made of."""
    yield from _describe(_Asker(memory.recall), types, oids)


def _describe(asker: _Asker, types: Types, oids: list[int]) -> Generator[Hashable, object, None]:
    while oids and not asker.full:
        question = types.question(oids.pop())
        if question is not None:
            answer = yield from asker.find(question)
            types.answer(question, answer)
            if isinstance(answer, TypeFact):
                oids += [answer.base, answer.subtype, answer.element]


def _copied(statement: Statement, command: Command) -> tuple[Column | None, tuple[str, ...]]:
    """The table of a COPY and its columns, where both are certain."""
    copy = statement.copy
    if copy is None or copy.relation < 0 or not command.resolved or len(command.relations) != 1:
        return None, ()
    relation = command.relations[0]
    if relation.columns is None:
        return None, ()
    return Column(relation.schema, relation.name, "", relation.kin), relation.columns
