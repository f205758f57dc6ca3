"""Tickets: minted, recognised, refused, withdrawn."""

import base64
import hashlib
import re
from collections.abc import Hashable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.identity import (
    CachedTicketAuthenticator,
    local_identity,
    mint_loop,
    mint_ticket,
)
from custody.identity.mint import ticket_digest
from custody.identity.ticket_authenticator import KEPT_AFTER_EXPIRY_MS, SWEEP_MS
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Ticket
from custody.model.secret import Secret

NOW = 1_000_000
HOUR = 3_600_000


class Counter:
    """Entropy that can be told apart and repeated."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return hashlib.shake_128(self.calls.to_bytes(4, "big")).digest(size)


class Book:
    """A book of tickets in memory."""

    def __init__(self) -> None:
        self.revision = 0
        self.rows: dict[str, tuple[int, Ticket]] = {}
        self.broken = False

    def put(self, ticket: Ticket) -> None:
        self.revision += 1
        self.rows[ticket.id] = (self.revision, ticket)

    def version(self) -> Hashable:
        if self.broken:
            raise CustodyError("state.failed", "no disk")
        return self.revision

    def changes(self, after: int) -> tuple[int, Sequence[Ticket]]:
        return self.revision, [ticket for at, ticket in self.rows.values() if at > after]


def issue(book: Book, *, now: int = NOW, entropy: Counter | None = None) -> tuple[Secret, Ticket]:
    source = entropy or Counter()
    loop = mint_loop(
        local_identity("agent-7", ("agents",)), now=now, ttl_ms=HOUR, entropy=source, purpose="mend"
    )
    secret, ticket = mint_ticket(loop, now=now, entropy=source)
    book.put(ticket)
    return secret, ticket


def test_what_is_minted_has_the_shape_that_the_words_promise() -> None:
    entropy = Counter()
    secret, ticket = issue(Book(), entropy=entropy)
    assert re.fullmatch(r"ct_[A-Za-z0-9_-]{43}", secret.reveal())
    assert len(secret.reveal()) < 64
    assert re.fullmatch(r"tkt_[a-z2-7]{12}", ticket.id)
    assert re.fullmatch(r"loop_[a-z2-7]{20}", ticket.loop.id)
    assert ticket.loop.identity.issuer == "local"
    assert ticket.expires == ticket.loop.expires == NOW + HOUR
    raw = base64.urlsafe_b64decode(secret.reveal().removeprefix("ct_") + "=")
    assert ticket.digest == hashlib.sha256(raw).digest() == ticket_digest(secret)
    assert secret.reveal() not in repr(ticket)


def test_a_ticket_is_recognised_until_it_lapses() -> None:
    book = Book()
    secret, ticket = issue(book)
    door = CachedTicketAuthenticator(book)
    assert door.authenticate(secret, NOW) == Admission(ticket.id, ticket.loop)
    admission = door.authenticate(secret, NOW + HOUR - 1)
    assert isinstance(admission, Admission)
    assert door.still_admits(admission, NOW + HOUR - 1)
    assert door.authenticate(secret, NOW + HOUR) == "ticket.expired"
    assert not door.still_admits(admission, NOW + HOUR)


def test_a_new_ticket_is_recognised_at_once_beside_a_running_door() -> None:
    book = Book()
    door = CachedTicketAuthenticator(book)
    assert door.authenticate(Secret("ct_none"), NOW) == "ticket.unknown"
    secret, _ = issue(book)
    assert isinstance(door.authenticate(secret, NOW), Admission)


@pytest.mark.parametrize("field", ["revoked", "ended"])
def test_withdrawal_is_seen_at_the_next_login_and_within_a_second_by_sessions(field: str) -> None:
    book = Book()
    secret, ticket = issue(book)
    door = CachedTicketAuthenticator(book)
    admission = door.authenticate(secret, NOW)
    assert isinstance(admission, Admission)
    book.put(msgspec.structs.replace(ticket, **{field: NOW + 1}))
    assert door.still_admits(admission, NOW + 999)
    assert not door.still_admits(admission, NOW + 1000)
    assert door.authenticate(secret, NOW + 1001) == "ticket.revoked"


def test_an_unreadable_book_admits_nobody() -> None:
    book = Book()
    secret, _ = issue(book)
    door = CachedTicketAuthenticator(book)
    admission = door.authenticate(secret, NOW)
    assert isinstance(admission, Admission)
    book.broken = True
    assert door.authenticate(secret, NOW) == "ticket.unchecked"
    assert not door.still_admits(admission, NOW + 1000)
    book.broken = False
    assert door.still_admits(admission, NOW + 1001)


def test_what_lapsed_long_ago_is_forgotten() -> None:
    book = Book()
    secret, _ = issue(book)
    door = CachedTicketAuthenticator(book)
    door.authenticate(secret, NOW)
    later = NOW + HOUR + KEPT_AFTER_EXPIRY_MS + SWEEP_MS
    assert door.authenticate(secret, later) == "ticket.unknown"
    assert not door._by_id
    assert not door._by_digest


NOT_TICKETS = {
    "empty": "",
    "prefix only": "ct_",
    "too short": "ct_" + "A" * 42,
    "too long": "ct_" + "A" * 44,
    "another prefix": "tk_" + "A" * 43,
    "upper-case prefix": "CT_" + "A" * 43,
    "padding": "ct_" + "A" * 42 + "=",
    "plain base64 alphabet": "ct_" + "+" * 43,
    "spare bits set": "ct_" + "A" * 42 + "B",
    "not ASCII": "ct_" + "é" * 43,
    "newline": "ct_" + "A" * 42 + "\n",
    "NUL": "ct_" + "\0" * 43,
}


@pytest.mark.parametrize("text", NOT_TICKETS.values(), ids=NOT_TICKETS.keys())
def test_what_is_no_ticket_is_unknown(text: str) -> None:
    assert ticket_digest(Secret(text)) is None
    assert CachedTicketAuthenticator(Book()).authenticate(Secret(text), NOW) == "ticket.unknown"


@given(st.text(max_size=80))
def test_any_text_is_refused_without_a_word_too_much(text: str) -> None:
    assert CachedTicketAuthenticator(Book()).authenticate(Secret(text), NOW) == "ticket.unknown"


@given(st.binary(min_size=32, max_size=32))
def test_each_secret_has_one_text(raw: bytes) -> None:
    text = "ct_" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert ticket_digest(Secret(text)) == hashlib.sha256(raw).digest()
