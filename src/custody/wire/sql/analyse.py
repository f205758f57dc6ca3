"""Reads a message's text: the one entry to everything in this folder.

Law: pure, and total for everything but a crash of the C parser and hostile amounts of text: runs
only in a worker process that can be lost.
"""

from bisect import bisect_left
from typing import Any, Final

import msgspec

from custody.model.words import Effect
from custody.wire.sql import expression
from custody.wire.sql.collector import Handler, Literal, NameScope, StatementCollector, qualified
from custody.wire.sql.session import constant
from custody.wire.sql.statements import query, utility, writes
from custody.wire.sql.syntax import (
    Analysis,
    Change,
    Mark,
    Prepare,
    SetParameter,
    Statement,
    Statements,
    Unreadable,
)
from custody.wire.sql.text.constant_runs import ShortenedText, shortened
from custody.wire.sql.text.node import Node
from custody.wire.sql.text.tree import (
    COMMENTS,
    INTEGER,
    MINUS,
    NUMBERS,
    STRINGS,
    TRUTHS,
    UESCAPE,
    SyntaxFaultError,
    fingerprint,
    parse,
    tokens,
)

_PLANNABLE: Final = {
    "SelectStmt": "SELECT",
    "InsertStmt": "INSERT",
    "UpdateStmt": "UPDATE",
    "DeleteStmt": "DELETE",
    "MergeStmt": "MERGE",
}
HANDLERS: Final[dict[str, Handler]] = {
    **expression.HANDLERS,
    **query.HANDLERS,
    **writes.HANDLERS,
    **utility.HANDLERS,
}
_STATEMENTS_AT_MOST: Final = 10_000
_MESSAGE_AT_MOST: Final = 1_000
_MARKS_AT_MOST: Final = 10_000
"""Literals of a statement that are masked one by one."""


def analyse(text: str) -> Analysis:  # noqa: PLR0911  # one for each way in which it ends
    """The meaning of a message's text, as far as the text itself tells."""
    if "\0" in text:
        return Unreadable("encoding")
    try:
        source = text.encode()
    except UnicodeEncodeError:
        return Unreadable("encoding")
    whole: ShortenedText | None = None
    try:
        whole = shortened(source)
        if whole is None:
            return _Message(text, source).statements()
        read = _Message(whole.text, whole.text.encode()).statements()
    except SyntaxFaultError as fault:
        place = fault.position
        if whole is not None and place:
            place = whole.place(place - 1) + 1
        return Unreadable("syntax", fault.message[:_MESSAGE_AT_MOST], place)
    except RecursionError:
        return Unreadable("too-deep")
    if isinstance(read, Unreadable):
        return read
    backslash = "\\" in text
    return Statements(tuple(_placed(each, whole, backslash) for each in read.statements))


def _placed(statement: Statement, whole: ShortenedText, backslash: bool) -> Statement:  # noqa: FBT001 - a fact that is passed on
    """The statement as it stands in the whole text."""
    start, end = whole.place(statement.start), whole.place(statement.end)
    marks = [
        msgspec.structs.replace(
            mark,
            start=whole.place(statement.start + mark.start) - start,
            end=whole.place(statement.start + mark.end) - start,
        )
        for mark in statement.marks
    ]
    # As where there are too many to weigh: nothing of them is kept.
    marks += [
        Mark(left - start, right - start, secret=True)
        for left, right in whole.left_out(statement.start, statement.end)
    ]
    marks.sort(key=lambda mark: mark.start)
    changes = tuple(
        msgspec.structs.replace(each, statement=_placed(each.statement, whole, backslash))
        if isinstance(each, Prepare)
        else each
        for each in statement.changes
    )
    return msgspec.structs.replace(
        statement, start=start, end=end, marks=tuple(marks), changes=changes, backslash=backslash
    )


