"""The untyped packets that open a connection ("Start-up" in the protocol's message flow).

Law: at most 10,000 bytes are held for a client that has not named itself; what a packet says is a
claim. Options that a later minor version may bring (``_pq_.``) are never passed on.
"""

from typing import Final

import msgspec

from custody.model.errors import WireError
from custody.model.event import LoginRequest
from custody.protocols.postgres.frames import (
    CANCEL_REQUEST,
    GSSENC_REQUEST,
    PROTOCOL_3_0,
    PROTOCOL_3_2,
    SSL_REQUEST,
    UINT32,
    frame,
)
from custody.wire.buffer import Buffer

STARTUP_BYTES_AT_MOST: Final = 10_000  # MAX_STARTUP_PACKET_LENGTH of the server
CANCEL_KEY_AT_MOST: Final = 260  # "The minimum and maximum key length are 4 and 256 bytes"
CANCEL_KEY_AT_LEAST: Final = 8


class TlsRequest(msgspec.Struct, frozen=True):
    pass


class GssRequest(msgspec.Struct, frozen=True):
    pass


class CancelRequest(msgspec.Struct, frozen=True):
    key: bytes


class Startup(msgspec.Struct, frozen=True):
    """``negotiation`` is the NegotiateProtocolVersion message, or empty where none is due."""

    login: LoginRequest
    long_keys: bool
    negotiation: bytes = b""


class UnsupportedVersion(msgspec.Struct, frozen=True):
    major: int
    minor: int


Opening = TlsRequest | GssRequest | CancelRequest | Startup | UnsupportedVersion


def read_opening(buffer: Buffer, *, database_is_free: bool) -> Opening | None:  # noqa: PLR0911  # one for each packet
    """The next untyped packet, or ``None``: it needs more bytes."""
    if not buffer.ensure(4):
        return None
    length = UINT32.unpack_from(buffer.data, buffer.position)[0]
    if not 8 <= length <= STARTUP_BYTES_AT_MOST:
        raise WireError("postgres.startup-length", "The start-up packet has an invalid length.")
    if not buffer.ensure(length):
        return None
    packet = bytes(buffer.take(length))
    code = UINT32.unpack_from(packet, 4)[0]
    if code == SSL_REQUEST and length == 8:
        return TlsRequest()
    if code == GSSENC_REQUEST and length == 8:
        return GssRequest()
    if code == CANCEL_REQUEST:
        if not CANCEL_KEY_AT_LEAST <= length - 8 <= CANCEL_KEY_AT_MOST:
            raise WireError("postgres.cancel-key", "The cancel request's key is malformed.")
        return CancelRequest(packet[8:])
    major, minor = code >> 16, code & 0xFFFF
    if major != 3:
        return UnsupportedVersion(major, minor)
    return _startup(packet, code, database_is_free=database_is_free)


def _startup(packet: bytes, version: int, *, database_is_free: bool) -> Startup:
    fields = packet[8:].split(b"\0")
    # Names and values, each ended by a zero byte, then one more zero byte.
    if len(fields) < 2 or fields[-1] or fields[-2] or len(fields) % 2:
        raise WireError("postgres.startup", "The start-up packet is malformed.")
    try:
        texts = [field.decode() for field in fields[:-2]]
    except UnicodeDecodeError:
        raise WireError("postgres.startup", "The start-up packet is not UTF-8 text.") from None
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    if any(not name for name, _ in pairs):
        raise WireError("postgres.startup", "The start-up packet is malformed.")
    unknown = [name for name, _ in pairs if name.startswith("_pq_.")]
    # A parameter given twice: the last one counts, as it does for the server.
    given = {name: value for name, value in pairs if not name.startswith("_pq_.")}
    user = given.pop("user", "")
    database = given.pop("database", "") or user
    target = ""
    if not database_is_free:
        target, _, database = database.partition("/")
    login = LoginRequest(
        target=target,
        database=database,
        user=user,
        application=given.get("application_name", ""),
        parameters=tuple(given.items()),
        stream="replication" if _wants_replication(given.get("replication", "")) else "",
    )
    long_keys = version >= PROTOCOL_3_2
    if not unknown and version <= PROTOCOL_3_2:
        return Startup(login, long_keys)
    # NegotiateProtocolVersion: the newest minor version spoken here, and what was not understood.
    newest = min(version, PROTOCOL_3_2) if version > PROTOCOL_3_0 else PROTOCOL_3_0
    body = UINT32.pack(newest) + UINT32.pack(len(unknown))
    body += b"".join(name.encode() + b"\0" for name in unknown)
    return Startup(login, long_keys, frame(b"v", body))


def _wants_replication(value: str) -> bool:
    """Whatever is not clearly false asks for it: ``database`` and PostgreSQL's booleans."""
    return bool(value) and value.lower() not in {"0", "f", "false", "n", "no", "off", "of"}


def own_key(client_key: bytes, *, long_keys: bool) -> tuple[bytes, bytes]:
    """The gateway's own BackendKeyData, and the key as a cancel request will bring it.

    Before protocol 3.2 the secret has 4 bytes.
    """
    key = client_key if long_keys else client_key[:8]
    return frame(b"K", key), key


def password_of(body: bytes) -> str:
    """A PasswordMessage's text."""
    if not body.endswith(b"\0") or body.find(b"\0") != len(body) - 1:
        raise WireError("postgres.password", "The password message is malformed.")
    try:
        return body[:-1].decode()
    except UnicodeDecodeError:
        raise WireError("postgres.password", "The password is not UTF-8 text.") from None


CLEARTEXT_PASSWORD: Final = b"R\x00\x00\x00\x08\x00\x00\x00\x03"
AUTHENTICATION_OK: Final = b"R\x00\x00\x00\x08\x00\x00\x00\x00"
PASSWORD_BYTES_AT_MOST: Final = 65_536
"""A ticket has 46; a token that lists many groups has tens of thousands."""
