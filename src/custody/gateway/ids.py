"""Identifiers and keys that the gateway mints for sessions.

Law: minted here, from the system's randomness; a client never chooses one.
"""

import base64
import os

from custody.model.words import SessionId


def new_session_id() -> SessionId:
    """``ses_`` and 20 base32 characters: 100 random bits."""
    return SessionId("ses_" + base64.b32encode(os.urandom(13))[:20].decode("ascii").lower())


def new_cancel_key() -> bytes:
    """A PostgreSQL-shaped cancel key: a 4-byte id and a 4-byte secret, both random.

    Protocol 3.0 has room for no more. The codec may put the server's process number in the place
    of the id, since drivers compare it; the secret stays ours. The id's first bit is clear: clients
    read it as a signed number.
    """
    key = bytearray(os.urandom(8))
    key[0] &= 0x7F
    return bytes(key)
