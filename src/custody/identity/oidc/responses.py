"""What a provider's answers come to, once every check has passed."""

from enum import StrEnum

import msgspec

from custody.model.identity import Proof
from custody.model.secret import Secret


class TokenKind(StrEnum):
    ID_TOKEN = "id_token"  # noqa: S105 - a kind's name
    ACCESS_TOKEN = "access_token"  # noqa: S105 - a kind's name


class ProviderLogin(msgspec.Struct, frozen=True):
    """Somebody logged in."""

    proof: Proof
    refresh: Secret | None
    """What to ask again with; ``None`` where the provider gave none."""
    id_token: Secret


class DeviceAuthorization(msgspec.Struct, frozen=True):
    """RFC 8628 §3.2. Times are seconds, as there."""

    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    """Empty where the provider gave none."""
    expires_in: int
    interval: int


class DevicePending(msgspec.Struct, frozen=True):
    """RFC 8628 §3.5. ``reason``: ``authorization_pending``, ``slow_down``, ``expired_token`` or
    ``access_denied``; after the last two there is nothing to wait for.
    """

    reason: str


class LogoutToken(msgspec.Struct, frozen=True):
    """OpenID Connect Back-Channel Logout 1.0 §2.4: one of subject and session is set, or both."""

    issuer: str
    subject: str
    """The ``sub`` claim; empty where the token names only a session."""
    session: str
    """The ``sid`` claim; empty where all of the subject's sessions ended."""
    use: str
    """The token's ``jti``: the caller takes it once only."""
    expires: int
    """When the token lapses, in ms: its ``jti`` need not be remembered for longer."""
