"""How Alembic meets the application: one connection of its engine, one transaction, one process at a time."""

from alembic import context
from flask import current_app

migrate = current_app.extensions["migrate"]

# Any number all processes agree on.
_LOCK = 20_250_601

with migrate.db.engine.connect() as connection:
    # Who starts at the same moment waits here, and then finds the work done.
    if connection.dialect.name == "sqlite":
        # A table that is copied and dropped would take the rows that point to it along; only outside a transaction
        # can this be said.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        # Large tables take longer to change than a page may wait.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    context.configure(
        connection=connection,
        target_metadata=migrate.db.metadata,
        **migrate.configure_args,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        if connection.dialect.name == "sqlite":
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
