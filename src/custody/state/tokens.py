"""The loop that each presented token began, kept until the token lapses.

Law: of a token only the digest is here. A loop that somebody ended stays between its token and a
new loop, also across a restart; one that nobody was ever in does not.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects.sqlite import insert

from custody.model.identity import Ticket
from custody.model.words import LoopId
from custody.state import rows
from custody.state.database_errors import DatabaseErrors
from custody.state.schema import loops, tickets, tokens

NOT_KEPT: Final = "ticket.not-kept"
"""Why a loop ended that never got as far as its ticket."""
_NO_BAR: Final = frozenset({NOT_KEPT, "expired"})


class PresentedToken(msgspec.Struct, frozen=True):
    """A token that is to begin a loop. ``until``: when it can begin nothing any more."""

    digest: bytes
    provider: str
    until: int


class TokenLoop(msgspec.Struct, frozen=True):
    """What a token began at a provider's entrance. Without a ticket: it was ended since."""

    provider: str
    ticket: Ticket | None


class TokenBook:
    """Every method raises ``CustodyError`` ``state.failed`` where the disk or a lock fails."""

    def __init__(self, engine: Engine, reader: Engine) -> None:
        self._engine: Final = engine
        self._reader: Final = reader

    def loops_of(self, digest: bytes, now: int) -> Sequence[TokenLoop]:
        """What the token began that is not over by itself: at most one loop for each provider."""
        query = (
            select(tokens.c.provider, tokens.c.loop, loops.c.id, loops.c.ended, loops.c.reason)
            .join_from(tokens, loops, tokens.c.loop == loops.c.id, isouter=True)
            .where(tokens.c.digest == digest, tokens.c.until > now)
        )
        found = []
        with DatabaseErrors(), self._reader.begin() as connection:
            for row in connection.execute(query):
                if row.id is None or (row.ended is not None and row.reason not in _NO_BAR):
                    found.append(TokenLoop(row.provider, None))
                    continue
                held = rows.joined().where(tickets.c.loop == row.loop, loops.c.expires > now)
                ticket = connection.execute(held.where(loops.c.ended.is_(None))).first()
                if ticket is not None:
                    found.append(TokenLoop(row.provider, rows.ticket(ticket)))
        return found

    def forget(self, now: int) -> None:
        """Delete what can be brought no more."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(delete(tokens).where(tokens.c.until <= now))


def keep_token(connection: Connection, token: PresentedToken, loop: LoopId) -> None:
    """In the transaction that reserves the loop."""
    row = {
        "digest": token.digest,
        "provider": token.provider,
        "loop": loop,
        "until": token.until,
    }
    statement = insert(tokens)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[tokens.c.digest, tokens.c.provider],
        set_={"loop": new.loop, "until": new.until},
    )
    connection.execute(statement, [row])
