"""Applies the changes of a completed statement to its session.

Law: a change is applied only after the server reported that the statement completed.
"""

from custody.protocols.postgres.pipeline.names import Definition, Portal
from custody.protocols.postgres.pipeline.pending_queue import PendingMessage, PendingQueue
from custody.protocols.postgres.statements.interpretation import Interpretation
from custody.wire.sql.syntax import (
    Change,
    Close,
    Deallocate,
    Declare,
    DiscardAll,
    Prepare,
)


def apply_session_changes(
    pending: PendingQueue, due: PendingMessage, interpretation: Interpretation, tag: str
) -> None:
    if not interpretation.changes:
        return
    pending.view = pending.view.apply(interpretation.changes, tag)
    pending.changed = True
    for change in interpretation.changes:
        _apply(pending, due, interpretation, change)


def _apply(
    pending: PendingQueue, due: PendingMessage, interpretation: Interpretation, change: Change
) -> None:
    match change:
        case Prepare(name=name, statement=statement):
            definition = Definition(
                name.encode(pending.encoding, "replace"), due.domain, interpretation.text
            )
            definition.statement = statement
            definition.cost = len(interpretation.text)
            pending.statements.put(definition, due.order)
            pending.statements.settle(definition)
        case Deallocate(name=""):
            pending.statements.clear(due.order)
        case Deallocate(name=name):
            pending.statements.remove(name.encode(pending.encoding, "replace"), due.order)
        case DiscardAll():
            pending.statements.clear(due.order)
            pending.portals.clear(due.order)
        case Declare(name=name, hold=hold) if interpretation.statement is not None:
            text = Definition(b"", due.domain, interpretation.text)
            text.statement = interpretation.statement
            portal = Portal(name.encode(pending.encoding, "replace"), due.domain, text)
            portal.arguments = ()
            portal.cursor = True
            portal.holds = hold
            pending.portals.put(portal, due.order)
            pending.portals.settle(portal)
        case Close(name=""):
            pending.portals.clear(due.order)
        case Close(name=name):
            pending.portals.remove(name.encode(pending.encoding, "replace"), due.order)
        case _:
            pass  # the view knows what the rest means
