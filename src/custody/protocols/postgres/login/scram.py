"""RFC 5802 and RFC 7677, SCRAM-SHA-256, the client's part; RFC 5929's tls-server-end-point.

Law: a server that does not prove that it knows the password is refused, and so is one that asks
for more rounds of hashing than the bound. A nonce comes in; nothing here is random by itself.
"""

import base64
import binascii
import hashlib
import hmac
import stringprep
import unicodedata
from typing import Final

from custody.model.errors import WireError

PLAIN: Final = "SCRAM-SHA-256"
PLUS: Final = "SCRAM-SHA-256-PLUS"
ITERATIONS_AT_MOST: Final = 200_000
"""About 0.1 s of hashing; servers use 4,096 unless told otherwise."""


class Scram:
    """One exchange. Raises ``WireError`` (blame: server) for anything but a proper answer."""

    def __init__(
        self, password: str, nonce: bytes, *, binding: bytes | None, offered_plus: bool
    ) -> None:
        """``binding``: the channel binding data where the connection is in TLS, else ``None``."""
        plus = binding is not None and offered_plus
        self.mechanism: Final = PLUS if plus else PLAIN
        if plus:
            header = b"p=tls-server-end-point,,"
        elif binding is not None:
            header = b"y,,"  # this client could bind; a server that could too must say so
        else:
            header = b"n,,"
        self._password: Final = saslprep(password).encode()
        self._nonce: Final = base64.b64encode(nonce)
        # PostgreSQL ignores the user name here: the start-up packet gave it.
        self._first_bare: Final = b"n=,r=" + self._nonce
        self._channel: Final = base64.b64encode(header + (binding or b"" if plus else b""))
        self._expected = b""
        self.first: Final = header + self._first_bare

    def answer(self, challenge: bytes) -> bytes:
        """The client-final-message for the server-first-message."""
        fields = _fields(challenge)
        nonce = fields.get(b"r", b"")
        if list(fields)[:3] != [b"r", b"s", b"i"]:
            raise _broken("The server's SCRAM challenge is malformed.")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise _broken("The server's SCRAM nonce does not continue the gateway's.")
        try:
            salt = base64.b64decode(fields[b"s"], validate=True)
        except binascii.Error:
            raise _broken("The server's SCRAM salt is malformed.") from None
        if not fields[b"i"].isdigit() or not 1 <= len(fields[b"i"]) <= 9 or not salt:
            raise _broken("The server's SCRAM challenge is malformed.")
        rounds = int(fields[b"i"])
        if not 1 <= rounds <= ITERATIONS_AT_MOST:
            raise _broken("The server asks for more SCRAM iterations than the gateway accepts.")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        without_proof = b"c=" + self._channel + b",r=" + nonce
        message = self._first_bare + b"," + challenge + b"," + without_proof
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._expected = base64.b64encode(hmac.digest(server_key, message, "sha256"))
        return without_proof + b",p=" + base64.b64encode(proof)

    def verify(self, final: bytes) -> None:
        """Check the server-final-message."""
        verifier = _fields(final).get(b"v", b"")
        if not self._expected or not hmac.compare_digest(verifier, self._expected):
            raise _broken("The server could not prove that it knows the password.")


def _fields(message: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for part in message.split(b","):
        if len(part) < 2 or part[1:2] != b"=":
            raise _broken("The server's SCRAM message is malformed.")
        found[part[:1]] = part[2:]
    return found


def _broken(fault: str) -> WireError:
    return WireError("postgres.scram", fault, blame="server")


def saslprep(password: str) -> str:
    """RFC 4013, and as PostgreSQL does: what it prohibits is used as it is."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c)
    )
    normal = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not normal or any(_prohibited(c) for c in normal):
        return password
    if any(stringprep.in_table_d1(c) for c in normal):
        # RFC 3454 §6: right-to-left text begins and ends so, and holds nothing left-to-right.
        whole = all(stringprep.in_table_d1(c) for c in (normal[0], normal[-1]))
        if not whole or any(stringprep.in_table_d2(c) for c in normal):
            return password
    return normal


def _prohibited(c: str) -> bool:
    return (
        stringprep.in_table_c12(c)
        or stringprep.in_table_c21_c22(c)
        or stringprep.in_table_c3(c)
        or stringprep.in_table_c4(c)
        or stringprep.in_table_c5(c)
        or stringprep.in_table_c6(c)
        or stringprep.in_table_c7(c)
        or stringprep.in_table_c8(c)
        or stringprep.in_table_c9(c)
        or stringprep.in_table_a1(c)
    )
