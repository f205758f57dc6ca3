"""Which loop a provider's token began, where it was brought in place of a ticket.

Law: a migration that was released is never changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("provider", sa.String(), primary_key=True),
        sa.Column("loop", sa.String(), nullable=False, index=True),
        sa.Column("until", sa.Integer(), nullable=False, index=True),
        sa.CheckConstraint("length(digest) = 32", name="token_digest_is_sha256"),
    )
