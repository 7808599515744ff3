"""Whether a process can do its work, looked at without ever failing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from databases import only_sqlite
from flask import Flask
from sqlalchemy import event, text, update

from matchmaker import MIGRATIONS
from matchmaker.metrics import Backlog
from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import indexing, listings, readiness
from matchmaker.services.readiness import Readiness
from matchmaker.transaction import transaction
from models import OutboxItem, db
from models.base import now
from search_index.embedders import HashingEmbedder
from search_index.errors import ModelUnusable
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Encoded

pytestmark = pytest.mark.usefixtures("app_context")

WELL = {"database": "ok", "migrations": "ok", "index": "ok", "keywords": "ok", "model": "ok"}


class Unusable(HashingEmbedder):
    """A model that is not there."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        raise ModelUnusable("The model in /srv/secret is missing.")


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    parts: Parts = app_context.extensions["matchmaker"]
    return parts.engine


@pytest.fixture
def state(app_context: Flask, engine: LocalEngine) -> Readiness:
    return Readiness(engine, MIGRATIONS, app_context.app_context)


def publish() -> int:
    return listings.publish(SYSTEM, "offer", listing_schema("offer").load({"title": "Solar pump"})).id


@contextmanager
def slow_database() -> Iterator[None]:
    """A database that does not answer until the block ends."""
    end = threading.Event()

    def wait(*_: object) -> None:
        end.wait()

    event.listen(db.engine, "before_cursor_execute", wait)
    try:
        yield
    finally:
        end.set()
        event.remove(db.engine, "before_cursor_execute", wait)


@pytest.fixture
def gone(app_context: Flask) -> Path:
    """The database's file, which is not there any more."""
    file = Path(app_context.instance_path) / "matchmaker.sqlite3"
    db.session.execute(text("SELECT 1"))
    db.session.remove()
    os.rename(file, file.with_suffix(".away"))
    return file


def test_with_everything_in_place_all_is_ok(state: Readiness, engine: LocalEngine) -> None:
    publish()
    indexing.drain(engine, "w")
    assert state.look() == WELL


@only_sqlite
def test_a_missing_database_is_named(state: Readiness, gone: Path) -> None:
    broken = {"database": "does not answer", "migrations": "unknown", "index": "unknown"}
    assert state.look() == WELL | broken


@only_sqlite
def test_looking_makes_no_database_where_none_is(state: Readiness, gone: Path) -> None:
    state.look()
    assert not gone.exists()


@only_sqlite
def test_a_database_that_came_back_is_ready(state: Readiness, gone: Path) -> None:
    state.look()
    os.rename(gone.with_suffix(".away"), gone)
    assert state.look() == WELL


def test_a_slow_database_is_named_within_the_limit(state: Readiness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LIMIT", 0.05)
    with slow_database():
        assert state.look()["database"] == "does not answer"
    monkeypatch.undo()
    # What hangs must end before its connection's pool does.
    while state.look()["database"] != "ok":
        time.sleep(0.02)


def test_a_database_of_an_older_form_is_named(state: Readiness) -> None:
    with transaction():
        db.session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert state.look() == WELL | {"migrations": "not the newest; run matchmaker setup"}


def test_work_that_waits_too_long_is_named(state: Readiness) -> None:
    publish()
    assert state.look() == WELL
    with transaction():
        db.session.execute(update(OutboxItem).values(available_at=now() - timedelta(seconds=readiness.LATE + 1)))
    assert state.look() == WELL | {"index": "changes wait too long; is a worker running?"}


def test_memory_catches_up_before_it_is_called_behind(state: Readiness, engine: LocalEngine) -> None:
    publish()
    other = engine.empty_twin(engine.generations.root)
    indexing.drain(other, "another process")
    assert len(engine.vectors) == 0
    assert (state.look(), len(engine.vectors)) == (WELL, 1)


def test_an_unreadable_keyword_index_is_named(state: Readiness, engine: LocalEngine) -> None:
    (engine.generations.root / "CURRENT").write_text("nowhere")
    assert state.look() == WELL | {"keywords": "cannot be read; run matchmaker index rebuild"}


def test_an_empty_keyword_index_beside_vectors_is_named(state: Readiness, engine: LocalEngine) -> None:
    publish()
    indexing.drain(engine, "w")
    engine.generations.use(engine.generations.new())
    assert state.look() == WELL | {"keywords": "empty; run matchmaker index rebuild"}


def test_a_missing_model_is_named_without_its_place(state: Readiness, engine: LocalEngine) -> None:
    engine.embedder = Unusable()
    assert state.look() == WELL | {"model": "not loaded, or does not answer"}


def test_the_backlog_counts_what_is_owed(state: Readiness, engine: LocalEngine) -> None:
    publish()
    with transaction():
        db.session.execute(update(OutboxItem).values(available_at=now() - timedelta(seconds=90)))
    found = state.backlog()
    assert found is not None
    assert (found.waiting, found.leased, found.parked, found.behind) == (1, 0, 0, 0)
    assert 90 <= found.oldest_due < 120


def test_the_backlog_counts_rows_that_memory_lacks(state: Readiness, engine: LocalEngine) -> None:
    publish()
    indexing.drain(engine.empty_twin(engine.generations.root), "another process")
    assert state.backlog() == Backlog(0, 0, 0, 0.0, 1)


def test_parked_work_is_not_due(state: Readiness) -> None:
    publish()
    with transaction():
        db.session.execute(update(OutboxItem).values(parked_at=now()))
    assert state.backlog() == Backlog(0, 0, 1, 0.0, 0)


@only_sqlite
def test_without_a_database_there_is_no_backlog(state: Readiness, gone: Path) -> None:
    assert state.backlog() is None
