"""What readers get while something is broken: what is left, and words that say so."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from catalogue import BRINE_PAGE, Market, opened
from databases import Database
from people import person
from sqlalchemy import event, text

from matchmaker.parts import Parts
from models import db
from search_index.embedders import HashingEmbedder
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Encoded

PAGES = ["/", "/offers", "/offers?q=salt+dye", BRINE_PAGE, "/offers/1/needs", "/needs?q=salt", "/offers.atom?q=salt"]
API = ["/api/v1/search?wanted=offer&q=salt", "/api/v1/completions?q=sa"]
NO_VECTORS, NO_KEYWORDS, NO_ENGINE = "Only shared words", "Only meaning", "Search is limited"


class Stalling(HashingEmbedder):
    """Does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.asked = 0

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        self.asked += 1
        self.go.wait()
        return super().encode(texts, progress)


@pytest.fixture
def market(sqlite: Database, tmp_path: Path) -> Iterator[Market]:
    """A filled marketplace of this test's own, to break; its database is a file."""
    with opened(sqlite, tmp_path) as market:
        yield market


@pytest.fixture
def engine(market: Market) -> LocalEngine:
    parts: Parts = market.app.extensions["matchmaker"]
    return parts.engine


@pytest.fixture
def database(market: Market) -> Path:
    """The file of the database."""
    return Path(market.app.instance_path) / "matchmaker.sqlite3"


@contextmanager
def broken(database: Path) -> Iterator[None]:
    """Another file stands where the database was, which is none."""
    away = database.parent / "away"
    away.mkdir()
    for file in database.parent.glob(f"{database.name}*"):
        file.rename(away / file.name)
    database.write_bytes(b"no database" * 1000)
    yield
    for file in away.iterdir():
        file.replace(database.parent / file.name)


