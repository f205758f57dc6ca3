"""RFC 7628, the server's part of OAUTHBEARER, as PostgreSQL 18 speaks it ("SASL Authentication").

Law: one token is taken and passed on unchanged; this module does not judge it. Anything but the
grammar of §3.1 is a ``WireError`` that quotes nothing. No channel binding, as the mechanism has
none; no authorization identity, as PostgreSQL has none: the token alone says who it is.
"""

import re
from enum import Enum
from typing import Final

import msgspec

from custody.model.errors import WireError
from custody.model.secret import Secret
from custody.protocols.postgres.frames import INT32, frame

MECHANISM: Final = b"OAUTHBEARER"
TOKEN_BYTES_AT_MOST: Final = 65_536
MESSAGE_BYTES_AT_MOST: Final = TOKEN_BYTES_AT_MOST + 1024
"""With the mechanism's name, the header, and the pairs that are not looked at."""

_SASL: Final = INT32.pack(10)
_SASL_CONTINUE: Final = INT32.pack(11)
_SEPARATOR: Final = b"\x01"
_HEADER: Final = re.compile(rb"[ny],,\x01")
"""RFC 5801 §4: no channel binding, no authorization identity."""
_PAIR: Final = re.compile(rb"([A-Za-z]+)=([\x20-\x7e\t\r\n]*)")
_BEARER: Final = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
"""RFC 6750 §2.1; RFC 7235 §2.1: a scheme's name has no case."""


class BearerChallenge(msgspec.Struct, frozen=True):
    """To be sent; the client answers it."""

    message: bytes


class BearerToken(msgspec.Struct, frozen=True):
    token: Secret


class BearerFailure(msgspec.Struct, frozen=True):
    """The client has taken note of its failure; the error is due now."""

    discovery: bool
    """It brought no token: it only wanted to know whose tokens are taken."""


class BearerStep(Enum):
    FIRST = "the client chooses the mechanism"
    RESPONSE = "it had nothing to say yet"
    WEIGHED = "the host weighs its token"
    DISCOVERED = "it was told whose tokens are taken"
    FAILED = "it was told that its token is not taken"
    OVER = "all is said"


class BearerExchange:
    """One exchange. ``receive`` takes the bodies of the client's messages, whole."""

    def __init__(self, issuer: str, scope: str) -> None:
        self._issuer: Final = issuer
        self._scope: Final = scope
        self._step = BearerStep.FIRST

    @property
    def offer(self) -> bytes:
        """AuthenticationSASL."""
        return frame(b"R", _SASL + MECHANISM + b"\0\0")

    def receive(self, body: bytes) -> BearerChallenge | BearerToken | BearerFailure:
        """Raises ``WireError``."""
        match self._step:
            case BearerStep.FIRST:
                response = _initial(body)
                if response is None:
                    self._step = BearerStep.RESPONSE
                    return BearerChallenge(frame(b"R", _SASL_CONTINUE))
                return self._weigh(response)
            case BearerStep.RESPONSE:
                return self._weigh(body)
            case BearerStep.DISCOVERED | BearerStep.FAILED as step:
                # §3.2.3: a client answers a failure with the separator alone.
                if body != _SEPARATOR:
                    raise _malformed("The client did not answer its failure as it must.")
                self._step = BearerStep.OVER
                return BearerFailure(discovery=step is BearerStep.DISCOVERED)
            case BearerStep.WEIGHED | BearerStep.OVER:
                raise _malformed("A message came that nobody asked for.")

    def fail(self) -> bytes:
        """The token is refused: the failure message, which the client must answer (RFC 7628
        §3.2.3).
        """
        self._step = BearerStep.FAILED
        return self._failure()

    def _weigh(self, response: bytes) -> BearerChallenge | BearerToken:
        token = token_of(response)
        if not token:
            self._step = BearerStep.DISCOVERED
            return BearerChallenge(self._failure())
        self._step = BearerStep.WEIGHED
        return BearerToken(Secret(token))

    def _failure(self) -> bytes:
        """§3.2.2. Where the issuer's configuration lies is said as PostgreSQL says it, since libpq
        takes the issuer's name from there and compares it to the letter.
        """
        told = {
            "status": "invalid_token",
            "openid-configuration": f"{self._issuer}/.well-known/openid-configuration",
            "scope": self._scope,
        }
        return frame(b"R", _SASL_CONTINUE + msgspec.json.encode(told))


def _initial(body: bytes) -> bytes | None:
    """What a SASLInitialResponse holds; ``None`` where it holds no response yet."""
    mechanism, zero, rest = body.partition(b"\0")
    if not zero or len(rest) < INT32.size:
        raise _malformed("The SASL message is malformed.")
    if mechanism != MECHANISM:
        raise _malformed("The client chose a SASL mechanism that was not offered.")
    length, response = INT32.unpack_from(rest)[0], rest[INT32.size :]
    if length == -1 and not response:
        return None
    if length != len(response):
        raise _malformed("The SASL message is malformed.")
    return response


def token_of(response: bytes) -> str:
    """The token of a client's response (§3.1); empty where it asks for discovery."""
    header = _HEADER.match(response)
    if header is None:
        raise _malformed(
            "The OAUTHBEARER header is not understood: neither channel binding nor an "
            "authorization identity is taken."
        )
    # Every pair ends with a separator, and one more ends them all.
    pairs = response[header.end() :].split(_SEPARATOR)
    if len(pairs) < 2 or pairs[-1] or pairs[-2]:
        raise _malformed("The OAUTHBEARER response has no end.")
    found: dict[bytes, bytes] = {}
    for pair in pairs[:-2]:
        match = _PAIR.fullmatch(pair)
        if match is None or match[1] in found:
            raise _malformed("The OAUTHBEARER response is malformed.")
        found[match[1]] = match[2]
    if b"auth" not in found:
        raise _malformed("The OAUTHBEARER response has no auth value.")
    if not found[b"auth"]:
        return ""
    credentials = _BEARER.fullmatch(found[b"auth"])
    if credentials is None or len(credentials[1]) > TOKEN_BYTES_AT_MOST:
        raise _malformed("The OAUTHBEARER response brings no bearer token.")
    return credentials[1].decode("ascii")


def _malformed(fault: str) -> WireError:
    return WireError("postgres.bearer", fault)
