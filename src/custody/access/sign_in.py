"""Logins by browser and by device: from the first step to a login that the gateway remembers.

Law: the gateway is the relying party. A provider's answer counts only in the login that it was
asked for, once; no tool gets a login before the browser's owner has agreed to it; and every refusal
is recorded.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol

import msgspec

from custody.access.exchange import Exchange
from custody.access.login_request import AuthorizationRequest
from custody.access.logins import LoginService
from custody.access.pending_logins import PendingLogin, PendingLogins, ProvenLogin, no_code
from custody.access.requests import StartedLogin
from custody.identity.oidc import DeviceAuthorization, DevicePending, LogoutToken, ProviderLogin
from custody.identity.saml import SamlAnswer, SamlRequest
from custody.model.errors import CustodyError
from custody.model.secret import Secret

PROVIDER_S: Final = 20.0
"""What a provider may take to answer altogether; its single requests have bounds of their own."""


class OpenIdProvider(Protocol):
    """``identity.oidc.OidcProvider``, as logins use it."""

    async def authorization_url(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str: ...

    async def check_response_issuer(self, iss: str | None) -> None: ...

    async def redeem(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> ProviderLogin: ...

    async def begin_device(self) -> DeviceAuthorization: ...

    async def poll_device(self, device_code: Secret) -> ProviderLogin | DevicePending: ...

    async def check_logout(self, token: Secret) -> LogoutToken: ...


class SamlIdentityProvider(Protocol):
    """``identity.saml.SamlProvider``, as logins use it."""

    def metadata(self) -> bytes: ...

    def begin(self, *, relay: str) -> SamlRequest: ...

    async def check(self, response: bytes, *, request_ids: tuple[str, ...]) -> SamlAnswer: ...


Use = Callable[[str, str, int], Awaitable[bool]]
"""Takes a kind, a value and until when (ms) it must be remembered; true the first time only."""


class BrowserStep(msgspec.Struct, frozen=True):
    """Where the browser goes, and the cookie that it must come back with."""

    url: str
    state: str
    cookie: str


class DeviceStep(msgspec.Struct, frozen=True):
    """``code`` is the gateway's own; the rest is the provider's."""

    code: Secret
    provider: DeviceAuthorization


class FailedStep(msgspec.Struct, frozen=True):
    """A login that ended badly, and the tool that waits for it."""

    authorization: AuthorizationRequest
    error: CustodyError


class SignIn:
    """``url`` is the gateway's own, as providers send browsers back to it. ``device`` and ``code``
    name the OpenID providers whose device and browser flows are on.
    """

    def __init__(
        self,
        pending: PendingLogins,
        *,
        url: str,
        code: Mapping[str, OpenIdProvider],
        device: Mapping[str, OpenIdProvider],
        saml: Mapping[str, SamlIdentityProvider],
        logins: LoginService,
        exchange: Exchange,
        use: Use,
    ) -> None:
        self._pending: Final = pending
        self._url: Final = url
        self._code = dict(code)
        self._device = dict(device)
        self._saml = dict(saml)
        self._logins: Final = logins
        self._exchange: Final = exchange
        self._use: Final = use

    def replace_providers(
        self,
        *,
        code: Mapping[str, OpenIdProvider],
        device: Mapping[str, OpenIdProvider],
        saml: Mapping[str, SamlIdentityProvider],
    ) -> None:
        """Others from now on. A login that is under way at one that is gone fails."""
        self._code, self._device, self._saml = dict(code), dict(device), dict(saml)

    @property
    def browser_providers(self) -> tuple[str, ...]:
        """Those that a person can choose from."""
        return (*self._code, *self._saml)

    async def begin(
        self, provider: str, authorization: AuthorizationRequest, client: str
    ) -> BrowserStep:
        """Raises ``login.provider``, ``login.too-many``, ``identity.*``."""
        if provider not in self._code and provider not in self._saml:
            raise _no_provider()
        opened = self._pending.begin(provider, authorization, client)
        if provider in self._saml:
            request = self._saml[provider].begin(relay=opened.state)
            self._pending.set_saml_request(opened.state, request.id)
            return BrowserStep(request.url, opened.state, opened.cookie)
        try:
            async with _within(PROVIDER_S):
                url = await self._code[provider].authorization_url(
                    redirect_uri=self._callback(provider),
                    state=opened.state,
                    nonce=opened.nonce.reveal(),
                    challenge=opened.challenge,
                )
        except CustodyError:
            self._pending.abandon(opened.state)
            raise
        return BrowserStep(url, opened.state, opened.cookie)

    async def finish_oidc(
        self,
        provider: str,
        *,
        state: str,
        cookie: str,
        code: Secret | None,
        issuer: str | None,
        error: str,
        client: str,
    ) -> FailedStep | None:
        """An OpenID provider sent the browser back, with a code or an ``error``. ``None``: the
        confirmation comes next.

        Raises ``login.unknown`` and ``login.browser`` where it is nobody's login.
        """
        found = self._code.get(provider)
        if found is None:
            raise _no_provider()
        begun = await self._known(provider, state, cookie, client)
        try:
            async with _within(PROVIDER_S):
                await found.check_response_issuer(issuer)
                if code is None:
                    raise _refused_by_provider(error)
                granted = await found.redeem(
                    code=code,
                    verifier=begun.verifier,
                    nonce=begun.nonce.reveal(),
                    redirect_uri=self._callback(provider),
                )
            self._pending.store_proof(state, begun, granted.proof, granted.refresh)
        except CustodyError as fault:
            return await self._failed(begun, fault, client)
        return None

    async def finish_saml(
        self, provider: str, *, state: str, response: bytes, client: str
    ) -> FailedStep | None:
        """A SAML provider had the browser post its response; as ``returned``. A cross-site POST
        carries no cookie: whose browser it is, the confirmation checks.
        """
        found = self._saml.get(provider)
        if found is None:
            raise _no_provider()
        begun = await self._known(provider, state, None, client)
        try:
            async with _within(PROVIDER_S):
                answer = await found.check(response, request_ids=(begun.request,))
            fresh = answer.in_response_to == begun.request and await self._use(
                f"saml.{provider}", answer.proof.use, answer.until
            )
            if not fresh:
                raise _replayed()
            self._pending.store_proof(state, begun, answer.proof, None)
        except CustodyError as fault:
            return await self._failed(begun, fault, client)
        return None

    async def awaiting_confirmation(self, state: str, cookie: str, client: str) -> ProvenLogin:
        """What the confirmation page shows."""
        try:
            return self._pending.proven_login(state, cookie)
        except CustodyError as error:
            await self._exchange.record_refusal(error.code, client=client)
            raise

    async def confirm(
        self, state: str, cookie: str, form: str, client: str
    ) -> tuple[Secret, AuthorizationRequest]:
        """The one-time code for the tool."""
        try:
            return self._pending.confirm(state, cookie, form)
        except CustodyError as error:
            await self._exchange.record_refusal(error.code, client=client)
            raise

    async def decline(self, state: str, cookie: str, form: str, client: str) -> FailedStep:
        try:
            found = self._pending.decline(state, cookie, form)
        except CustodyError as error:
            await self._exchange.record_refusal(error.code, client=client)
            raise
        subject = found.proof.identity.subject
        await self._exchange.record_refusal("login.declined", client=client, subject=subject)
        return FailedStep(found.authorization, _declined())

    async def redeem(
        self, code: Secret, verifier: Secret, redirect_uri: str | None, client: str
    ) -> StartedLogin:
        """The login that a one-time code stands for. Raises ``login.code``, ``identity.*``."""
        try:
            granted = self._pending.redeem(code, verifier, redirect_uri)
        except CustodyError as error:
            stolen = self._pending.replayed_login(code, verifier)
            if stolen is not None:
                await self._logins.end(stolen, "revoked")
            await self._exchange.record_refusal(error.code, client=client)
            raise
        secret, login = await self._logins.accept(
            granted.proof, client=client, refresh=granted.refresh
        )
        if not self._pending.note_redeemed(code, login.id):
            await self._logins.end(login.id, "revoked")
            raise no_code()
        return StartedLogin(secret, login)

    async def begin_device(self, provider: str, client: str) -> DeviceStep:
        found = self._device.get(provider)
        if found is None:
            raise _no_provider()
        async with _within(PROVIDER_S):
            started = await found.begin_device()
        own = self._pending.add_device(
            provider,
            client,
            started.device_code,
            expires_ms=started.expires_in * 1000,
            interval_ms=started.interval * 1000,
        )
        return DeviceStep(own, started)

    async def poll_device(self, own: Secret, client: str) -> StartedLogin | DevicePending:
        """Asks the provider at most as often as it allows, however often the device asks us."""
        device = self._pending.ask_device(own)
        if device is None:
            return DevicePending("slow_down")
        done, slower = False, False
        try:
            found = self._device.get(device.provider)
            if found is None:
                raise _no_provider()  # it was taken out of the configuration meanwhile
            async with _within(PROVIDER_S):
                answer = await found.poll_device(device.code)
            match answer:
                case DevicePending(reason=reason):
                    done = reason in {"expired_token", "access_denied"}
                    slower = reason == "slow_down"
                case ProviderLogin():
                    done = True
        except CustodyError as error:
            done = error.code != "identity.unreachable"
            await self._exchange.record_refusal(error.code, client=client)
            raise
        finally:
            self._pending.note_device_answer(own, done=done, slower=slower)
        if isinstance(answer, DevicePending):
            if done:
                reason = f"login.{answer.reason.replace('_', '-')}"
                await self._exchange.record_refusal(reason, client=client)
            return answer
        secret, login = await self._logins.accept(
            answer.proof, client=client, refresh=answer.refresh
        )
        return StartedLogin(secret, login)

    async def provider_logout(self, provider: str, token: Secret, client: str) -> int:
        """Back-channel logout: how many logins ended. Raises ``login.provider``, ``identity.*``."""
        found = self._code.get(provider) or self._device.get(provider)
        if found is None:
            raise _no_provider()
        try:
            async with _within(PROVIDER_S):
                out = await found.check_logout(token)
            if not await self._use(f"logout.{provider}", out.use, out.expires):
                raise _replayed()
        except CustodyError as error:
            await self._exchange.record_refusal(error.code, client=client)
            raise
        return await self._logins.end_at_provider_logout(provider, out.subject, out.session)

    def metadata(self, provider: str) -> bytes:
        found = self._saml.get(provider)
        if found is None:
            raise _no_provider()
        return found.metadata()

    def _callback(self, provider: str) -> str:
        """One for each provider, so that one's answer cannot pass for another's (RFC 9700 §4.4)."""
        return f"{self._url}/login/{provider}/callback"

    async def _known(
        self, provider: str, state: str, cookie: str | None, client: str
    ) -> PendingLogin:
        try:
            return self._pending.take_returned(provider, state, cookie)
        except CustodyError as error:
            await self._exchange.record_refusal(error.code, client=client)
            raise

    async def _failed(self, begun: PendingLogin, fault: CustodyError, client: str) -> FailedStep:
        await self._exchange.record_refusal(fault.code, client=client)
        return FailedStep(begun.authorization, fault)


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise CustodyError(
            "login.provider-slow", "The provider did not answer in time.", "Try again."
        ) from error


def _no_provider() -> CustodyError:
    return CustodyError(
        "login.provider",
        "There is no such provider here, or it does not take this kind of login.",
        "GET /api/v1/gateway lists them.",
    )


def _refused_by_provider(error: str) -> CustodyError:
    # The provider's own words are anybody's who can make a link: they are neither shown nor kept.
    if error == "access_denied":
        return CustodyError(
            "login.denied", "The provider says that the login was cancelled.", "Begin again."
        )
    return CustodyError(
        "login.provider-error", "The provider could not log you in.", "Its own log says why."
    )


def _replayed() -> CustodyError:
    return CustodyError(
        "identity.replayed", "The provider's answer was used before.", "Begin again."
    )


def _declined() -> CustodyError:
    return CustodyError(
        "login.declined", "The login was declined in the browser.", "Begin again, if it was yours."
    )
