"""The tables, as the newest migration leaves them.

Law: this describes the schema and never creates it; only migrations change a database. A test
compares the two.
"""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

HEAD: Final = "0003"
"""The newest migration. A database at this revision needs none."""

metadata: Final = MetaData()

loops: Final = Table(
    "loops",
    metadata,
    Column("id", String, primary_key=True),
    Column("subject", String, nullable=False, index=True),
    Column("issuer", String, nullable=False),
    Column("groups", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("started", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("purpose", String, nullable=False),
    Column("on_behalf_of", String, nullable=False),
    Column("parent", String, index=True),
    Column("ended", Integer, index=True),
    # Values of the model, as JSON.
    Column("principal", String),
    Column("facts", String, nullable=False, server_default="[]"),
    Column("client", String, nullable=False, server_default=""),
    Column("scope", String),
    Column("budget", String),
    Column("login", String, index=True),
    Column("reason", String, nullable=False, server_default=""),
    # Whether the record of its end is made.
    Column("told", Integer, nullable=False, server_default="0"),
)

tickets: Final = Table(
    "tickets",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("loop", String, ForeignKey("loops.id"), nullable=False, index=True),
    Column("created", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("revoked", Integer),
    # Grows with every change to any ticket, so that a reader asks only for what is new.
    Column("revision", Integer, nullable=False, index=True),
    CheckConstraint("length(digest) = 32", name="digest_is_sha256"),
)

logins: Final = Table(
    "logins",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("proof", String, nullable=False),
    # Of the proof, to be found by.
    Column("issuer", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("session", String, nullable=False),
    Column("client", String, nullable=False),
    Column("started", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("ended", Integer, index=True),
    Column("reason", String, nullable=False),
    Column("told", Integer, nullable=False),
    # Sealed under a key that lies elsewhere.
    Column("refresh", LargeBinary),
    Column("checked", Integer, nullable=False),
    CheckConstraint("length(digest) = 32", name="login_digest_is_sha256"),
)

revoked: Final = Table(
    "revoked",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("time", Integer, nullable=False),
    Column("actor", String, nullable=False),
)

used: Final = Table(
    "used",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("until", Integer, nullable=False, index=True),
)

tokens: Final = Table(
    "tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("provider", String, primary_key=True),
    Column("loop", String, nullable=False, index=True),
    Column("until", Integer, nullable=False, index=True),
    CheckConstraint("length(digest) = 32", name="token_digest_is_sha256"),
)

spent: Final = Table(
    "spent",
    metadata,
    Column("loop", String, primary_key=True),
    Column("spent", String, nullable=False),
    Column("forgiven", String, nullable=False),
    Column("paused", String, nullable=False),
)
