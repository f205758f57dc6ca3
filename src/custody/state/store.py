"""Loops and tickets, kept.

Law: every change is one transaction that also raises the revision of each ticket it touches, so
that whoever keeps a view (the doorkeeper) misses nothing. Times come in as arguments.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from sqlalchemy import Connection, Engine, Row, delete, exc, func, select, update
from sqlalchemy.dialects.sqlite import insert

from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop, Ticket
from custody.model.words import IdentityKind, LoopId, TicketId
from custody.state.database import READER_BUSY_SECONDS, READING, open_engine, wait
from custody.state.schema import loops, tickets


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

    def add(self, ticket: Ticket) -> None:
        """Keep a new ticket, and its loop where that is new."""
        with _Failing(), self._engine.begin() as connection:
            connection.execute(insert(loops).on_conflict_do_nothing(), [_loop_row(ticket.loop)])
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
                        "revision": _next_revision(connection),
                    }
                ],
            )

    def revoke(self, ticket: TicketId, now: int) -> Ticket:
        """Withdraw a ticket; again is no fault. Raises ``ticket.not-found``."""
        with _Failing(), self._engine.begin() as connection:
            connection.execute(
                update(tickets)
                .where(tickets.c.id == ticket, tickets.c.revoked.is_(None))
                .values(revoked=now, revision=_next_revision(connection))
            )
            row = connection.execute(_joined().where(tickets.c.id == ticket)).first()
        if row is None:
            raise CustodyError(
                "ticket.not-found",
                f"There is no ticket {ticket!r}.",
                "`custody ticket list` shows the tickets by their ids.",
            )
        return _ticket(row)

    def end_loop(self, loop: LoopId, now: int) -> bool:
        """End a loop, and with it every ticket bound to it. False where none was open."""
        with _Failing(), self._engine.begin() as connection:
            ended = connection.execute(
                update(loops).where(loops.c.id == loop, loops.c.ended.is_(None)).values(ended=now)
            )
            connection.execute(
                update(tickets)
                .where(tickets.c.loop == loop)
                .values(revision=_next_revision(connection))
            )
            return ended.rowcount > 0

    def lapsed_loops(self, now: int, *, limit: int = 1000) -> Sequence[Loop]:
        """Loops whose time is over and whose end is not marked yet, oldest first."""
        query = (
            _joined()
            .where(loops.c.ended.is_(None), loops.c.expires <= now)
            .order_by(loops.c.expires)
            .limit(limit)
        )
        with _Failing(), self._reader.begin() as connection:
            found = [_ticket(row).loop for row in connection.execute(query)]
        return list({loop.id: loop for loop in found}.values())

    def forget(self, before: int, *, limit: int = 1000) -> int:
        """Delete tickets whose loop ended at ``before`` or earlier, and loops that are left without
        one. How many tickets went; at most ``limit``, so that no transaction is long.
        """
        with _Failing(), self._engine.begin() as connection:
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
            return len(ids)

    def tickets(self, *, loop: LoopId | None = None, limit: int = 1000) -> Sequence[Ticket]:
        """The newest tickets first."""
        query = _joined().order_by(tickets.c.created.desc(), tickets.c.id).limit(limit)
        if loop is not None:
            query = query.where(tickets.c.loop == loop)
        with _Failing(), self._reader.begin() as connection:
            return [_ticket(row) for row in connection.execute(query)]

    def version(self) -> Hashable:
        """Changes whenever any process changed the database; costs microseconds."""
        with _Failing():
            return self._watch.exec_driver_sql("PRAGMA data_version").scalar()

    def changes(self, after: int) -> tuple[int, Sequence[Ticket]]:
        """What changed since a revision (0: everything), and the revision to ask with next."""
        query = _joined().where(tickets.c.revision > after)
        with _Failing(), self._reader.begin() as connection:
            newest = connection.execute(select(func.max(tickets.c.revision))).scalar() or 0
            return int(newest), [_ticket(row) for row in connection.execute(query)]


class _Failing:
    """Names the database's own faults in the house's words."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, exc.DBAPIError):
            raise CustodyError(
                "state.failed",
                f"The state database failed: {error.orig}.",
                "Check the disk, and that no other program holds state.db locked.",
            ) from error


def _next_revision(connection: Connection) -> int:
    # Safe without a sequence: the transaction has held the write lock since it began.
    return int(connection.execute(select(func.max(tickets.c.revision))).scalar() or 0) + 1


def _loop_row(loop: Loop) -> dict[str, object]:
    return {
        "id": loop.id,
        "subject": loop.identity.subject,
        "issuer": loop.identity.issuer,
        "groups": msgspec.json.encode(loop.identity.groups).decode(),
        "kind": loop.identity.kind.value,
        "started": loop.started,
        "expires": loop.expires,
        "purpose": loop.purpose,
        "on_behalf_of": loop.on_behalf_of,
        "parent": loop.parent,
    }


def _joined() -> Any:  # noqa: ANN401 - a select over this many columns has no type that says more
    return select(
        *tickets.c,
        *(column.label(f"loop_{column.name}") for column in loops.c),
    ).join_from(tickets, loops, tickets.c.loop == loops.c.id)


def _ticket(row: Row[Any]) -> Ticket:
    identity = Identity(
        subject=row.loop_subject,
        issuer=row.loop_issuer,
        groups=msgspec.json.decode(row.loop_groups, type=tuple[str, ...]),
        kind=IdentityKind(row.loop_kind),
    )
    return Ticket(
        id=TicketId(row.id),
        loop=Loop(
            id=LoopId(row.loop_id),
            identity=identity,
            started=row.loop_started,
            expires=row.loop_expires,
            purpose=row.loop_purpose,
            on_behalf_of=row.loop_on_behalf_of,
            parent=None if row.loop_parent is None else LoopId(row.loop_parent),
        ),
        digest=row.digest,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        ended=row.loop_ended,
    )
