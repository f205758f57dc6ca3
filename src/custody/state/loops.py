"""Loops, kept: reserved before they begin, ended once, with all that hangs below them.

Law: the check whether a loop may begin runs in the transaction that stores it; an end is given to
one caller only, and stays unrecorded until its record is made.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    delete,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop
from custody.model.words import LoginId, LoopId
from custody.state import rows
from custody.state.database_errors import DatabaseErrors
from custody.state.schema import logins, loops, revoked, tickets, tokens
from custody.state.tokens import NOT_KEPT, PresentedToken, keep_token

OPEN_AT_MOST: Final = 1000
"""Loops of one identity that are open at once, whatever grants say: all are held in memory."""

Running = Callable[[], Sequence[Loop]]
"""Reads the identity's open loops: at most ``OPEN_AT_MOST``, but no small work."""
Fits = Callable[[Running], None]
"""Raises ``CustodyError`` where one more loop is too many."""


class EndedLoop(msgspec.Struct, frozen=True):
    loop: LoopId
    reason: str


class LoopBook:
    """Every method raises ``CustodyError`` ``state.failed`` where the disk or a lock fails."""

    def __init__(self, engine: Engine, reader: Engine) -> None:
        self._engine: Final = engine
        self._reader: Final = reader

    def reserve(
        self, loop: Loop, now: int, fits: Fits, token: PresentedToken | None = None
    ) -> None:
        """Keep a loop that has no ticket yet, if what it hangs on holds still; and the token that
        it is for, where it is for one.

        Raises ``identity.revoked``, ``identity.login-ended``, ``loop.ended``, ``loop.too-many``,
        and as ``fits`` does.
        """
        with DatabaseErrors(), self._engine.begin() as connection:
            for identity in (loop.identity, loop.principal):
                if identity is not None and is_revoked(connection, identity):
                    raise revoked_identity()
            if loop.login is not None and not _holds(connection, logins, loop.login, now):
                raise CustodyError("identity.login-ended", "This login is over.", "Log in again.")
            if loop.parent is not None and not _holds(connection, loops, loop.parent, now):
                raise CustodyError(
                    "loop.ended", "The loop that this one would belong to is over.", "Start anew."
                )
            mine = (
                (loops.c.subject == loop.identity.subject)
                & (loops.c.issuer == loop.identity.issuer)
                & loops.c.ended.is_(None)
                & (loops.c.expires > now)
            )
            count = select(func.count()).select_from(loops).where(mine)
            if connection.execute(count).scalar_one() >= OPEN_AT_MOST:
                raise CustodyError(
                    "loop.too-many",
                    f"{OPEN_AT_MOST} loops of this identity are open, as many as there may be.",
                    "End those that are done; a loop holds until its end or its expiry.",
                )
            query = select(loops).where(mine)
            fits(lambda: [rows.loop(row) for row in connection.execute(query).mappings()])
            connection.execute(insert(loops), [rows.loop_row(loop)])
            if token is not None:
                keep_token(connection, token, loop.id)

    def drop(self, loop: LoopId) -> None:
        """Forget a reserved loop that never began."""
        with DatabaseErrors(), self._engine.begin() as connection:
            begun = select(tickets.c.loop)
            connection.execute(delete(loops).where(loops.c.id == loop, loops.c.id.not_in(begun)))
            here = select(loops.c.id)
            connection.execute(
                delete(tokens).where(tokens.c.loop == loop, tokens.c.loop.not_in(here))
            )

    def all_open(self) -> Sequence[Loop]:
        """Every loop that has not ended, parents before their children, whatever the clock said as
        they began.
        """
        running = loops.c.ended.is_(None)
        above = select(loops.c.id).where(running)
        top = loops.c.parent.is_(None) | loops.c.parent.not_in(above)
        roots = select(loops.c.id, literal(0).label("depth")).where(running, top)
        tree = roots.cte("tree", recursive=True)
        below = select(loops.c.id, tree.c.depth + 1).where(running, loops.c.parent == tree.c.id)
        tree = tree.union_all(below)
        query = select(loops).join(tree, loops.c.id == tree.c.id).order_by(tree.c.depth, loops.c.id)
        with DatabaseErrors(), self._reader.begin() as connection:
            return [rows.loop(row) for row in connection.execute(query).mappings()]

    def of_login(self, login: LoginId) -> Sequence[Loop]:
        """Those that have not ended."""
        query = select(loops).where(loops.c.login == login, loops.c.ended.is_(None))
        with DatabaseErrors(), self._reader.begin() as connection:
            return [rows.loop(row) for row in connection.execute(query).mappings()]

    def end(self, loop: LoopId, now: int, reason: str) -> Sequence[EndedLoop]:
        """End a loop and all below it; what is given back has ended by this call alone."""
        return self._end(loops.c.id == loop, now, reason)

    def end_all(self, now: int, reason: str) -> Sequence[EndedLoop]:
        """Every open loop."""
        return self._end(true(), now, reason)

    def end_of_identity(
        self, issuer: str, subject: str | None, now: int, reason: str
    ) -> Sequence[EndedLoop]:
        """Those that the identity acts in, and those that act for it. ``None``: of that issuer."""
        if subject is None:
            return self._end(loops.c.issuer == issuer, now, reason)
        with DatabaseErrors(), self._engine.begin() as connection:
            return end_identity(connection, issuer, subject, now, reason)

    def end_unstarted(self, now: int) -> Sequence[EndedLoop]:
        """At a start: loops that a crash left without a ticket, so that nobody can be in them."""
        return self._end(loops.c.id.not_in(select(tickets.c.loop)), now, NOT_KEPT)

    def lapse(self, now: int) -> Sequence[EndedLoop]:
        """End every loop whose time is over, at the time that was set for it."""
        return self._end(loops.c.expires <= now, None, "expired")

    def unrecorded(self, *, limit: int = 1000) -> Sequence[EndedLoop]:
        """Ends that are not on the record yet, the oldest first."""
        query = (
            select(loops.c.id, loops.c.reason)
            .where(loops.c.ended.is_not(None), loops.c.told == 0)
            .order_by(loops.c.ended, loops.c.id)
            .limit(limit)
        )
        with DatabaseErrors(), self._reader.begin() as connection:
            return [EndedLoop(LoopId(row.id), row.reason) for row in connection.execute(query)]

    def mark_recorded(self, loop: LoopId) -> None:
        """The record of its end is made."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(update(loops).where(loops.c.id == loop).values(told=1))

    def _end(self, which: ColumnElement[bool], now: int | None, reason: str) -> Sequence[EndedLoop]:
        with DatabaseErrors(), self._engine.begin() as connection:
            return end_loops(connection, which, now, reason)


def end_loops(
    connection: Connection, which: ColumnElement[bool], now: int | None, reason: str
) -> Sequence[EndedLoop]:
    """End open loops and what is open below them. Where ``now`` is ``None``: when they expire."""
    roots = set(
        connection.execute(select(loops.c.id).where(loops.c.ended.is_(None), which)).scalars()
    )
    if not roots:
        return []
    tree = select(loops.c.id).where(loops.c.id.in_(roots)).cte("tree", recursive=True)
    below = select(loops.c.id).where(loops.c.parent == tree.c.id, loops.c.ended.is_(None))
    ids = list(connection.execute(select(tree.union(below).c.id)).scalars())
    ended = [EndedLoop(LoopId(each), reason if each in roots else "parent.ended") for each in ids]
    for one in ended:
        connection.execute(
            update(loops)
            .where(loops.c.id == one.loop)
            .values(
                ended=loops.c.expires if now is None else now,
                reason=one.reason,
                told=0,
            )
        )
    connection.execute(
        update(tickets).where(tickets.c.loop.in_(ids)).values(revision=next_revision(connection))
    )
    return ended


def end_identity(
    connection: Connection, issuer: str, subject: str, now: int, reason: str
) -> Sequence[EndedLoop]:
    acting = (loops.c.issuer == issuer) & (loops.c.subject == subject)
    whom = (func.json_extract(loops.c.principal, "$.issuer") == issuer) & (
        func.json_extract(loops.c.principal, "$.subject") == subject
    )
    return end_loops(connection, acting | whom, now, reason)


def next_revision(connection: Connection) -> int:
    # Safe without a sequence: the transaction has held the write lock since it began.
    return int(connection.execute(select(func.max(tickets.c.revision))).scalar() or 0) + 1


def revoked_identity() -> CustodyError:
    return CustodyError(
        "identity.revoked",
        "This identity was revoked at this gateway.",
        "Ask its operator; `custody identity restore` takes it back.",
    )


def is_revoked(connection: Connection, identity: Identity) -> bool:
    query = select(revoked.c.time).where(
        revoked.c.issuer == identity.issuer, revoked.c.subject == identity.subject
    )
    return connection.execute(query).first() is not None


def _holds(connection: Connection, table: Any, key: str, now: int) -> bool:  # noqa: ANN401 - either of two tables
    query = select(table.c.id).where(
        table.c.id == key, table.c.ended.is_(None), table.c.expires > now
    )
    return connection.execute(query).first() is not None
