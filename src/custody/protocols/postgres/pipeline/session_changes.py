"""What a completed statement changed in its session.

Law: nothing is believed before the server said that the statement completed.
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
    ledger: PendingQueue, due: PendingMessage, meant: Interpretation, tag: str
) -> None:
    if not meant.changes:
        return
    ledger.view = ledger.view.apply(meant.changes, tag)
    ledger.changed = True
    for change in meant.changes:
        _apply(ledger, due, meant, change)


def _apply(
    ledger: PendingQueue, due: PendingMessage, meant: Interpretation, change: Change
) -> None:
    match change:
        case Prepare(name=name, statement=statement):
            definition = Definition(name.encode(ledger.encoding, "replace"), due.domain, meant.text)
            definition.statement = statement
            definition.cost = len(meant.text)
            ledger.statements.put(definition)
            ledger.statements.settle(definition)
        case Deallocate(name=""):
            ledger.statements.clear()
        case Deallocate(name=name):
            ledger.statements.remove(name.encode(ledger.encoding, "replace"))
        case DiscardAll():
            ledger.statements.clear()
            ledger.portals.clear()
        case Declare(name=name, hold=hold) if meant.statement is not None:
            text = Definition(b"", due.domain, meant.text)
            text.statement = meant.statement
            portal = Portal(name.encode(ledger.encoding, "replace"), due.domain, text)
            portal.arguments = ()
            portal.cursor = True
            portal.holds = hold
            ledger.portals.put(portal)
            ledger.portals.settle(portal)
        case Close(name=""):
            ledger.portals.clear()
        case Close(name=name):
            ledger.portals.remove(name.encode(ledger.encoding, "replace"))
        case _:
            pass  # the view knows what the rest means
