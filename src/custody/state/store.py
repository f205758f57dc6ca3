"""The state database: tickets here, loops, logins and budgets in the books beside them.

Law: every change is one transaction that also raises the revision of each ticket it touches, so
that a view of the tickets (``identity.ticket_authenticator``) misses no change. Times come in as
arguments.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from custody.model.errors import CustodyError
from custody.model.identity import Ticket
from custody.model.words import LoopId, TicketId
from custody.state import rows
from custody.state.budgets import BudgetBook
from custody.state.database import READER_BUSY_SECONDS, READING, open_engine, wait
from custody.state.database_errors import DatabaseErrors
from custody.state.logins import LoginBook
from custody.state.loops import EndedLoop, LoopBook, next_revision
from custody.state.schema import loops, spent, tickets
from custody.state.tokens import TokenBook


class State:
    """The state database of one gateway. Any process of its owner may open it beside others.

    Every method raises ``CustodyError`` with code ``state.failed`` where the disk or a lock fails.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine
        self._reader: Final = engine.execution_options(**{READING: True})
        # SQLite tells a connection only of changes that *others* made; this one never writes.
        self._watch: Final = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        wait(self._watch, READER_BUSY_SECONDS)
        self.loops: Final = LoopBook(engine, self._reader)
        self.logins: Final = LoginBook(engine, self._reader)
        self.budgets: Final = BudgetBook(engine, self._reader)
        self.tokens: Final = TokenBook(engine, self._reader)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open, create or migrate the file. Raises ``state.unreadable`` or ``state.too-new``."""
        return cls(open_engine(path))

    def close(self) -> None:
        self._watch.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_ticket(self, ticket: Ticket) -> None:
        """Keep a new ticket, and its loop where that is new."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(insert(loops).on_conflict_do_nothing(), [rows.loop_row(ticket.loop)])
            connection.execute(
                insert(tickets),
                [
                    {
                        "id": ticket.id,
                        "digest": ticket.digest,
                        "loop": ticket.loop.id,
                        "created": ticket.created,
                        "expires": ticket.expires,
                        "revoked": ticket.revoked,
                        "revision": next_revision(connection),
                    }
                ],
            )

    def revoke(self, ticket: TicketId, now: int) -> Ticket:
        """Withdraw a ticket; again is no fault. Raises ``ticket.not-found``."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(
                update(tickets)
                .where(tickets.c.id == ticket, tickets.c.revoked.is_(None))
                .values(revoked=now, revision=next_revision(connection))
            )
            row = connection.execute(rows.joined().where(tickets.c.id == ticket)).first()
        if row is None:
            raise CustodyError(
                "ticket.not-found",
                f"There is no ticket {ticket!r}.",
                "`custody ticket list` shows the tickets by their ids.",
            )
        return rows.ticket(row)

    def end_loop(self, loop: LoopId, now: int, reason: str = "ended") -> Sequence[EndedLoop]:
        """End a loop, all below it, and every ticket bound to them; empty where none was open."""
        return self.loops.end(loop, now, reason)

    def forget(self, before: int, *, limit: int = 1000) -> int:
        """Delete tickets whose loop ended at ``before`` or earlier, and loops that are left without
        one. How many tickets went; at most ``limit``, so that no transaction is long.
        """
        with DatabaseErrors(), self._engine.begin() as connection:
            newest = select(func.max(tickets.c.revision)).scalar_subquery()
            # The newest revision stays: the next one is counted from it, and a number that was
            # given twice would hide a change from whoever has seen it already.
            gone = connection.execute(
                select(tickets.c.id)
                .join_from(tickets, loops, tickets.c.loop == loops.c.id)
                .where(loops.c.ended <= before, tickets.c.revision < newest)
                .order_by(loops.c.ended)
                .limit(limit)
            ).scalars()
            ids = list(gone)
            if ids:
                connection.execute(delete(tickets).where(tickets.c.id.in_(ids)))
                kept = select(tickets.c.loop)
                connection.execute(
                    delete(loops).where(loops.c.ended <= before, loops.c.id.not_in(kept))
                )
                connection.execute(delete(spent).where(spent.c.loop.not_in(select(loops.c.id))))
            return len(ids)

    def end_all(self, now: int, reason: str) -> tuple[int, int]:
        """End every login and every loop that is open, with all tickets; how many of each."""
        logins = self.logins.end_all(now, reason)
        return len(logins), len(self.loops.end_all(now, reason))

    def tickets(self, *, loop: LoopId | None = None, limit: int = 1000) -> Sequence[Ticket]:
        """The newest tickets first."""
        query = rows.joined().order_by(tickets.c.created.desc(), tickets.c.id).limit(limit)
        if loop is not None:
            query = query.where(tickets.c.loop == loop)
        with DatabaseErrors(), self._reader.begin() as connection:
            return [rows.ticket(row) for row in connection.execute(query)]

    def version(self) -> Hashable:
        """Changes whenever any process changed the database; costs microseconds."""
        with DatabaseErrors():
            return self._watch.exec_driver_sql("PRAGMA data_version").scalar()

    def changes(self, after: int) -> tuple[int, Sequence[Ticket]]:
        """What changed since a revision (0: everything), and the revision to ask with next."""
        query = rows.joined().where(tickets.c.revision > after)
        with DatabaseErrors(), self._reader.begin() as connection:
            newest = connection.execute(select(func.max(tickets.c.revision))).scalar() or 0
            return int(newest), [rows.ticket(row) for row in connection.execute(query)]
