"""Recognising tickets from a view in memory.

Law: a refusal does the same work whatever its reason; a ticket that the book withdrew is refused
by the next ``authenticate`` and by ``still_admits`` within a second; and where the book cannot be
read, nobody is recognised.
"""

import hashlib
import hmac
from collections.abc import Hashable, Sequence
from typing import Final, Protocol

from custody.identity.mint import ticket_digest
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Identity, Loop, Ticket
from custody.model.secret import Secret
from custody.model.words import LoopId, TicketId

FRESH_MS: Final = 1000
"""How old the view may be when ``still_admits`` answers from it."""

KEPT_AFTER_EXPIRY_MS: Final = 7 * 86_400_000
"""A lapsed ticket is called expired for a week; then it is forgotten, so the view stays bounded."""

SWEEP_MS: Final = 3_600_000
"""How often what lapsed long ago is forgotten."""

_NOBODY: Final = Loop(LoopId(""), Identity("", "", ()), 0, 0)
_NO_TICKET: Final = Ticket(TicketId(""), _NOBODY, b"\0" * 32, 0, 0)
_NO_SECRET: Final = hashlib.sha256(b"no ticket").digest()


class TicketChanges(Protocol):
    """Where tickets are kept."""

    def version(self) -> Hashable:
        """Changes whenever anything in the book did; cheap."""
        ...

    def changes(self, after: int) -> tuple[int, Sequence[Ticket]]:
        """What changed since a revision (0: everything), and the revision to ask with next."""
        ...


class CachedTicketAuthenticator:
    """The ``TicketAuthenticator`` of tickets. One per gateway; not for several threads at once."""

    def __init__(self, book: TicketChanges) -> None:
        self._book: Final = book
        self._version: Hashable = None
        self._revision = 0
        self._refreshed = -FRESH_MS
        self._swept = 0
        self._by_digest: Final[dict[bytes, Ticket]] = {}
        self._by_id: Final[dict[TicketId, Ticket]] = {}

    def authenticate(self, secret: Secret, now: int) -> Admission | str:
        """As ``TicketAuthenticator.authenticate``; also ``ticket.unchecked`` where the book cannot
        be read.
        """
        presented = ticket_digest(secret)
        if not self._refresh(now):
            return "ticket.unchecked"
        digest = presented or _NO_SECRET
        ticket = self._by_digest.get(digest, _NO_TICKET)
        # Neither branch below may be taken early: each refusal has made all these comparisons.
        known = hmac.compare_digest(ticket.digest, digest)
        revoked = _withdrawn(ticket)
        expired = _lapsed(ticket, now)
        if not known:
            return "ticket.unknown"
        if revoked:
            return "ticket.revoked"
        if expired:
            return "ticket.expired"
        return Admission(ticket=ticket.id, loop=ticket.loop)

    def still_admits(self, admission: Admission, now: int) -> bool:
        """As ``TicketAuthenticator.still_admits``; false where the book could not be read for
        longer than that.
        """
        fresh = 0 <= now - self._refreshed < FRESH_MS
        # A ticket that a token stands for is never recognised: it may be newer than a fresh view.
        fresh = fresh and admission.ticket in self._by_id
        if not fresh and not self._refresh(now):
            return False
        ticket = self._by_id.get(admission.ticket)
        return ticket is not None and not _withdrawn(ticket) and not _lapsed(ticket, now)

    def _refresh(self, now: int) -> bool:
        try:
            version = self._book.version()
            if version != self._version or self._version is None:
                self._revision, changed = self._book.changes(self._revision)
                # Taken before the changes were read: at worst they are read once more.
                self._version = version
                for ticket in changed:
                    self._learn(ticket, now)
        except CustodyError:
            return False
        self._refreshed = now
        if abs(now - self._swept) >= SWEEP_MS:
            self._sweep(now)
        return True

    def _learn(self, ticket: Ticket, now: int) -> None:
        if not _forgettable(ticket, now):
            self._by_digest[ticket.digest] = ticket
            self._by_id[ticket.id] = ticket

    def _sweep(self, now: int) -> None:
        self._swept = now
        for ticket in [each for each in self._by_id.values() if _forgettable(each, now)]:
            del self._by_id[ticket.id]
            del self._by_digest[ticket.digest]


def _withdrawn(ticket: Ticket) -> bool:
    # A loop that ended when its time was over has expired, it was not withdrawn.
    ended = ticket.ended is not None and ticket.ended < ticket.loop.expires
    return ticket.revoked is not None or ended


def _lapsed(ticket: Ticket, now: int) -> bool:
    return now >= min(ticket.expires, ticket.loop.expires)


def _forgettable(ticket: Ticket, now: int) -> bool:
    return ticket.expires + KEPT_AFTER_EXPIRY_MS < now
