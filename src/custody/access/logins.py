"""Logins: proofs that the gateway remembers, until something ends them.

Law: a login works only once it is on the record; an end works first, takes the login's loops with
it, and is recorded then, exactly once. A provider that does not answer ends no login before its
time; a provider's refusal ends it at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from msgspec.structs import replace

from custody.access.loops import InStateThread, LoopService
from custody.access.refresh_tokens import RefreshTokenSealer
from custody.identity import LOGIN_PREFIX, mint_login_id, mint_secret, secret_digest
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.identity import Proof, RememberedLogin
from custody.model.record import Body, LoginAccepted, LoginEnd, Milliseconds, Record
from custody.model.secret import Secret
from custody.model.words import LoginId, Method
from custody.recording.recorder import RecordWriter
from custody.recording.refused_logins import RefusedLogins
from custody.state import DueLogin, EndedLogin, RevokedIdentity, State

RECHECKS_AT_ONCE: Final = 8
"""At each provider."""
RECHECK_S: Final = 20.0
"""What a provider may take to answer; then it counts as unreachable."""

KEPT_AFTER_END_MS: Final = 30 * 86_400_000

_SILENT: Final = frozenset({"identity.unreachable", "identity.client-refused"})
_OURS: Final = ("state.", "vault.")
"""Faults that say nothing of the login: its provider did not answer, or does not know the gateway
itself any more; the state database failed, or the client's secret could not be had."""
_INTERACTIVE: Final = frozenset({Method.OIDC_CODE, Method.OIDC_DEVICE})

_log: Final = logging.getLogger("custody.logins")


class RenewedProof(Protocol):
    """``custody.identity.oidc.responses.ProviderLogin``."""

    @property
    def proof(self) -> Proof: ...

    @property
    def refresh(self) -> Secret | None: ...


class Refresher(Protocol):
    """``identity.oidc.OidcProvider``, as rechecks use it."""

    async def refresh(self, refresh: Secret, before: Proof) -> RenewedProof: ...


