"""Logins under way: what the gateway remembers between a browser's steps, or a device's polls.

Law: in memory only, bounded, single use, time-limited. Every secret is kept as its digest, but the
verifier and nonce that the provider will be shown. What a step needs is taken out before anything
is waited for: two requests with the same secret never both get it.
"""

import base64
import hmac
from typing import Final

import msgspec

from custody.access.expiring_map import ExpiringMap
from custody.access.login_request import AuthorizationRequest, digest, matches_challenge, s256
from custody.model.errors import CustodyError
from custody.model.identity import Proof
from custody.model.secret import Secret
from custody.model.sources import Clock, Entropy
from custody.model.words import LoginId

LOGIN_MS: Final = 600_000
"""From the first step to the confirmation; also the life of its cookie."""
CODE_MS: Final = 60_000
"""RFC 6749 §4.1.2 asks for at most ten minutes; a tool that waits needs a second."""
DEVICE_MS_AT_MOST: Final = 1_800_000
SLOW_DOWN_MS: Final = 5000
"""RFC 8628 §3.5."""

CODE_PREFIX: Final = "cc_"
DEVICE_PREFIX: Final = "cd_"


class PendingLogin(msgspec.Struct, frozen=True):
    """Sent to its provider. ``request`` is a SAML request's id, else empty."""

    provider: str
    authorization: AuthorizationRequest
    client: str
    expires: int
    cookie: bytes
    nonce: Secret
    verifier: Secret
    request: str = ""


class LoginSecrets(msgspec.Struct, frozen=True):
    """The secrets of a login that begins, for the browser (``state``, ``cookie``) and provider."""

    state: str
    cookie: str
    nonce: Secret
    challenge: str


class ProvenLogin(msgspec.Struct, frozen=True):
    """The provider vouched; the browser's owner has not agreed yet."""

    provider: str
    authorization: AuthorizationRequest
    client: str
    expires: int
    cookie: bytes
    proof: Proof
    refresh: Secret | None
    form: str
    """What the page's form carries, so that only that page can answer."""


class ConfirmedLogin(msgspec.Struct, frozen=True):
    """The browser's owner agreed: the one-time code and the verifier together give the login."""

    authorization: AuthorizationRequest
    client: str
    expires: int
    proof: Proof
    refresh: Secret | None


class SpentCode(msgspec.Struct, frozen=True):
    """A code that was spent, remembered as long as it would have held."""

    authorization: AuthorizationRequest
    client: str
    expires: int
    login: LoginId | None = None
    stolen: bool = False
    """It was brought again before it had become a login."""


class PendingDevice(msgspec.Struct, frozen=True):
    """A device that waits. ``due`` is when it may ask next; ``asking``: it is being answered."""

    provider: str
    client: str
    expires: int
    code: Secret
    interval_ms: int
    due: int
    asking: bool = False


