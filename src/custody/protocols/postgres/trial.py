"""What a text means without a target, for `custody policy explain`.

Law: what only the target's catalogue could tell counts as the worst that it could be. A name behind
a table's is taken for one of its columns, and what foreign keys and dependencies add is left out,
or no ordinary statement could be explained.
"""

from typing import Final

import msgspec

from custody.model.command import Command
from custody.model.identity import Session
from custody.model.protocol import ReadAlone
from custody.protocols.postgres.statements.first_view import opening
from custody.protocols.postgres.statements.meaning import changes, understand, unreadable
from custody.wire.sql.syntax import ParseQuestion, Statement, Statements, Unreadable

ASSUMED_PATH: Final = '"$user", public'
"""PostgreSQL's own default of ``search_path``."""


def read_alone(text: str, session: Session) -> ReadAlone:
    """Each statement as if those before it had succeeded."""
    analysis = yield ParseQuestion(text)
    if isinstance(analysis, Unreadable):
        return [unreadable(text, analysis.reason)]
    if not isinstance(analysis, Statements):
        return [unreadable(text, "it could not be parsed")]
    view = opening(session.user, (), ASSUMED_PATH, conforming=True)
    commands: list[Command] = []
    for read in analysis.statements:
        statement = _as_named(read)
        commands.append(understand(text, statement, view, _nobody_asked))
        view = view.apply(changes(statement, view, _nobody_asked))
    return commands


def _as_named(statement: Statement) -> Statement:
    unexplained = tuple(use for use in statement.attributes if not use.relations)
    named = tuple(reach for reach in statement.reaches if reach.how == "sequence")
    return msgspec.structs.replace(statement, attributes=unexplained, reaches=named)


def _nobody_asked(_question: object) -> None:
    return None
