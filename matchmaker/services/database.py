"""The database's schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models import db


def upgrade(folder: str) -> bool:
    """Bring the database to the newest migration in the folder. Returns whether anything was to do."""
    config = Config()
    config.set_main_option("script_location", folder)
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == ScriptDirectory.from_config(config).get_current_head():
        return False
    command.upgrade(config, "head")
    return True
