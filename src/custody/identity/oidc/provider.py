"""One OpenID provider: logins through it, and tokens of its making.

Law: every answer passes the same checks, whichever flow brought it; a refresh can only confirm
who somebody is, never change it.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec import structs

from custody.identity.oidc.assertions import login_proof, logout_token, token_proof
from custody.identity.oidc.client_auth import (
    ClientAuthentication,
    authenticate_client,
    choose_method,
)
from custody.identity.oidc.discovery import ProviderMetadata, discover
from custody.identity.oidc.fetch import Fetcher, FetchRequest
from custody.identity.oidc.issuer_cache import IssuerCache
from custody.identity.oidc.issuer_keys import IssuerKeys, fetch_keys
from custody.identity.oidc.issuer_trust import acceptable_url
from custody.identity.oidc.responses import (
    DeviceAuthorization,
    DevicePending,
    LogoutToken,
    ProviderLogin,
    TokenKind,
)
from custody.identity.oidc.settings import Flow, OidcSettings
from custody.identity.oidc.token_endpoint import TokenDenial, TokenReply, parse_token_reply, refusal
from custody.identity.oidc.tokens.claims import fit
from custody.identity.oidc.tokens.keys import read_keys
from custody.model.errors import CustodyError
from custody.model.identity import Proof
from custody.model.secret import Secret
from custody.model.sources import Clock, Entropy
from custody.model.words import Method

ClientSecret = Callable[[], Awaitable[Secret]]
"""Asked each time, so that a secret can be changed without a restart."""

_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_DEVICE_SECONDS: Final = range(1, 3601)
_INTERVAL_SECONDS: Final = range(1, 61)
_WAITING: Final = ("authorization_pending", "slow_down", "expired_token", "access_denied")


class OidcProvider:
    """One per ``[[oidc]]``, for one event loop. Every fault is a ``CustodyError`` ``identity.*``.

    ``identity.refused``: the provider said no. ``identity.unreachable``: it said nothing.
    """

    def __init__(
        self,
        settings: OidcSettings,
        fetch: Fetcher,
        clock: Clock,
        *,
        secret: ClientSecret | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        """``secret`` is ``None`` for a public client."""
        self.name: Final = settings.name
        self.settings: Final = settings
        self._fetch: Final = fetch
        self._clock: Final = clock
        self._secret: Final = secret
        self._entropy: Final = entropy
        self._description: Final = IssuerCache(lambda: discover(settings.issuer, fetch), clock)
        self._keys: Final = IssuerKeys(
            settings.issuer, settings.algorithms, self._published_keys, clock
        )

    async def authorization_url(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Where to send the browser. ``challenge`` is the S256 one (RFC 7636 §4.2)."""
        self._allow(Flow.CODE)
        endpoint = _there((await self._description.get()).authorization_endpoint)
        asked = {
            **dict(self.settings.parameters),
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(asked)

    async def check_response_issuer(self, iss: str | None) -> None:
        """The ``iss`` parameter of an authorization response (RFC 9207): a code of one provider
        must not be redeemed at another. It may be missing only where the provider sends none.
        """
        needed = iss is not None or (await self._description.get()).answers_with_issuer
        if needed and iss != self.settings.issuer:
            raise CustodyError(
                "identity.issuer",
                "The answer to the login is of another provider.",
                "Log in again.",
            )

    async def redeem(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> ProviderLogin:
        """The end of a login in the browser. A code that was redeemed is used up."""
        self._allow(Flow.CODE)
        given = await self._ask_for_tokens(
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("code_verifier", verifier.reveal()),
            ("redirect_uri", redirect_uri),
        )
        if isinstance(given, TokenDenial):
            raise refusal(given)
        return await self._granted(given, method=Method.OIDC_CODE, nonce=nonce)

    async def begin_device(self) -> DeviceAuthorization:
        """A login on another screen (RFC 8628 §3.1)."""
        self._allow(Flow.DEVICE)
        description = await self._description.get()
        given = await self._ask(
            _there(description.device_authorization_endpoint),
            description,
            ("scope", " ".join(self.settings.scopes)),
        )
        if isinstance(given, TokenDenial):
            raise refusal(given)
        # Google still has the name that the address had in a draft.
        where = given.text("verification_uri") or given.text("verification_url")
        whole = given.text("verification_uri_complete")
        started = DeviceAuthorization(
            device_code=Secret(given.text("device_code")),
            user_code=given.text("user_code"),
            verification_uri=where,
            verification_uri_complete=whole,
            expires_in=given.number("expires_in", 300, _DEVICE_SECONDS),
            interval=given.number("interval", 5, _INTERVAL_SECONDS),
        )
        addresses = all(
            acceptable_url(each, of=self.settings.issuer) for each in (where, whole or where)
        )
        if not addresses or not fit(started.user_code) or not started.device_code.reveal():
            raise CustodyError(
                "identity.malformed", "The provider's answer to a device login is not well formed."
            )
        return started

    async def poll_device(self, device_code: Secret) -> ProviderLogin | DevicePending:
        self._allow(Flow.DEVICE)
        given = await self._ask_for_tokens(
            ("grant_type", _DEVICE_GRANT), ("device_code", device_code.reveal())
        )
        if isinstance(given, TokenDenial):
            if given.error in _WAITING:
                return DevicePending(given.error)
            raise refusal(given)
        return await self._granted(given, method=Method.OIDC_DEVICE, nonce=None)

    async def refresh(self, refresh: Secret, before: Proof) -> ProviderLogin:
        """Whether the login still stands at its provider; the groups are those of now.

        Only ``identity.unreachable`` and ``identity.client-refused`` say nothing of the login.
        """
        given = await self._ask_for_tokens(
            ("grant_type", "refresh_token"), ("refresh_token", refresh.reveal())
        )
        if isinstance(given, TokenDenial):
            raise refusal(given)
        granted = await self._granted(given, method=before.method, nonce=None, refresh=refresh)
        now, then = granted.proof.identity, before.identity
        if (now.issuer, now.subject) != (then.issuer, then.subject):
            raise CustodyError(
                "identity.subject-changed",
                "The refreshed login is somebody else's.",
                "Log in again.",
            )
        # Not every provider repeats the name of its session, which a logout may come by.
        session = before.session or granted.proof.session
        return structs.replace(granted, proof=structs.replace(granted.proof, session=session))

    async def check(self, token: Secret, kind: TokenKind | None = None) -> Proof:
        """A token that its holder brings; ``kind`` ``None``: whichever of the two it is."""
        return token_proof(await self._keys.prove(token), self.settings, self._clock(), kind)

    async def check_logout(self, token: Secret) -> LogoutToken:
        """The caller takes each ``use`` once only."""
        return logout_token(await self._keys.prove(token), self.settings, self._clock())

    async def _granted(
        self, given: TokenReply, *, method: Method, nonce: str | None, refresh: Secret | None = None
    ) -> ProviderLogin:
        id_token = Secret(given.text("id_token"))
        if not id_token.reveal():
            raise CustodyError(
                "identity.no-id-token",
                "The provider's answer has no id token, so nobody is known by it.",
                "Let scopes hold openid, and the provider give an id token at each refresh.",
            )
        proof = login_proof(
            await self._keys.prove(id_token),
            self.settings,
            self._clock(),
            method=method,
            nonce=nonce,
            access_token=given.text("access_token"),
        )
        renewed = given.text("refresh_token")
        return ProviderLogin(proof, Secret(renewed) if renewed else refresh, id_token)

    async def _ask_for_tokens(self, *form: tuple[str, str]) -> TokenReply | TokenDenial:
        description = await self._description.get()
        return await self._ask(_there(description.token_endpoint), description, *form)

    async def _ask(
        self, endpoint: str, description: ProviderMetadata, *form: tuple[str, str]
    ) -> TokenReply | TokenDenial:
        shown = ClientAuthentication((("client_id", self.settings.client_id),))
        if self._secret is not None:
            shown = authenticate_client(
                choose_method(self.settings.client_auth, description.client_auth),
                self.settings.client_id,
                await self._secret(),
                endpoint=endpoint,
                now=self._clock(),
                unique=self._entropy(16).hex(),
            )
        return parse_token_reply(
            await self._fetch(FetchRequest(endpoint, (*form, *shown.form), shown.authorization))
        )

    async def reach(self) -> int:
        """How many keys it publishes now that can check a token. Raises as a check does."""
        return len(read_keys(await self._published_keys()).keys)

    async def _published_keys(self) -> bytes:
        return await fetch_keys((await self._description.get()).jwks_uri, self._fetch)

    def _allow(self, flow: Flow) -> None:
        if flow not in self.settings.flows:
            raise CustodyError(
                "identity.flow", "This provider is not configured for such logins.", "See flows."
            )


def _there(endpoint: str) -> str:
    if not endpoint:
        raise CustodyError(
            "identity.flow",
            "The provider has no address for such logins in its discovery document.",
            "Switch the flow on at the provider, or take it out of flows.",
        )
    return endpoint