class LoginService:
    """Logins: proofs that are remembered. Times are Unix milliseconds."""

    def __init__(
        self,
        state: State,
        in_state_thread: InStateThread,
        recorder: RecordWriter,
        loops: LoopService,
        refused: RefusedLogins,
        *,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        lifetime_ms: int,
        recheck_ms: int,
        sealer: RefreshTokenSealer | None,
        providers: Mapping[str, Refresher],
    ) -> None:
        self._state: Final = state
        self._in_state_thread: Final = in_state_thread
        self._recorder: Final = recorder
        self._loops: Final = loops
        self._refused: Final = refused
        self._clock: Final = clock
        self._entropy: Final = entropy
        self._lifetime_ms = lifetime_ms
        self._recheck_ms = recheck_ms
        self._sealer = sealer
        self._providers = providers
        self._recording: Final = asyncio.Lock()

    def replace_providers(
        self,
        providers: Mapping[str, Refresher],
        *,
        lifetime_ms: int,
        recheck_ms: int,
        sealer: RefreshTokenSealer | None,
    ) -> None:
        """Whom to ask, and for how long logins hold, from now on. Ends no login."""
        self._providers, self._sealer = providers, sealer
        self._lifetime_ms, self._recheck_ms = lifetime_ms, recheck_ms

    # Beginnings.

    async def accept(
        self, proof: Proof, *, client: str, refresh: Secret | None = None
    ) -> tuple[Secret, RememberedLogin]:
        """Remember a proof. Raises ``identity.revoked``, and as the log does.

        A token that its holder brought says nothing of later: such a login lapses with it.
        """
        now = self._clock()
        expires = now + self._lifetime_ms
        if proof.method not in _INTERACTIVE:
            expires = min(expires, proof.expires)
        secret, digest = mint_secret(LOGIN_PREFIX, self._entropy)
        login = RememberedLogin(mint_login_id(self._entropy), proof, digest, now, expires, client)
        sealed = None
        if refresh is not None and self._sealer is not None:
            sealed = self._sealer.seal(login.id, refresh)
        try:
            await self._in_state_thread(lambda: self._state.logins.add(login, sealed))
        except CustodyError as error:
            await self._refused.record(
                error.code, client=client, subject=proof.identity.subject, protocol="login"
            )
            raise
        try:
            await self._record(_accepted(login))
        except CustodyError:
            await self._in_state_thread(lambda: self._state.logins.drop(login.id))
            raise
        return secret, login

    async def authenticate(self, secret: Secret) -> RememberedLogin:
        """Raises ``identity.login-unknown``, ``identity.login-expired``,
        ``identity.login-ended``.
        """
        digest = secret_digest(LOGIN_PREFIX, secret)
        login = await self._in_state_thread(lambda: self._state.logins.find(digest or b""))
        if login is None:
            raise CustodyError(
                "identity.login-unknown", "This login is not known here.", "Log in again."
            )
        if login.ended is not None:
            raise CustodyError("identity.login-ended", "This login was ended.", "Log in again.")
        if self._clock() >= login.expires:
            raise CustodyError("identity.login-expired", "This login has expired.", "Log in again.")
        return login

    async def list(self) -> Sequence[RememberedLogin]:
        """Those that hold, the newest first."""
        return await self._in_state_thread(self._state.logins.all_open)

    # Ends.

    async def end(self, login: LoginId, reason: str) -> bool:
        return await self._over(lambda: self._state.logins.end(login, self._clock(), reason)) > 0

    async def end_at_provider_logout(self, provider: str, subject: str, session: str) -> int:
        """Back-channel logout: how many logins ended. ``subject`` or ``session`` may be empty."""
        return await self._over(
            lambda: self._state.logins.end_of_session(
                provider, subject, session, self._clock(), "provider.logout"
            )
        )

    async def lapse(self) -> int:
        return await self._over(lambda: self._state.logins.lapse(self._clock()))

    async def end_of_other_providers(self, providers: Sequence[str]) -> int:
        """At a start: whom the configuration trusts no more vouches for nobody."""
        return await self._over(
            lambda: self._state.logins.end_of_other_providers(
                providers, self._clock(), "provider.refused"
            )
        )

    async def _over(self, act: Callable[[], Sequence[EndedLogin]]) -> int:
        ended = await self._in_state_thread(act)
        for each in ended:
            self._loops.notify_ended(each.loops)
        await self.record_ends()
        return len(ended)

    async def record_ends(self) -> None:
        """Record the ends of logins, and of their loops, that are not on the record yet."""
        async with self._recording:
            for each in await self._in_state_thread(self._state.logins.unrecorded):
                try:
                    await self._record(LoginEnd(each.login, each.reason))
                except CustodyError as error:
                    _log.error("ends of logins were not recorded: %s", error.code)
                    return
                await self._in_state_thread(partial(self._state.logins.mark_recorded, each.login))
        await self._loops.record_ends()

    # Revoked identities.

    async def revoke(self, issuer: str, subject: str, actor: str) -> int:
        """Ends the identity's logins and loops; none begins until ``restore``. How many loops.

        Works first: a broken log must not keep a door open.
        """
        now = self._clock()
        logins, loops = await self._in_state_thread(
            lambda: self._state.logins.revoke(issuer, subject, now, actor)
        )
        for each in logins:
            self._loops.notify_ended(each.loops)
        self._loops.notify_ended(loops)
        try:
            await self._record(AdminAct("identity.revoke", actor, subject, issuer))
        except CustodyError as error:
            raise CustodyError(
                "identity.not-recorded",
                f"{subject} is revoked, but that could not be recorded: {error.fault}",
                error.cure,
            ) from error
        await self.record_ends()
        return len(loops) + sum(len(each.loops) for each in logins)

    async def restore(self, issuer: str, subject: str, actor: str) -> None:
        """Let the identity come in again. Recorded first: it opens something."""
        revoked = await self._in_state_thread(self._state.logins.revoked_identities)
        if not any((each.issuer, each.subject) == (issuer, subject) for each in revoked):
            raise CustodyError(
                "identity.not-revoked",
                f"{subject} of {issuer} is not revoked.",
                "`custody identity list` shows who is.",
            )
        await self._record(AdminAct("identity.restore", actor, subject, issuer))
        await self._in_state_thread(lambda: self._state.logins.restore(issuer, subject))

    async def revoked_identities(self) -> Sequence[RevokedIdentity]:
        return await self._in_state_thread(self._state.logins.revoked_identities)

    async def use_once(self, kind: str, value: str, until: int) -> bool:
        """True the first time only; survives a restart."""
        return await self._in_state_thread(lambda: self._state.logins.use(kind, value, until))

    async def forget(self) -> None:
        """Delete logins that ended long ago, and used ids and tokens that lapsed."""
        now = self._clock()
        await self._in_state_thread(lambda: self._state.logins.forget(now - KEPT_AFTER_END_MS, now))
        await self._in_state_thread(lambda: self._state.tokens.forget(now))

    # Asking again.

    @property
    def recheckable_providers(self) -> Sequence[str]:
        """The providers that can be asked again."""
        return tuple(self._providers)

    async def recheck(self, provider: str) -> int:
        """Ask a provider again for the logins whose turn it is. How many were asked for.

        Each provider has its own turns: one that is slow keeps nobody logged in at another.
        """
        before = self._clock() - self._recheck_ms
        due = await self._in_state_thread(lambda: self._state.logins.due(provider, before))
        turn = asyncio.Semaphore(RECHECKS_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for each in due:
                tasks.create_task(self._recheck(each, turn))
        return len(due)

    async def _recheck(self, due: DueLogin, turn: asyncio.Semaphore) -> None:
        login = due.login
        async with turn:
            try:
                await self._in_state_thread(
                    lambda: self._state.logins.checked(login.id, self._clock())
                )
                renewed = await self._ask(login, due.refresh)
            except CustodyError as error:
                if error.code in _SILENT or error.code.startswith(_OURS):
                    _log.warning("%s was not rechecked: %s: %s", login.id, error.code, error.fault)
                    return
                _log.warning("%s ends: %s", login.id, error.code)
                await self._quietly(self.end(login.id, "provider.refused"))
                return
            except Exception as error:  # noqa: BLE001 - a provider's odd answer must not end the gateway
                _log.error("%s was not rechecked: %s", login.id, type(error).__name__)
                return
            await self._quietly(self._renew(login, renewed))

    async def _ask(self, login: RememberedLogin, sealed: bytes) -> RenewedProof:
        provider = self._providers.get(login.proof.provider)
        if provider is None or self._sealer is None:
            raise CustodyError(
                "identity.refused", "The login's provider is not configured any more."
            )
        secret = self._sealer.open(login.id, sealed)
        try:
            async with asyncio.timeout(RECHECK_S):
                return await provider.refresh(secret, login.proof)
        except TimeoutError:
            raise CustodyError(
                "identity.unreachable", "The provider took too long to answer."
            ) from None

    async def _renew(self, login: RememberedLogin, renewed: RenewedProof) -> None:
        """Groups that are gone are gone at once; new ones work once they are on the record."""
        sealed = None
        if renewed.refresh is not None and self._sealer is not None:
            sealed = self._sealer.seal(login.id, renewed.refresh)
        proof, before = renewed.proof, login.proof.identity
        kept = tuple(each for each in proof.identity.groups if each in before.groups)
        sure = replace(proof, identity=replace(proof.identity, groups=kept))
        if not await self._in_state_thread(
            lambda: self._state.logins.renew(login.id, sure, sealed)
        ):
            return  # it ended meanwhile
        await self._loops.end_for_lost_groups(login.id, proof.identity)
        if proof.identity != before:
            # Its groups: a refresh cannot change who somebody is.
            changed = RememberedLogin(
                login.id, proof, login.digest, login.started, login.expires, login.client
            )
            await self._record(_accepted(changed))
            await self._in_state_thread(lambda: self._state.logins.renew(login.id, proof, None))

    async def _quietly(self, act: Awaitable[object]) -> None:
        try:
            await act
        except CustodyError as error:
            _log.error("a recheck was not brought to its end: %s", error.code)

    async def _record(self, body: Body) -> None:
        await self._recorder.write(Record(Milliseconds(self._clock()), body))


def _accepted(login: RememberedLogin) -> LoginAccepted:
    proof = login.proof
    return LoginAccepted(
        login.id,
        proof.identity,
        proof.method,
        proof.provider,
        login.client,
        login.expires,
        proof.facts,
    )
