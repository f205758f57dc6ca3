"""Making identifiers, loops and tickets.

Law: every identifier and secret comes from the entropy that is passed in, and no part of it from
a client. ``entropy(n)`` must give n bytes of cryptographic randomness (``os.urandom``).
"""

import base64
import binascii
import hashlib
from typing import Final

from custody.model.identity import Identity, Loop, Ticket
from custody.model.secret import Secret
from custody.model.sources import Entropy
from custody.model.words import IdentityKind, LoginId, LoopId, TicketId

PREFIX: Final = "ct_"
LOGIN_PREFIX: Final = "cl_"
SECRET_BYTES: Final = 32
_ENCODED_LENGTH: Final = 43  # base64url of 32 bytes without padding


def _base32(entropy: Entropy, characters: int) -> str:
    data = entropy(-(-characters * 5 // 8))
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()[:characters]


def mint_loop_id(entropy: Entropy) -> LoopId:
    return LoopId("loop_" + _base32(entropy, 20))


def mint_ticket_id(entropy: Entropy) -> TicketId:
    return TicketId("tkt_" + _base32(entropy, 12))


def mint_login_id(entropy: Entropy) -> LoginId:
    return LoginId("login_" + _base32(entropy, 20))


def mint_secret(prefix: str, entropy: Entropy) -> tuple[Secret, bytes]:
    """A secret that opens something here, and its digest."""
    raw = entropy(SECRET_BYTES)
    secret = Secret(prefix + base64.urlsafe_b64encode(raw).decode("ascii").rstrip("="))
    return secret, hashlib.sha256(raw).digest()


def local_identity(
    subject: str, groups: tuple[str, ...], kind: IdentityKind = IdentityKind.AGENT
) -> Identity:
    """An identity that the operator of this gateway vouches for, and nobody else."""
    return Identity(subject=subject, issuer="local", groups=groups, kind=kind)


def mint_loop(
    identity: Identity,
    *,
    now: int,
    ttl_ms: int,
    entropy: Entropy,
    purpose: str = "",
    on_behalf_of: str = "",
    parent: LoopId | None = None,
) -> Loop:
    return Loop(
        id=mint_loop_id(entropy),
        identity=identity,
        started=now,
        expires=now + ttl_ms,
        purpose=purpose,
        on_behalf_of=on_behalf_of,
        parent=parent,
    )


def mint_ticket(loop: Loop, *, now: int, entropy: Entropy) -> tuple[Secret, Ticket]:
    """A ticket that holds as long as its loop, with the secret that the client will carry."""
    secret, digest = mint_secret(PREFIX, entropy)
    ticket = Ticket(
        id=mint_ticket_id(entropy),
        loop=loop,
        digest=digest,
        created=now,
        expires=loop.expires,
    )
    return secret, ticket


def ticket_digest(secret: Secret) -> bytes | None:
    """The digest that a presented secret would have, or ``None`` where it is no ticket."""
    return secret_digest(PREFIX, secret)


def secret_digest(prefix: str, secret: Secret) -> bytes | None:
    """As ``ticket_digest``, of secrets that begin with ``prefix``.

    Only the canonical spelling counts: 43 base64url characters carry two spare bits, and a secret
    has one text.
    """
    text = secret.reveal()
    if len(text) != len(prefix) + _ENCODED_LENGTH or not text.startswith(prefix):
        return None
    if not text.isascii():
        return None
    encoded = text[len(prefix) :]
    try:
        raw = base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=") != encoded:
        return None
    return hashlib.sha256(raw).digest()
