"""Runs migrations on the connection that the store hands over.

Law: this opens no database by itself and reads no configuration.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite's DDL is transactional; Alembic does not assume so.
    transactional_ddl=True,
)
context.run_migrations()
