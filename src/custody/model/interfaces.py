"""The faces between the rooms, each as small as it can be.

Law: a room implements a face and imports no other room; the gateway calls faces only; the app
alone knows which class stands behind which face.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from custody.model.command import Command, Verdict
from custody.model.errors import LogFailureError
from custody.model.identity import Admission, Credential, Loop, NotAdmitted, Session
from custody.model.record import Receipt, Record
from custody.model.secret import Secret
from custody.model.words import TargetName


class Policy(Protocol):
    @property
    def digest(self) -> bytes: ...

    def admits(self, loop: Loop, target: TargetName, now: int) -> bool:
        """Whether any grant lets this loop open a session to this target at ``now`` (ms)."""
        ...

    def admits_stream(self, loop: Loop, target: TargetName, stream: str, now: int) -> bool:
        """Whether a grant names that opaque stream (``replication``). It is then only counted."""
        ...

    def decide(self, session: Session, command: Command, now: int) -> Verdict:
        """Total: an error while deciding is a denial that names the rule."""
        ...


class Masker(Protocol):
    @property
    def digest(self) -> bytes: ...

    def mask(self, record: Record) -> Record:
        """Pure, total, idempotent. What cannot be masked is redacted."""
        ...


Durable = Callable[[Receipt | LogFailureError], None]


class EvidenceLog(Protocol):
    def append(self, record: Record, durable: Durable | None = None) -> Receipt:
        """Number, link and seal a masked record and queue it for the next sync.

        ``durable`` is called exactly once, in the order of appends, from the event loop: with the
        receipt once the record is on disk, or with the failure. Raises ``LogFailureError`` at
        once where nothing can be taken in (full disk, broken log); ``durable`` is then not called.
        """
        ...

    def append_all(
        self, records: Sequence[Record], durable: Durable | None = None
    ) -> Sequence[Receipt]:
        """All of them, in order, or none. They belong to one session that is open; ``durable`` is
        called for the last. Raises as ``append`` does.
        """
        ...

    @property
    def accepting(self) -> bool:
        """False where new commands must be refused (reserve reached, disk failed)."""
        ...


class Vault(Protocol):
    async def lease(self, loop: Loop, target: TargetName) -> Credential:
        """The target's credential, for this loop. Raises ``CustodyError``: it names the reference,
        no value.
        """
        ...


class TicketAuthenticator(Protocol):
    """Recognises tickets."""

    def authenticate(self, secret: Secret, now: int) -> Admission | str:
        """The admission, or why not: ``ticket.unknown``, ``ticket.expired``, ``ticket.revoked``.

        Takes the same time for each refusal.
        """
        ...

    def still_admits(self, admission: Admission, now: int) -> bool:
        """Whether the ticket and its loop still hold; asked again while sessions run."""
        ...


class TokenAuthenticator(Protocol):
    """Admits whoever brings a provider's token where a ticket would be given."""

    async def admit(self, token: Secret, client: str, now: int) -> Admission | NotAdmitted:
        """The admission, or why not; the same token gives the same loop until that ends. Whoever
        asks records a refusal. May wait for the token's issuer; raises nothing but cancellation.
        """
        ...
