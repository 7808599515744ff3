"""One way to write to the database, and how its connections are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import Engine, event, make_url
from sqlalchemy.orm import scoped_session

from models import db

_OPEN = "matchmaker.transaction"

#: Seconds to wait for a connection, milliseconds for a statement and for a lock: a page never hangs for ever.
_POSTGRESQL = {
    "application_name": "matchmaker",
    "connect_timeout": 10,
    "options": "-c statement_timeout=30000 -c lock_timeout=10000",
}


@contextmanager
def transaction() -> Iterator[scoped_session[Session]]:
    """Commit on leaving, roll back on an error. Inside another transaction it joins that one.

    On SQLite the write lock is taken at once: a read that turns into a write later could lose an update. PostgreSQL
    lets transactions run side by side: whoever changes what it has read there reads it `with_for_update()`.
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


def engine_options(url: str) -> dict[str, Any]:
    """What Flask-SQLAlchemy's engine is made with. What the address itself says of a PostgreSQL connection stands."""
    address = make_url(url)
    if address.get_backend_name() != "postgresql":
        return {}
    limits = {name: value for name, value in _POSTGRESQL.items() if name not in address.query}
    # A server that was restarted leaves dead connections in the pool; each is tried before it is used.
    return {"pool_pre_ping": True, "connect_args": limits}
