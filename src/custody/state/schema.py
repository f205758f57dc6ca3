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

HEAD: Final = "0001"
"""The newest migration. A database at this revision needs none."""

metadata: Final = MetaData()

loops: Final = Table(
    "loops",
    metadata,
    Column("id", String, primary_key=True),
    Column("subject", String, nullable=False),
    Column("issuer", String, nullable=False),
    Column("groups", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("started", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("purpose", String, nullable=False),
    Column("on_behalf_of", String, nullable=False),
    Column("parent", String),
    Column("ended", Integer),
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
