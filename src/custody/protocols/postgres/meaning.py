"""From a statement, its session and the catalogue to the command that a policy judges.

Law: what is not known counts as the worst that it could be: a name may be any of its candidates, a
function that nobody can vouch for is ``execute``, a text that could not be read is ``unknown``.
"""

from collections.abc import Sequence

from custody.model.command import Argument, Command
from custody.protocols.postgres.catalogue import Known, Question
from custody.protocols.postgres.session_view import SessionView
from custody.wire.sql.syntax import Change, Statement


def questions(statement: Statement, view: SessionView, known: Known) -> tuple[Question, ...]:
    """What must be asked before ``understand``. Ask again after the answers came, until it is
    empty; a question that cannot be answered is left out by answering it with ``None`` no more
    than once: ``understand`` then takes the worst.
    """
    raise NotImplementedError


def understand(  # noqa: PLR0913  # what a meaning depends on, no less
    text: str,
    statement: Statement,
    view: SessionView,
    known: Known,
    arguments: Sequence[Argument] = (),
    *,
    form: str = "simple",
) -> Command:
    """The command that ``statement`` of the message ``text`` is, in this session.

    ``arguments`` are the decoded bind values in order; they come back with columns, ``proven`` and
    ``secret`` filled in. ``form`` goes into the command as it is.
    """
    raise NotImplementedError


def unreadable(text: str, reason: str, arguments: Sequence[Argument] = ()) -> Command:
    """The command that a message is that could not be read: its effect is ``unknown``."""
    raise NotImplementedError


def changes(statement: Statement, view: SessionView, known: Known) -> tuple[Change, ...]:
    """What the statement does to its session if it succeeds: give it to ``view.apply``.

    Statements that EXECUTE runs are resolved here, and user functions make unknown what they could
    change; so it is called when the statement is judged, not later.
    """
    raise NotImplementedError


def stales(command: Command) -> bool:
    """Whether the catalogue may say something else once this command has run."""
    raise NotImplementedError
