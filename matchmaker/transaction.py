"""One way to write to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import Engine, event
from sqlalchemy.orm import scoped_session

from models import db

_OPEN = "matchmaker.transaction"


@contextmanager
def transaction() -> Iterator[scoped_session[Session]]:
    """Commit on leaving, roll back on an error. Inside another transaction it joins that one.

    On SQLite the write lock is taken at once: a read that turns into a write later could lose an update.
    """
    session = db.session
    info = session().info
    if info.get(_OPEN):
        yield session
        return
    info[_OPEN] = True
    try:
        if session.get_bind().dialect.name == "sqlite":
            session.connection().exec_driver_sql("BEGIN IMMEDIATE")
        # What was read before the lock may be out of date; rows read from here on are as they stand now.
        session.flush()
        session.expire_all()
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        info.pop(_OPEN, None)


def prepare_sqlite(engine: Engine) -> None:
    """Make every SQLite connection durable and strict: WAL, synchronous FULL, foreign keys, a busy timeout."""

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN is switched off; transaction() says when and how to begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
