"""The database's schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models import db


def upgrade(folder: str) -> bool:
    """Bring the database to the newest migration in the folder. Returns whether anything was to do.

    Leaves no connection open: a server forks after this, and a connection belongs to one process.
    """
    config = Config()
    config.set_main_option("script_location", folder)
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    behind = bool(current != ScriptDirectory.from_config(config).get_current_head())
    if behind:
        command.upgrade(config, "head")
    db.engine.dispose()
    return behind
