"""Migrations on both databases: up, down and up again, with rows in place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import Database, application
from flask import Flask
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError
from test_models import put

from matchmaker import MIGRATIONS
from matchmaker.services import database, listings
from matchmaker.transaction import transaction
from models import AuditEntry, Embedding, Listing, Organisation, OutboxItem, User, db

TABLES = ("audit", "embedding", "listing", "organisation", "outbox", "user_account")
#: Makes one upgrade in a process of its own: Alembic serves one thread at a time.
UPGRADE = """
import sys
from pathlib import Path
from databases import migrate
migrate(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture
def unmigrated(migrated: Database, tmp_path: Path) -> Iterator[Flask]:
    """The application over a database without a single table."""
    with migrated.empty(tmp_path) as database, application(tmp_path, database.url) as app, app.app_context():
        yield app


def test_the_first_upgrade_has_something_to_do(unmigrated: Flask) -> None:
    assert database.upgrade(MIGRATIONS) is True


def test_a_second_upgrade_has_nothing_to_do(unmigrated: Flask) -> None:
    database.upgrade(MIGRATIONS)
    assert database.upgrade(MIGRATIONS) is False


def test_a_downgrade_leaves_no_table(unmigrated: Flask) -> None:
    database.upgrade(MIGRATIONS)
    flask_migrate.downgrade(revision="base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}


def test_a_database_goes_down_and_up_again(unmigrated: Flask) -> None:
    database.upgrade(MIGRATIONS)
    flask_migrate.downgrade(revision="base")
    database.upgrade(MIGRATIONS)
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version", *db.metadata.tables}


@pytest.fixture
def filled(unmigrated: Flask) -> Flask:
    """The newest migration, with rows in every table it made or changed."""
    database.upgrade(MIGRATIONS)
    with db.engine.begin() as connection:
        for model in (Organisation, User, AuditEntry, OutboxItem):
            put(connection, model)
        for id in (1, 2):
            put(connection, Listing, id=id)
        put(connection, Embedding, listing_id=1, seq=7, family=3, repeats_id=2)
        put(connection, Embedding, listing_id=2, seq=8, text_hash=None, vector=None, parts=None, family=None)
    return unmigrated


def counts() -> dict[str, int]:
    """How many rows are in each table."""
    with db.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(db.metadata.tables[name])) or 0 for name in TABLES
        }


def change_the_audit() -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit"))


def families() -> dict[int, Any]:
    """The family of each listing and what it repeats."""
    with db.engine.connect() as connection:
        query = select(Embedding.listing_id, Embedding.family, Embedding.repeats_id)
        return {row.listing_id: (row.family, row.repeats_id) for row in connection.execute(query)}


@pytest.mark.usefixtures("filled")
class TestWithRowsInPlace:
    def test_a_step_down_and_up_keeps_them(self) -> None:
        before = counts()
        flask_migrate.downgrade(revision="0001")
        database.upgrade(MIGRATIONS)
        assert counts() == before == dict.fromkeys(TABLES, 1) | {"embedding": 2, "listing": 2}

    def test_what_is_indexed_is_alone_after_the_step_to_families(self) -> None:
        flask_migrate.downgrade(revision="0001")
        database.upgrade(MIGRATIONS)
        assert families() == {1: (7, None), 2: (None, None)}

    @pytest.mark.parametrize("revision", ["0001", "0002"])
    def test_the_audit_trail_is_append_only_at_every_step(self, revision: str) -> None:
        flask_migrate.downgrade(revision="0001")
        flask_migrate.upgrade(revision=revision)
        with pytest.raises(IntegrityError, match="the audit trail is append-only"):
            change_the_audit()

    def test_an_import_finds_its_organisations_of_before_again(self) -> None:
        flask_migrate.downgrade(revision="0003")
        database.upgrade(MIGRATIONS)
        stored = db.session.scalars(select(Organisation)).one()
        with transaction():
            found = listings.organisation_named(stored.name, stored.kind, stored.country)
        assert found is stored

    def test_a_way_all_down_and_up_ends_where_the_models_are(self) -> None:
        flask_migrate.downgrade(revision="base")
        database.upgrade(MIGRATIONS)
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []
        assert set(counts().values()) == {0}


def test_starts_at_the_same_moment_migrate_once(migrated: Database, tmp_path: Path) -> None:
    with migrated.empty(tmp_path) as empty:
        command = [sys.executable, "-c", UPGRADE, str(tmp_path), empty.url]
        paths = {"PYTHONPATH": ":".join(map(str, (Path(__file__).parents[1], Path(__file__).parents[2])))}
        starts = [
            subprocess.Popen(command, env=paths, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(3)
        ]
        said = [start.communicate(timeout=60)[1].decode() for start in starts]
        assert [start.returncode for start in starts] == [0, 0, 0], said
