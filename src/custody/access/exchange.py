"""Token exchange (RFC 8693): which provider checks a token, and which loop or login it starts.

Law: a token is checked by the provider that its issuer names, and by nobody else; what may be used
once is used up before it opens anything; and every refusal is recorded.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

import msgspec

from custody.access.logins import LoginService
from custody.access.loops import LoopService
from custody.access.requests import (
    ACCESS_TOKEN,
    ID_TOKEN,
    JWT,
    LOGIN,
    TICKET,
    ExchangeRequest,
    ExchangeResult,
    StartedLogin,
)
from custody.access.token_passwords import KEPT_AFTER_LAPSE_MS, TokenPasswords
from custody.identity.oidc import TokenKind, unverified_origin
from custody.model.errors import CustodyError
from custody.model.identity import Proof, RememberedLogin
from custody.model.interfaces import TicketAuthenticator
from custody.model.secret import Secret
from custody.model.words import Method
from custody.recording.refused_logins import RefusedLogins

CHECK_S: Final = 20.0
"""What checking a token may take; its issuer may have to be asked for its keys."""

_KINDS: Final = {ID_TOKEN: TokenKind.ID_TOKEN, ACCESS_TOKEN: TokenKind.ACCESS_TOKEN, JWT: None}


class OidcChecks(Protocol):
    async def check(self, token: Secret, kind: TokenKind | None = None) -> Proof: ...


class WorkloadChecks(Protocol):
    async def check(self, token: Secret) -> Proof: ...


class TokenIssuer(msgspec.Struct, frozen=True):
    """Who checks the tokens of one issuer: one ``[[oidc]]`` or ``[[workload]]``."""

    name: str
    issuer: str
    audience: frozenset[str]
    """What its tokens are meant for, one of them."""
    oidc: OidcChecks | None = None
    workload: WorkloadChecks | None = None
    password: bool = False
    """Whether its tokens are taken where a standard client gives a password."""


class Exchange:
    """The one place that tells token types apart (RFC 8693, RFC 7009)."""

    def __init__(
        self,
        issuers: Sequence[TokenIssuer],
        logins: LoginService,
        loops: LoopService,
        ticket_authenticator: TicketAuthenticator,
        refused: RefusedLogins,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._issuers = tuple(issuers)
        self._logins: Final = logins
        self._loops: Final = loops
        self._ticket_authenticator: Final = ticket_authenticator
        self._refused: Final = refused
        self._clock: Final = clock
        self.tokens: Final = TokenPasswords(
            self._check_among, self._issuers_of, loops, ticket_authenticator
        )
        """Tokens at the listeners of standard clients."""

    def replace_issuers(self, issuers: Sequence[TokenIssuer]) -> None:
        """Who checks tokens that come from now on."""
        self._issuers = tuple(issuers)

    async def exchange(self, asked: ExchangeRequest, client: str) -> ExchangeResult:
        """Raises ``CustodyError`` with an ``exchange.``, ``identity.``, ``loop.`` or ``ticket.``
        code; that refusal is on the record then.
        """
        if asked.requested_type not in (TICKET, LOGIN):
            raise await self._no("exchange.wanted", "This type of token is not given here.", client)
        if asked.subject_type == TICKET:
            return await self._child(asked, client)
        login = None
        if asked.subject_type == LOGIN:
            login = await self._login(asked.subject, client)
            who = login.proof
        else:
            who = await self._prove(asked.subject, asked.subject_type, client)
        if asked.requested_type == LOGIN:
            return await self._remember(asked, who, login, client)
        actor = None
        if asked.actor is not None:
            actor = await self._prove(asked.actor, asked.actor_type, client)
        return await self._loops.start(
            who, asked.loop_request, login=login, actor=actor, client=client
        )

    async def _child(self, asked: ExchangeRequest, client: str) -> ExchangeResult:
        if asked.requested_type == LOGIN or asked.actor is not None:
            raise await self._no(
                "exchange.ticket", "A ticket is exchanged for a child loop only.", client
            )
        admission = self._ticket_authenticator.authenticate(asked.subject, self._clock())
        if isinstance(admission, str):
            raise await self._no(
                admission,
                "This ticket does not hold here: it is over, or another gateway's.",
                client,
                "Start from outside that loop, or put another ticket into CUSTODY_TICKET_FILE.",
            )
        return await self._loops.child(admission, asked.loop_request, client=client)

    async def _remember(
        self, asked: ExchangeRequest, who: Proof, login: RememberedLogin | None, client: str
    ) -> StartedLogin:
        if login is not None or asked.actor is not None or who.method is Method.WORKLOAD:
            raise await self._no(
                "exchange.no-login",
                "A login is made of an OpenID provider's token alone; a workload's token starts "
                "loops directly.",
                client,
            )
        secret, made = await self._logins.accept(who, client=client)
        return StartedLogin(secret, made)

    async def _login(self, secret: Secret, client: str) -> RememberedLogin:
        try:
            return await self._logins.authenticate(secret)
        except CustodyError as error:
            await self.record_refusal(error.code, client=client)
            raise

    async def revoke(self, token: Secret, client: str) -> bool:
        """End what a login or a ticket stands for (RFC 7009); false where it stands for nothing."""
        del client  # whoever holds a secret may throw it away
        try:
            login = await self._logins.authenticate(token)
        except CustodyError as error:
            if error.code.startswith("state."):
                raise
        else:
            return await self._logins.end(login.id, "logout")
        admission = self._ticket_authenticator.authenticate(token, self._clock())
        if isinstance(admission, str):
            return False
        return await self._loops.end(admission.loop.id, "ended", admission.loop.identity.subject)

    async def record_refusal(self, reason: str, *, client: str, subject: str = "") -> None:
        """Record that somebody was not let in, as far as the rate of such records allows."""
        await self._refused.record(reason, client=client, subject=subject, protocol="login")

    async def _no(
        self,
        code: str,
        fault: str,
        client: str,
        cure: str = "`custody run --help` and `custody login --help` say how.",
    ) -> CustodyError:
        await self.record_refusal(code, client=client)
        return CustodyError(code, fault, cure)

    # Tokens.

    async def _prove(self, token: Secret, kind: str, client: str) -> Proof:
        try:
            return await self._check(token, kind)
        except CustodyError as error:
            await self.record_refusal(error.code, client=client)
            raise

    async def _check_among(self, token: Secret, names: Collection[str]) -> Proof:
        return await self._check(token, JWT, names)

    def _issuers_of(self, token: Secret) -> list[str]:
        return [each.name for each in self._of(token)]

    async def _check(self, token: Secret, kind: str, among: Collection[str] | None = None) -> Proof:
        """By the providers of the token's issuer; where there are several, by the first that takes
        it.
        """
        if kind not in _KINDS:
            raise CustodyError(
                "exchange.type",
                "This type of token is not taken here.",
                f"Those that are: {', '.join(_KINDS)}.",
            )
        refusal = CustodyError(
            "identity.issuer",
            "No provider of this gateway vouches for such a token.",
            "Add its issuer as [[oidc]] or [[workload]], spelled exactly as the token does.",
        )
        for each in self._of(token):
            if among is not None and each.name not in among:
                continue
            try:
                async with asyncio.timeout(CHECK_S):
                    proof = await _checked(each, token, _KINDS[kind])
            except TimeoutError:
                refusal = CustodyError(
                    "identity.unreachable", "The token's issuer took too long to answer."
                )
            except CustodyError as error:
                refusal = error
            else:
                await self._use_up(proof)
                return proof
        raise refusal

    def _of(self, token: Secret) -> Sequence[TokenIssuer]:
        origin = unverified_origin(token)
        found = [each for each in self._issuers if origin.issuer and each.issuer == origin.issuer]
        # What is meant for workloads has their requirements to meet: no [[oidc]] of the same issuer
        # takes it, whatever else it is meant for.
        workloads = [each for each in found if each.workload is not None]
        if any(origin.audience & each.audience for each in workloads):
            return workloads
        return found

    async def _use_up(self, proof: Proof) -> None:
        if not proof.use:
            return
        until = proof.expires + KEPT_AFTER_LAPSE_MS
        if not await self._logins.use_once(f"token.{proof.provider}", proof.use, until):
            raise CustodyError(
                "identity.replayed", "This token was used before.", "Bring a fresh one."
            )


async def _checked(issuer: TokenIssuer, token: Secret, kind: TokenKind | None) -> Proof:
    if issuer.workload is not None:
        return await issuer.workload.check(token)
    if issuer.oidc is not None:
        return await issuer.oidc.check(token, kind)
    raise AssertionError("an issuer has somebody to check its tokens")