class _Message:
    """One text on its way: places in bytes, tokens, and what they come to in characters."""

    def __init__(self, text: str, source: bytes) -> None:
        self._text = text
        self._source = source
        self._wide = len(text) != len(source)
        self._tokens: list[tuple[int, int, int]] = []
        self._starts: list[int] = []

    def statements(self) -> Analysis:
        raw = parse(self._source)
        if len(raw) > _STATEMENTS_AT_MOST:
            return Unreadable("too-long")
        if not raw:
            return Statements(())
        self._tokens = tokens(self._source)
        self._starts = [start for start, _, _ in self._tokens]
        borders = [0]
        borders += [self._behind(node) for node in raw[:-1]]
        borders.append(len(self._source))
        return Statements(
            tuple(
                self._statement(node.get("stmt", {}), borders[place], borders[place + 1])
                for place, node in enumerate(raw)
            )
        )

    def _behind(self, node: Node) -> int:
        """Where a statement ends, its semicolon included."""
        end: int = node.get("stmt_location", 0) + node.get("stmt_len", 0)
        place = bisect_left(self._starts, end)
        return self._tokens[place][1] if place < len(self._tokens) else len(self._source)

    def _character(self, place: int) -> int:
        return len(self._source[:place].decode()) if self._wide else place

    def _statement(self, node: Node, start: int, end: int) -> Statement:
        kind = next(iter(node), "")
        body: Node = node.get(kind, {})
        if kind == "PrepareStmt":
            inner = self._statement(body.get("query", {}), start, end)
            return _prepared(inner, body.get("name", ""))
        collector = StatementCollector(HANDLERS)
        collector.source = self._source[start:end]
        handler = HANDLERS.get(kind)
        if handler is None:
            collector.unknown("a statement of an unknown kind")
            collector.visit(body, NameScope())
            collector.action = kind.removesuffix("Stmt").upper()
        else:
            handler(collector, body, NameScope())
        if kind in _PLANNABLE:
            collector.action = _PLANNABLE[kind]
            if "intoClause" in body:
                collector.action = "SELECT INTO"
            if _only_sets(body):
                collector.changes[:] = [_certain(change) for change in collector.changes]
            taken = fingerprint(self._source[start:end])
        else:
            # A utility statement's text enters libpg_query's fingerprint, passwords included.
            taken = f"utility:{kind}"
            collector.blind = False
        return self._finished(collector, taken, start, end)

    def _finished(
        self, collector: StatementCollector, taken: str, start: int, end: int
    ) -> Statement:
        first = self._character(start)
        marks = self._marks(collector, start, end)
        parameters = tuple(collector.parameters[number] for number in sorted(collector.parameters))
        if collector.all_secret:
            marks = tuple(_secret(mark) for mark in marks)
        if len(marks) > _MARKS_AT_MOST:
            # Weighing each would hold everybody up: from the first literal on, nothing is kept.
            marks = (Mark(marks[0].start, self._character(end) - first, secret=True),)
        return Statement(
            start=first,
            end=self._character(end),
            action=collector.action,
            effects=frozenset(collector.effects),
            relations=tuple(collector.relations),
            functions=tuple(collector.functions),
            operators=tuple(collector.operators),
            types=tuple(collector.types),
            attributes=tuple(collector.attributes),
            bounded=collector.bounded,
            bounds=tuple(collector.bounds),
            fingerprint=taken,
            marks=marks,
            parameters=parameters,
            parameter_count=max(collector.parameters, default=0),
            changes=tuple(collector.changes),
            copy=collector.copy,
            opaque=collector.opaque,
            backslash="\\" in self._text,
            blind=collector.blind and not collector.changes,
            problem=collector.problem,
            settings=tuple(collector.settings),
            planned=tuple(collector.planned),
            weighs=collector.weighs,
            reaches=tuple(collector.reaches),
            cascades=collector.cascades,
            actions=tuple(word for word in collector.actions if word != collector.action),
            outputs=collector.outputs if collector.action == "SELECT" else (),
            shows_secret=collector.shows_secret,
        )

    def _sign_before(self, place: int) -> int:
        """Where the minus stands that the token behind it may belong to; -1 for none."""
        before = place - 1
        while before >= 0 and self._tokens[before][2] in COMMENTS:
            before -= 1
        if before >= 0 and self._tokens[before][2] == MINUS:
            return self._starts[before]
        return -1

    def _marks(self, collector: StatementCollector, start: int, end: int) -> tuple[Mark, ...]:
        """Every literal token of the statement; what no expression accounts for is unproven."""
        marks: list[Mark] = []
        first = self._character(start)
        secret_after = sorted(collector.secret_after)
        place = bisect_left(self._starts, start)
        while place < len(self._tokens) and self._starts[place] < end:
            left, right, number = self._tokens[place]
            string = number in STRINGS
            if not (string or number in NUMBERS or number in TRUTHS):
                place += 1
                continue
            literal = collector.literals.get(left)
            if literal is None and not string:
                # The parser folds a sign into its number, whose place is then the sign's.
                sign = self._sign_before(place)
                literal = collector.literals.get(sign)
                if literal is not None:
                    left = sign
            if number == INTEGER and left not in collector.integers:
                collector.blind = False
            if literal is None and number in TRUTHS:
                place += 1
                continue
            if string and place + 2 < len(self._tokens) and self._tokens[place + 1][2] == UESCAPE:
                right = self._tokens[place + 2][1]
                place += 2
            secret = bool(string and secret_after and secret_after[0] <= left)
            if secret:
                secret_after.pop(0)
            marks.append(
                _mark(
                    literal, self._character(left) - first, self._character(right) - first, secret
                )
            )
            place += 1
        return tuple(marks)


def _mark(literal: Literal | None, start: int, end: int, secret: bool) -> Mark:  # noqa: FBT001 - a fact that is passed on as it was read
    if literal is None:
        return Mark(start, end, secret=secret)
    return Mark(
        start, end, literal.columns, literal.proven, secret or literal.secret, literal.argument
    )


def _only_sets(select: Node) -> bool:
    """``SELECT set_config(…)`` of constants and nothing more: it makes its row, or fails."""
    if not select.keys() <= {"targetList", "limitOption", "op"}:
        return False
    for target in select.get("targetList", []):
        call = target.get("ResTarget", {}).get("val", {}).get("FuncCall", {})
        if qualified(call.get("funcname"))[1] != "set_config":
            return False
        if any(constant(argument) is None for argument in call.get("args", [])):
            return False
    return True


def _certain(change: Change) -> Change:
    return (
        msgspec.structs.replace(change, maybe=False) if isinstance(change, SetParameter) else change
    )


def _secret(mark: Mark) -> Mark:
    return Mark(mark.start, mark.end, mark.columns, mark.proven, True, mark.argument)


def _prepared(inner: Statement, name: str) -> Statement:
    """A PREPARE carries what it prepares; it runs only when it is executed."""
    fields: dict[str, Any] = {key: getattr(inner, key) for key in inner.__struct_fields__}
    fields.update(
        action="PREPARE",
        changes=(Prepare(name, inner),),
        fingerprint="utility:PrepareStmt",
        parameters=(),
        parameter_count=0,
        blind=False,
    )
    return Statement(**fields)


__all__ = ["Effect", "analyse"]