class PendingLogins:
    """The book of logins under way. No step waits for anything."""

    def __init__(self, *, clock: Clock, entropy: Entropy) -> None:
        self._clock: Final = clock
        self._entropy: Final = entropy
        self._begun: Final[ExpiringMap[PendingLogin]] = ExpiringMap(clock)
        self._proven: Final[ExpiringMap[ProvenLogin]] = ExpiringMap(clock)
        self._granted: Final[ExpiringMap[ConfirmedLogin]] = ExpiringMap(clock)
        self._used: Final[ExpiringMap[SpentCode]] = ExpiringMap(clock)
        self._devices: Final[ExpiringMap[PendingDevice]] = ExpiringMap(clock)

    def begin(
        self, provider: str, authorization: AuthorizationRequest, client: str
    ) -> LoginSecrets:
        """Fresh secrets for a login, each its own: a state that someone else began opens nothing
        in this browser.
        """
        state, cookie, nonce, verifier = (self._text() for _ in range(4))
        begun = PendingLogin(
            provider=provider,
            authorization=authorization,
            client=client,
            expires=self._clock() + LOGIN_MS,
            cookie=digest(cookie),
            nonce=Secret(nonce),
            verifier=Secret(verifier),
        )
        self._begun.put(digest(state), begun)
        return LoginSecrets(state, cookie, Secret(nonce), s256(verifier))

    def abandon(self, state: str) -> None:
        """A login that got no further than this gateway."""
        self._begun.pop(digest(state))

    def set_saml_request(self, state: str, request: str) -> None:
        """The SAML request that this login was sent away with."""
        key = digest(state)
        begun = self._begun.get(key)
        if begun is not None:
            self._begun.replace(key, msgspec.structs.replace(begun, request=request))

    def take_returned(self, provider: str, state: str, cookie: str | None) -> PendingLogin:
        """The login that a browser comes back with, for this once. ``cookie`` as the browser sent
        it; ``None`` where the step is a cross-site POST, which carries none: its browser is checked
        at the confirmation (``proven``).

        A wrong browser does not use the login up: the right one may still come.
        """
        key = digest(state)
        begun = self._begun.get(key)
        if begun is None or begun.provider != provider:
            raise _unknown()
        if cookie is not None and not _same(begun.cookie, cookie):
            raise _other_browser()
        self._begun.pop(key)
        return begun

    def store_proof(
        self, state: str, begun: PendingLogin, proof: Proof, refresh: Secret | None
    ) -> None:
        """The provider vouched: from here on the login waits for its confirmation."""
        self._proven.put(
            digest(state),
            ProvenLogin(
                provider=begun.provider,
                authorization=begun.authorization,
                client=begun.client,
                expires=begun.expires,
                cookie=begun.cookie,
                proof=proof,
                refresh=refresh,
                form=self._text(),
            ),
        )

    def proven_login(self, state: str, cookie: str) -> ProvenLogin:
        """What the confirmation page shows, to the browser that began and to no other."""
        found = self._proven.get(digest(state))
        if found is None:
            raise _unknown()
        if not _same(found.cookie, cookie):
            raise _other_browser()
        return found

    def decline(self, state: str, cookie: str, form: str) -> ProvenLogin:
        return self._answered(state, cookie, form)

    def confirm(self, state: str, cookie: str, form: str) -> tuple[Secret, AuthorizationRequest]:
        """The one-time code, and where it goes."""
        found = self._answered(state, cookie, form)
        code = CODE_PREFIX + self._text()
        granted = ConfirmedLogin(
            authorization=found.authorization,
            client=found.client,
            expires=self._clock() + CODE_MS,
            proof=found.proof,
            refresh=found.refresh,
        )
        self._granted.put(digest(code), granted)
        return Secret(code), found.authorization

    def redeem(self, code: Secret, verifier: Secret, redirect_uri: str | None) -> ConfirmedLogin:
        """The code's one use: a wrong verifier spends it too (RFC 7636 §4.6).

        Raises ``login.code`` for all of unknown, spent, expired and not fitting.
        """
        key = digest(code.reveal())
        granted = self._granted.pop(key)
        if granted is None:
            raise no_code()
        self._used.put(
            key, SpentCode(granted.authorization, granted.client, self._clock() + CODE_MS)
        )
        if not matches_challenge(granted.authorization.challenge, verifier):
            raise no_code()
        if redirect_uri is not None and redirect_uri != granted.authorization.redirect_uri:
            raise no_code()
        return granted

    def note_redeemed(self, code: Secret, login: LoginId) -> bool:
        """Which login the code became, in case it is brought again; false where it was already, so
        that the login must end (``replayed``).
        """
        key = digest(code.reveal())
        used = self._used.get(key)
        if used is None:
            return True
        self._used.replace(key, msgspec.structs.replace(used, login=login))
        return not used.stolen

    def replayed_login(self, code: Secret, verifier: Secret) -> LoginId | None:
        """The login to end: its code is brought a second time, with the right verifier. One of the
        two is a thief (RFC 6749 §4.1.2). Without the verifier anybody could end it, so nobody does.
        """
        key = digest(code.reveal())
        used = self._used.get(key)
        if used is None or not matches_challenge(used.authorization.challenge, verifier):
            return None
        self._used.replace(key, msgspec.structs.replace(used, stolen=True))
        return used.login

    def add_device(
        self, provider: str, client: str, code: Secret, *, expires_ms: int, interval_ms: int
    ) -> Secret:
        """The gateway's own code for a device whose provider gave ``code``."""
        now = self._clock()
        own = DEVICE_PREFIX + self._text()
        device = PendingDevice(
            provider=provider,
            client=client,
            expires=now + min(expires_ms, DEVICE_MS_AT_MOST),
            code=code,
            interval_ms=interval_ms,
            due=now + interval_ms,
        )
        self._devices.put(digest(own), device)
        return Secret(own)

    def ask_device(self, own: Secret) -> PendingDevice | None:
        """The device, whose provider may be asked now; ``None`` where it asks too often, which
        makes its interval longer. ``note_device_answer`` must follow.
        """
        key = digest(own.reveal())
        device = self._devices.get(key)
        if device is None:
            raise CustodyError(
                "login.device-code",
                "The device code is not known, was used, or has expired.",
                "Begin the device login again.",
            )
        now = self._clock()
        if device.asking or now < device.due:
            self._slow(key, device, now)
            return None
        self._devices.replace(key, msgspec.structs.replace(device, asking=True))
        return device

    def note_device_answer(self, own: Secret, *, done: bool, slower: bool = False) -> None:
        """The provider has answered: the device is over, or asks again after its interval."""
        key = digest(own.reveal())
        if done:
            self._devices.pop(key)
            return
        device = self._devices.get(key)
        if device is not None:
            now = self._clock()
            calm = msgspec.structs.replace(device, asking=False, due=now + device.interval_ms)
            self._devices.replace(key, calm)
            if slower:
                self._slow(key, calm, now)

    def _slow(self, key: bytes, device: PendingDevice, now: int) -> None:
        interval = min(device.interval_ms + SLOW_DOWN_MS, LOGIN_MS)
        due = now + interval
        self._devices.replace(key, msgspec.structs.replace(device, interval_ms=interval, due=due))

    def _answered(self, state: str, cookie: str, form: str) -> ProvenLogin:
        found = self.proven_login(state, cookie)
        if not hmac.compare_digest(found.form.encode(), form.encode()):
            raise _other_browser()
        self._proven.pop(digest(state))
        return found

    def _text(self) -> str:
        return base64.urlsafe_b64encode(self._entropy(32)).decode("ascii").rstrip("=")


def _same(kept: bytes, cookie: str) -> bool:
    return hmac.compare_digest(kept, digest(cookie))


def _unknown() -> CustodyError:
    return CustodyError(
        "login.unknown",
        "This login is not known: it was finished, or took longer than ten minutes.",
        "Begin again with `custody login`.",
    )


def _other_browser() -> CustodyError:
    return CustodyError(
        "login.browser",
        "This login was begun in another browser.",
        "If you did not begin it yourself, close this page. Else begin again in this browser, and "
        "let it keep this gateway's cookie.",
    )


def no_code() -> CustodyError:
    return CustodyError(
        "login.code",
        "The one-time code is not known, was used, has expired, or its verifier does not fit.",
        "Begin again with `custody login`.",
    )
