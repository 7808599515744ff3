"""The database's schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from models import db

from ..errors import SettingsError


def newest(folder: str) -> str | None:
    """The last migration in the folder."""
    head: str | None = _scripts(folder).get_current_head()
    return head


def knows(folder: str, revision: str | None) -> bool:
    """Whether the migration is one of those in the folder."""
    try:
        return revision is not None and _scripts(folder).get_revision(revision) is not None
    except CommandError:
        return False


def upgrade(folder: str) -> bool:
    """Bring the database to the newest migration in the folder. Returns whether anything was to do.

    Raises SettingsError when a newer Matchmaker has been at it. Leaves no connection open: a server forks after this,
    and a connection belongs to one process.
    """
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    behind = bool(current != newest(folder))
    if behind and current is not None and not knows(folder, current):
        raise SettingsError(
            f"The database was made by a newer Matchmaker (migration {current}). Update this one, or restore an older "
            "backup into another database."
        )
    if behind:
        command.upgrade(_config(folder), "head")
    db.engine.dispose()
    return behind


def _config(folder: str) -> Config:
    config = Config()
    config.set_main_option("script_location", folder)
    return config


def _scripts(folder: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(folder))
