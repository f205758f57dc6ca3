"""Logins, revoked identities, used ids, spent budgets; what a loop is beside its identity.

Law: a migration that was released is never changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("principal", sa.String()),
        sa.Column("facts", sa.String(), nullable=False, server_default="[]"),
        sa.Column("client", sa.String(), nullable=False, server_default=""),
        sa.Column("scope", sa.String()),
        sa.Column("budget", sa.String()),
        sa.Column("login", sa.String()),
        sa.Column("reason", sa.String(), nullable=False, server_default=""),
        sa.Column("told", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("loops", column)
    op.execute("UPDATE loops SET told = 1 WHERE ended IS NOT NULL")
    op.create_index("ix_loops_parent", "loops", ["parent"])
    op.create_index("ix_loops_login", "loops", ["login"])
    op.create_index("ix_loops_subject", "loops", ["subject"])
    op.create_index("ix_loops_ended", "loops", ["ended"])
    op.create_table(
        "logins",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("proof", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("started", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), index=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("refresh", sa.LargeBinary()),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name="login_digest_is_sha256"),
    )
    op.create_table(
        "revoked",
        sa.Column("issuer", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("time", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
    )
    op.create_table(
        "used",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("until", sa.Integer(), nullable=False, index=True),
    )
    op.create_table(
        "spent",
        sa.Column("loop", sa.String(), primary_key=True),
        sa.Column("spent", sa.String(), nullable=False),
        sa.Column("forgiven", sa.String(), nullable=False),
        sa.Column("paused", sa.String(), nullable=False),
    )