def locked(market: Market, database: Path) -> sqlite3.Connection:
    """A connection that keeps everybody else out; they wait for a moment only."""
    with market.app.app_context():
        db.engine.dispose()

        @event.listens_for(db.engine, "connect")
        def _impatient(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA busy_timeout = 50")

    keeper = sqlite3.connect(database, isolation_level=None)
    keeper.execute("PRAGMA locking_mode = EXCLUSIVE")
    keeper.execute("BEGIN EXCLUSIVE")
    return keeper


class TestAStalledModel:
    @pytest.fixture
    def stalling(self, engine: LocalEngine) -> Iterator[Stalling]:
        engine.embedder, engine.encode_limit = Stalling(), 0.1
        yield engine.embedder
        engine.embedder.go.set()

    def test_the_page_compares_words_and_says_so(self, market: Market, stalling: Stalling) -> None:
        answer = market.ask("/offers?q=salt+dye")
        assert (answer.status_code, NO_VECTORS in answer.text) == (200, True)
        assert "Brine recovery" in answer.text

    def test_the_api_says_so(self, market: Market, stalling: Stalling) -> None:
        notices = market.ask("/api/v1/search?wanted=offer&q=salt").get_json()["notices"]
        assert [notice["code"] for notice in notices] == ["no_vectors"]

    def test_the_next_searches_do_not_wait_for_it(
        self, market: Market, engine: LocalEngine, stalling: Stalling
    ) -> None:
        market.ask("/offers?q=salt")
        engine.encode_limit = 60.0
        threads = threading.active_count()
        for _ in range(5):
            assert NO_VECTORS in market.ask("/offers?q=salt").text
        assert (stalling.asked, threading.active_count()) == (1, threads)

    def test_meaning_is_back_once_the_model_is(self, market: Market, stalling: Stalling) -> None:
        market.ask("/offers?q=salt")
        stalling.go.set()
        until = time.monotonic() + 10
        while NO_VECTORS in market.ask("/offers?q=salt").text:
            assert time.monotonic() < until

    def test_a_listing_of_stored_vectors_needs_no_model(self, market: Market, stalling: Stalling) -> None:
        assert NO_VECTORS not in market.ask(BRINE_PAGE).text
        assert stalling.asked == 0


@pytest.mark.parametrize("page", PAGES + API)
class TestTheKeywordIndex:
    def test_deleted_while_running_ends_no_page(self, market: Market, engine: LocalEngine, page: str) -> None:
        shutil.rmtree(engine.generations.root)
        assert market.ask(page).status_code == 200

    def test_corrupt_while_running_ends_no_page(self, market: Market, engine: LocalEngine, page: str) -> None:
        for file in engine.generations.current().iterdir():
            with file.open("r+b") as content:
                content.write(b"\xff" * file.stat().st_size)
        assert market.ask(page).status_code == 200

    def test_behind_a_pointer_to_nothing_ends_no_page(self, market: Market, engine: LocalEngine, page: str) -> None:
        (engine.generations.root / "CURRENT").write_text("nowhere")
        assert market.ask(page).status_code == 200

    def test_behind_a_folder_that_became_a_file_ends_no_page(
        self, market: Market, engine: LocalEngine, page: str
    ) -> None:
        shutil.rmtree(engine.generations.root)
        engine.generations.root.touch()
        assert market.ask(page).status_code == 200


def test_without_keywords_a_search_says_so(market: Market, engine: LocalEngine) -> None:
    (engine.generations.root / "CURRENT").write_text("nowhere")
    assert NO_KEYWORDS in market.ask("/offers?q=salt").text


def test_without_either_leg_a_search_says_so(market: Market, engine: LocalEngine) -> None:
    (engine.generations.root / "CURRENT").write_text("nowhere")
    engine.embedder, engine.encode_limit = Stalling(), 0.1
    answer = market.ask("/offers?q=salt")
    engine.embedder.go.set()
    assert (answer.status_code, NO_ENGINE in answer.text) == (200, True)


class TestADatabaseThatIsGone:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_page_says_what_happened_and_when_to_come_back(self, market: Market, database: Path, page: str) -> None:
        with broken(database):
            answer = market.ask(page)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert "The listings cannot be read just now" in answer.text
        assert "Try again in half a minute" in answer.text

    def test_a_page_says_so_to_somebody_signed_in(self, market: Market, database: Path) -> None:
        reader = person(market.app)
        with broken(database):
            answer = reader.get("/")
        assert (answer.status_code, "cannot be read just now" in answer.text) == (503, True)

    def test_the_api_says_so_in_its_form(self, market: Market, database: Path) -> None:
        with broken(database):
            answer = market.ask("/api/v1/search?wanted=offer&q=salt")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert set(answer.get_json()) == {"error", "fields"}
        assert "cannot be read just now" in answer.get_json()["error"]

    def test_it_is_logged_once_without_what_was_searched_for(
        self, market: Market, database: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with broken(database):
            market.ask("/offers?q=secret+recipe")
        told = [record for record in caplog.records if record.levelname == "ERROR"]
        assert [record.getMessage() for record in told] == ["the database does not answer: file is not a database"]
        assert "secret" not in caplog.text

    @pytest.mark.parametrize("page", PAGES + API)
    def test_the_next_request_after_it_came_back_is_answered(self, market: Market, database: Path, page: str) -> None:
        with broken(database):
            market.ask("/")
        assert market.ask(page).status_code == 200

    def test_a_missing_file_is_not_made_anew(self, market: Market, database: Path) -> None:
        market.ask("/")
        os.rename(database, database.with_suffix(".away"))
        assert market.ask("/").status_code == 503
        assert not database.exists()

    def test_a_file_put_in_its_place_is_read(self, market: Market, database: Path) -> None:
        with closing(sqlite3.connect(database)) as here, closing(sqlite3.connect(f"{database}.copy")) as copy:
            here.backup(copy)
            copy.execute("UPDATE listing SET title = 'Restored from a copy' WHERE id = 1")
            copy.commit()
        for name in (f"{database}-wal", f"{database}-shm"):
            Path(name).unlink(missing_ok=True)
        os.replace(f"{database}.copy", database)
        assert "Restored from a copy" in market.ask(BRINE_PAGE, follow_redirects=True).text

    def test_pages_that_need_no_listing_stay(self, market: Market, database: Path) -> None:
        with broken(database):
            assert market.ask("/about").status_code == 200


def test_a_locked_database_is_told_and_answers_once_it_is_free(market: Market, database: Path) -> None:
    with closing(locked(market, database)):
        answer = market.ask("/offers?q=salt")
    assert (answer.status_code, "cannot be read just now" in answer.text) == (503, True)
    assert market.ask("/offers?q=salt").status_code == 200


def test_a_fault_of_ours_in_a_statement_is_not_called_an_outage(market: Market) -> None:
    def fault() -> str:
        db.session.execute(text("INSERT INTO sequence (name, value) SELECT name, value FROM sequence"))
        return ""

    market.app.testing = False
    market.app.add_url_rule("/fault", view_func=fault)
    assert market.ask("/fault").status_code == 500
