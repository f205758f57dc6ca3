"""One OpenID provider: logins through it, and tokens of its making."""

from collections.abc import Awaitable, Callable
from typing import Final

from custody.identity.oidc.answers import (
    DevicePending,
    DeviceStarted,
    Granted,
    LoggedOut,
    TokenKind,
)
from custody.identity.oidc.fetch import Fetch
from custody.identity.oidc.settings import OidcSettings
from custody.model.identity import Proof
from custody.model.secret import Secret

Clock = Callable[[], int]
"""Unix milliseconds."""
ClientSecret = Callable[[], Awaitable[Secret]]
"""Asked each time, so that a secret can be changed without a restart."""


class OidcProvider:
    """One per ``[[oidc]]``. Every fault is a ``CustodyError`` with a code ``identity.*``."""

    def __init__(
        self,
        settings: OidcSettings,
        fetch: Fetch,
        clock: Clock,
        *,
        secret: ClientSecret | None = None,
    ) -> None:
        """``secret`` is ``None`` for a public client."""
        self.name: Final = settings.name
        self.settings: Final = settings

    async def authorization_url(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Where to send the browser. ``challenge`` is the S256 one (RFC 7636)."""
        raise NotImplementedError

    async def check_response_issuer(self, iss: str | None) -> None:
        """The ``iss`` parameter of an authorization response (RFC 9207)."""
        raise NotImplementedError

    async def redeem(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> Granted:
        raise NotImplementedError

    async def begin_device(self) -> DeviceStarted:
        raise NotImplementedError

    async def poll_device(self, device_code: Secret) -> Granted | DevicePending:
        raise NotImplementedError

    async def refresh(self, refresh: Secret, before: Proof) -> Granted:
        """``identity.refused``: the provider said no; ``identity.unreachable``: it said nothing."""
        raise NotImplementedError

    async def check(self, token: Secret, kind: TokenKind | None = None) -> Proof:
        """A token that its holder brings; ``kind`` ``None``: whichever of the two it is."""
        raise NotImplementedError

    async def check_logout(self, token: Secret) -> LoggedOut:
        raise NotImplementedError
