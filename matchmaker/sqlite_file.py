"""A SQLite file that is moved, deleted or replaced while it is in use."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError


def follow_file(engine: Engine) -> None:
    """Drop connections to a file that is no longer there, and make no empty one where it was.

    Otherwise a process would go on reading, and writing into, a file that nobody can open any more.
    """
    path = engine.url.database or ""
    was_there = False

    @event.listens_for(engine, "do_connect")
    def _refuse(*_: Any) -> None:
        if was_there and _identity(path) is None:
            raise sqlite3.OperationalError("the database file is gone")

    @event.listens_for(engine, "connect")
    def _remember(_connection: Any, record: Any) -> None:
        nonlocal was_there
        record.info["file"] = _identity(path)
        was_there = was_there or record.info["file"] is not None

    @event.listens_for(engine, "checkout")
    def _compare(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError("the database file is another one")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
