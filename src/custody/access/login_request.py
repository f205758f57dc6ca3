"""What a tool asks of a browser's login, and the proof that it is still that tool.

Law: a redirect goes to a loopback address and a port, spelled as here and in no other way (RFC
8252 §7.3), so that no address of anybody else's can be meant; PKCE is S256 (RFC 7636) or nothing.
"""

import base64
import hashlib
import hmac
import re
from typing import Final

import msgspec

from custody.model.errors import CustodyError
from custody.model.secret import Secret

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_REDIRECT: Final = re.compile(
    r"http://(?:127\.0\.0\.1|\[::1\]|localhost):([1-9][0-9]{0,4})(?:/[A-Za-z0-9._~/-]{0,200})?",
    re.ASCII,
)
_STATE: Final = re.compile(r"[\x21-\x7e]{8,512}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)  # RFC 7636 §4.1


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """What a tool wants of a browser's login: where to, and bound to which secret of its own."""

    redirect_uri: str
    state: str
    challenge: str

    @property
    def place(self) -> str:
        """The address and port where the tool waits."""
        return self.redirect_uri.removeprefix("http://").partition("/")[0]

    @property
    def check(self) -> str:
        """Six characters that the tool and the confirmation page both show (``docs/api.md``)."""
        digest = hashlib.sha256(b"custody check\n" + self.challenge.encode()).digest()
        text = base64.b32encode(digest).decode()[:6]
        return f"{text[:3]}-{text[3:]}"


def digest(secret: str) -> bytes:
    """What a secret of 32 random bytes is kept and compared as."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def s256(verifier: str) -> str:
    """RFC 7636 §4.2."""
    hashed = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(hashed).decode("ascii").rstrip("=")


def matches_challenge(challenge: str, verifier: Secret) -> bool:
    text = verifier.reveal()
    return _VERIFIER.fullmatch(text) is not None and hmac.compare_digest(s256(text), challenge)


def parse_authorization_request(
    redirect_uri: str, state: str, challenge: str, method: str
) -> AuthorizationRequest:
    """What a tool asks for, checked. Raises ``login.redirect-uri``, ``.state``, ``.challenge``."""
    match = _REDIRECT.fullmatch(redirect_uri)
    if match is None or int(match[1]) > 65535:
        raise CustodyError(
            "login.redirect-uri",
            "The redirect_uri is not a loopback address with a port (RFC 8252 §7.3).",
            "Use http://127.0.0.1:PORT/PATH, http://[::1]:PORT/PATH or http://localhost:PORT/PATH.",
        )
    if not _STATE.fullmatch(state):
        raise CustodyError(
            "login.state", "The state has not 8 to 512 visible ASCII characters.", "Make it random."
        )
    if method != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise CustodyError(
            "login.challenge",
            "A code_challenge with code_challenge_method=S256 is needed (RFC 7636).",
            "Send the base64url SHA-256 of a random verifier; `plain` is not taken.",
        )
    return AuthorizationRequest(redirect_uri, state, challenge)
