"""Asks a provider's token endpoint, and reads its refusals (RFC 6749 §5, RFC 8628 §3.5).

Law: a provider that said no and a provider that could not answer are never mixed up: the first
ends a login, the second does not. Nothing that a provider writes is passed on to a person, but
error names that are known here.
"""

from typing import Final

import msgspec

from custody.identity.oidc.fetch import FetchResponse
from custody.identity.oidc.tokens.strict_json import read_object
from custody.model.errors import CustodyError

_KNOWN: Final = (
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope",
    "unsupported_grant_type", "invalid_target", "access_denied", "consent_required",
    "interaction_required", "login_required", "authorization_pending", "slow_down",
    "expired_token",
)  # fmt: skip
_TEMPORARY: Final = ("temporarily_unavailable", "server_error")


class TokenDenial(msgspec.Struct, frozen=True):
    error: str
    """As in ``_KNOWN``; ``other`` for any other."""


class TokenReply(msgspec.Struct, frozen=True):
    """Its repr shows nothing."""

    values: dict[str, object]

    def __repr__(self) -> str:
        return "Given(…)"

    def text(self, name: str) -> str:
        """Empty where there is none. Raises where it is no text."""
        found = self.values.get(name)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise CustodyError(
                "identity.malformed", f"The provider's answer has a {name} that is no text."
            )
        return found

    def number(self, name: str, otherwise: int, within: range) -> int:
        found = self.values.get(name, otherwise)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise CustodyError(
                "identity.malformed", f"The provider's answer has a {name} that is no number."
            )
        return int(min(max(found, within.start), within.stop - 1))


def parse_token_reply(answered: FetchResponse) -> TokenReply | TokenDenial:
    """Raises ``identity.unreachable`` where the answer is neither a yes nor a no."""
    if answered.status == 200:
        return TokenReply(read_object(answered.body, "The provider's answer"))
    # 428 is Google's, for a device login that waits.
    if answered.status in (400, 401, 403, 428):
        try:
            error = read_object(answered.body, "The provider's refusal").get("error")
        except CustodyError:
            error = None
        if isinstance(error, str) and error in _KNOWN:
            return TokenDenial(error)
        if error not in _TEMPORARY:
            return TokenDenial("other")
    raise CustodyError(
        "identity.unreachable",
        f"The identity provider answered with HTTP status {answered.status}.",
        "Try again; where it stays so, ask whoever runs the provider.",
    )


def refusal(denied: TokenDenial) -> CustodyError:
    if denied.error in ("invalid_client", "unauthorized_client"):
        return CustodyError(
            "identity.client-refused",
            f"The identity provider does not accept this gateway as its client ({denied.error}).",
            "Compare client_id, client_secret and client_auth with the provider's registration.",
        )
    return CustodyError(
        "identity.refused",
        f"The identity provider refused ({denied.error}).",
        "Log in again.",
    )
