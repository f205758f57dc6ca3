"""What doors ask of the authority over loops and logins, and what they get.

Law: these are values and faces; every decision is behind them. A secret in here is shown once, to
whoever asked, and has no other copy.
"""

from typing import Final, Protocol

import msgspec

from custody.model.identity import Admission, Budget, Proof, RememberedLogin, Ticket
from custody.model.secret import Secret
from custody.model.words import Effect, LoginId, LoopId, TargetName

ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a type's name, RFC 8693 §3
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - as above
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
LOGIN: Final = "urn:custody:token-type:login"
TICKET: Final = "urn:custody:token-type:ticket"


class LoopRequest(msgspec.Struct, frozen=True):
    """What a loop is asked to be. What is ``None`` is as wide as the grants, or the parent, allow.

    ``client_host`` and ``on_behalf_of`` are claims of whoever asks.
    """

    purpose: str = ""
    targets: tuple[TargetName, ...] | None = None
    effects: frozenset[Effect] | None = None
    ttl_ms: int | None = None
    client_host: str = ""
    budget: Budget | None = None
    on_behalf_of: str = ""


class ReachableTarget(msgspec.Struct, frozen=True):
    """A target that a loop may use, by its grants and its scope."""

    target: TargetName
    protocol: str
    database: str
    effects: frozenset[Effect]


class StartedLoop(msgspec.Struct, frozen=True):
    """A loop that runs, with the only copy of its ticket's secret."""

    secret: Secret
    ticket: Ticket
    reachable: tuple[ReachableTarget, ...]


class StartedLogin(msgspec.Struct, frozen=True):
    """A login that holds, with the only copy of its secret."""

    secret: Secret
    login: RememberedLogin


class ExchangeRequest(msgspec.Struct, frozen=True):
    """RFC 8693 §2.1, typed. Types are the URNs above. ``actor`` is the token of the agent that acts
    for whom ``subject`` is about.
    """

    subject: Secret
    subject_type: str
    actor: Secret | None = None
    actor_type: str = ""
    wanted: str = TICKET
    """``TICKET`` or ``LOGIN``."""
    wish: LoopRequest = LoopRequest()


ExchangeResult = StartedLoop | StartedLogin


class Loops(Protocol):
    """The only place where a loop begins or ends. ``custody.access.loops.LoopService`` is one.

    ``client`` is the address of whoever asks, for the record.
    """

    async def start(
        self,
        who: Proof,
        wish: LoopRequest,
        *,
        login: RememberedLogin | None = None,
        actor: Proof | None = None,
        client: str = "",
    ) -> StartedLoop:
        """Raises ``CustodyError``: ``loop.no-grant``, ``loop.scope``, ``loop.too-long``,
        ``loop.concurrency``, ``loop.budget``, ``identity.revoked``, ``login.local-off``; that
        refusal is on the record then.
        """
        ...

    async def child(self, parent: Admission, wish: LoopRequest, *, client: str = "") -> StartedLoop:
        """A loop under a running one, never wider than it. Raises as ``start`` does, and
        ``loop.ended`` where the parent is over.
        """
        ...

    async def end(self, loop: LoopId, reason: str, actor: str) -> bool:
        """End a loop and all below it, with their sessions. False where it was over already."""
        ...


class Logins(Protocol):
    """Logins: proofs that are remembered. ``custody.access.logins.LoginService`` is one."""

    async def accept(
        self, proof: Proof, *, client: str, refresh: Secret | None = None
    ) -> tuple[Secret, RememberedLogin]: ...

    async def recognise(self, secret: Secret) -> RememberedLogin:
        """Raises ``identity.login-unknown``, ``identity.login-expired``,
        ``identity.login-ended``.
        """
        ...

    async def end(self, login: LoginId, reason: str) -> bool: ...

    async def logged_out(self, provider: str, subject: str, session: str) -> int:
        """Back-channel logout: how many logins ended. Either of the last two may be empty."""
        ...

    async def revoke(self, issuer: str, subject: str, actor: str) -> int:
        """Ends the identity's logins and loops; none begins until ``restore``. How many loops."""
        ...

    async def restore(self, issuer: str, subject: str, actor: str) -> None: ...


class Exchanges(Protocol):
    """The one place that tells token types apart. ``custody.access.exchange.Exchange`` is one."""

    async def exchange(self, asked: ExchangeRequest, client: str) -> ExchangeResult:
        """Raises ``CustodyError`` with an ``exchange.``, ``identity.``, ``loop.`` or ``ticket.``
        code; that refusal is on the record then.
        """
        ...

    async def revoke(self, token: Secret, client: str) -> bool:
        """End what a login or a ticket stands for (RFC 7009); false where it stands for nothing."""
        ...

    async def refused(self, reason: str, *, client: str, subject: str = "") -> None:
        """Record that somebody was not let in, as far as the rate of such records allows."""
        ...
