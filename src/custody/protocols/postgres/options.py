"""What an operator, or a listener, can decide about this protocol.

Law: every bound of a session stands here, with its unit and its default.
"""

from typing import Final

import msgspec

SHARED_FROM: Final = 65_536
"""Bytes of a message with a text from which on its loop's share of memory is asked."""
MEMORY_OF_A_COMMAND: Final = 10
"""Times its length, as measured: as it came, as text, for the parser and for its record."""
KEPT_UNSHARED: Final = 1_048_576
"""Bytes of prepared texts and portals' values that a session keeps without asking."""


class PostgresOptions(msgspec.Struct, frozen=True):
    """Bounds are in bytes unless their name says otherwise."""

    cleartext: bool = False
    """A ticket may be asked for outside TLS."""
    database_is_free: bool = False
    """The listener is bound to one target, so ``dbname`` names a database, not the target."""
    oauth_issuer: str = ""
    """Whose tokens clients bring, by OAUTHBEARER and in no other way; empty: passwords."""
    oauth_scope: str = "openid"
    """What a client that asks is told to ask that issuer for."""
    capture_bytes: int = 65_536
    """Of each response, kept for the record."""
    command_bytes: int = 1_048_576
    """A longer SQL text is refused without being held."""
    bind_bytes: int = 262_144
    """A longer Bind is streamed: its command is recorded before its first byte moves."""
    resolve_origins: bool = True
    """Ask the catalogue which columns a result's columns are; masking by column needs it."""
    pending: int = 16_384
    """Messages whose answers are still due; with more the client is not read."""
    statements: int = 20_000
    """Prepared statements, and as many portals, of one session."""
    statement_bytes: int = 33_554_432
    """Of all prepared statements' texts and of all portals' values, each."""
