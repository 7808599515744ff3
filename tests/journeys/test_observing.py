"""What whoever runs the product can see: health, readiness, log lines and figures, without what readers search for."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalogue import Market, opened
from databases import Database
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from matchmaker import create_app
from matchmaker.logs import request_id
from matchmaker.parts import Parts
from matchmaker.settings import Settings
from models import db
from search_index.embedders import HashingEmbedder

COMMAND = str(Path(sys.executable).parent / "matchmaker")
TOKEN = "0123456789abcdef-only-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECRET = "secret recipe"


@pytest.fixture
def watched(sqlite: Database, tmp_path: Path) -> Iterator[Market]:
    """A marketplace of this test's own whose figures may be read; its database is a file."""
    with opened(sqlite, tmp_path) as market:
        market.app.config["METRICS_TOKEN"] = TOKEN
        yield market


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def figures(market: Market) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    answer = market.ask("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def remove_database(market: Market) -> None:
    file = Path(market.app.instance_path) / "matchmaker.sqlite3"
    os.rename(file, file.with_suffix(".away"))


def break_all(market: Market) -> None:
    """Nothing that a search needs is left."""
    remove_database(market)
    parts: Parts = market.app.extensions["matchmaker"]
    (parts.engine.generations.root / "CURRENT").write_text("nowhere")


class TestHealth:
    def test_a_broken_process_is_alive_and_asks_nothing(self, watched: Market) -> None:
        break_all(watched)
        asked: list[Any] = []
        with watched.app.app_context():
            event.listen(db.engine, "do_connect", lambda *_: asked.append("connected"))
            event.listen(db.engine, "before_cursor_execute", lambda *_: asked.append("asked"))
        answer = watched.ask("/healthz")
        assert (answer.status_code, answer.text, asked) == (200, "ok\n", [])

    def test_a_process_with_everything_is_ready(self, watched: Market) -> None:
        answer = watched.ask("/readyz")
        assert answer.status_code == 200
        well = ("database", "migrations", "index", "keywords", "model")
        assert answer.get_json() == {"ready": True, "server": os.getppid(), **dict.fromkeys(well, "ok")}

    def test_what_is_not_ready_is_named(self, watched: Market) -> None:
        break_all(watched)
        answer = watched.ask("/readyz")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
        assert answer.get_json() == {
            "ready": False,
            "server": os.getppid(),
            "database": "does not answer",
            "migrations": "unknown",
            "index": "unknown",
            "keywords": "cannot be read; run matchmaker index rebuild",
            "model": "ok",
        }

    def test_it_gives_no_place_away(self, watched: Market) -> None:
        break_all(watched)
        assert watched.app.instance_path not in watched.ask("/readyz").text


class TestRequestIds:
    @pytest.mark.parametrize("given", ["abc", "0af7651916cd43dd8448eb211c80319c", "a.b_c-1", "x" * 64])
    def test_a_plain_one_is_kept(self, market: Market, given: str) -> None:
        assert market.ask("/about", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given

    @pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", '"a"', "<b>", "ä", "a;b", "{}", "%0a"])
    def test_any_other_is_replaced(self, market: Market, given: str) -> None:
        made = market.ask("/about", headers={"X-Request-ID": given}).headers["X-Request-ID"]
        assert made != given
        assert made.isalnum()
        assert len(made) == 16

    def test_each_request_has_its_own(self, market: Market) -> None:
        assert len({market.ask("/about").headers["X-Request-ID"] for _ in range(20)}) == 20

    @pytest.mark.parametrize("page", ["/nothing", "/static/app.css", "/api/v1/nothing", "/offers?q=" + "a" * 70_000])
    def test_answers_of_every_kind_have_one(self, market: Market, page: str) -> None:
        assert market.ask(page).headers["X-Request-ID"]

    def test_an_error_page_shows_it(self, market: Market) -> None:
        assert "quote abc" in market.ask("/nothing", headers={"X-Request-ID": "abc"}).text

    def test_it_ends_with_the_request(self, market: Market) -> None:
        market.ask("/about")
        assert request_id.get() == ""

    def test_threads_of_the_engine_know_it(self, watched: Market, caplog: pytest.LogCaptureFixture) -> None:
        heard: dict[str, str] = {}

        def hear(record: logging.LogRecord) -> bool:
            heard[record.getMessage().partition(":")[0]] = request_id.get()
            return True

        caplog.handler.addFilter(hear)
        parts: Parts = watched.app.extensions["matchmaker"]
        (parts.engine.generations.root / "CURRENT").write_text("nowhere")
        watched.ask("/offers?q=salt", headers={"X-Request-ID": "abc"})
        caplog.handler.removeFilter(hear)
        assert heard["keyword search failed"] == "abc"


class TestLogLines:
    def test_a_request_is_one_line(self, market: Market, lines: pytest.LogCaptureFixture) -> None:
        market.ask("/offers/1-other-words")
        (line,) = [vars(record) for record in lines.records if record.name == "matchmaker.requests"]
        told = {name: line[name] for name in ("method", "route", "status")}
        assert told == {"method": "GET", "route": "/<kind:kind>/<name:name>", "status": 301}
        assert line["milliseconds"] > 0

    @pytest.mark.parametrize(
        "address",
        ["/offers?q=", "/needs?q=", "/api/v1/search?wanted=offer&q=", "/nothing?q=", "/api/v1/completions?q="],
    )
    def test_what_is_searched_for_is_in_no_line(
        self, watched: Market, lines: pytest.LogCaptureFixture, address: str
    ) -> None:
        break_all(watched)
        watched.ask(address + SECRET)
        assert lines.records
        assert SECRET not in " ".join(str(vars(record)) for record in lines.records)

    def test_a_fault_in_a_statement_is_logged_without_its_values(
        self, watched: Market, lines: pytest.LogCaptureFixture
    ) -> None:
        def fault() -> str:
            again = text("INSERT INTO sequence (name, value) SELECT name, :value FROM sequence")
            db.session.execute(again, {"value": SECRET})
            return ""

        watched.app.testing = False
        watched.app.add_url_rule("/fault", view_func=fault)
        assert watched.ask("/fault").status_code == 500
        assert "IntegrityError" in lines.text
        assert SECRET not in lines.text

    @pytest.mark.parametrize("hostile", ["/%0a%7b%22level%22:1%7d", "/%1b[2J", "/forged%0d%0aCRITICAL"])
    def test_a_hostile_path_is_in_no_line(self, market: Market, lines: pytest.LogCaptureFixture, hostile: str) -> None:
        market.ask(hostile)
        (line,) = [vars(record) for record in lines.records if record.name == "matchmaker.requests"]
        assert (line["route"], line["status"]) == ("unknown", 404)

    def test_a_method_nobody_knows_is_not_repeated(self, market: Market, lines: pytest.LogCaptureFixture) -> None:
        market.ask("/about", method="FORGED")
        (line,) = [vars(record) for record in lines.records if record.name == "matchmaker.requests"]
        assert (line["method"], line["status"]) == ("other", 405)


class TestCommands:
    """The server and the worker as processes: every line on stderr is a JSON object."""

    def started(self, folder: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        environment = os.environ | {"MATCHMAKER_INSTANCE": str(folder / "instance"), "HF_HUB_OFFLINE": "1", **settings}
        return subprocess.Popen([COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, text=True)

    def ended(self, process: subprocess.Popen[str]) -> list[dict[str, Any]]:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        return [json.loads(line) for line in told.splitlines()]

    @pytest.mark.model
    def test_the_server(self, tmp_path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = self.started(tmp_path, "serve", PORT=str(port))
        assert process.stderr
        first = json.loads(process.stderr.readline())
        assert f"http://127.0.0.1:{port}" in first["message"]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/about?q=secret", headers={"X-Request-ID": "abc"})
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["X-Request-ID"] == "abc"
        with socket.create_connection(("127.0.0.1", port)) as hostile:
            hostile.sendall(b"GET /offers?q=secret HTTP/9.9\r\nX-Bad\x00: \x1b[2J\r\n\r\n")
            while hostile.recv(4096):
                pass
        lines = self.ended(process)
        (served,) = [line for line in lines if line.get("request_id") == "abc"]
        assert (served["route"], served["status"], served["level"]) == ("/about", 200, "INFO")
        assert "secret" not in str(lines)

    def test_the_worker(self, tmp_path: Path) -> None:
        process = self.started(tmp_path, "worker")
        assert process.stderr
        assert "waits for changes" in json.loads(process.stderr.readline())["message"]
        self.ended(process)


class TestMetrics:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer "},
            {"Authorization": TOKEN},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": "Bearer ä"},
        ],
    )
    def test_without_the_token_there_is_nothing_here(self, watched: Market, headers: dict[str, str]) -> None:
        assert watched.ask("/metrics", headers=headers).status_code == 404

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer"}, BEARER])
    def test_without_a_token_set_nobody_may_read_them(self, market: Market, headers: dict[str, str]) -> None:
        assert market.ask("/metrics", headers=headers).status_code == 404

    def test_the_setting_reaches_the_route(self, tmp_path: Path) -> None:
        environment = {"MATCHMAKER_INSTANCE": str(tmp_path), "MATCHMAKER_METRICS_TOKEN": TOKEN}
        app = create_app(Settings.from_environment(environment), HashingEmbedder())
        assert app.test_client().get("/metrics", headers=BEARER).status_code == 200

    def test_requests_are_counted_by_route_and_status(self, watched: Market) -> None:
        for page in (watched.address("brine"), watched.address("arabic"), "/offers/999", "/nothing", "/other"):
            watched.ask(page)
        found = figures(watched)
        counted = {key[1:]: value for key, value in found.items() if key[0] == "matchmaker_request_seconds_count"}
        assert counted == {
            ("/<kind:kind>/<name:name>", "200"): 2,
            ("/<kind:kind>/<name:name>", "404"): 1,
            ("unknown", "404"): 2,
        }

    def test_encodes_and_searches_are_timed(self, watched: Market) -> None:
        watched.ask("/offers?q=salt")
        found = figures(watched)
        assert (found["matchmaker_encode_seconds_count",], found["matchmaker_search_seconds_count",]) == (1, 1)

    def test_what_is_owed_is_told(self, watched: Market) -> None:
        watched.ask("/")
        found = figures(watched)
        assert {key: value for key, value in found.items() if "outbox" in key[0] or "database" in key[0]} == {
            ("matchmaker_database_up",): 1,
            ("matchmaker_outbox_items", "waiting"): 0,
            ("matchmaker_outbox_items", "leased"): 0,
            ("matchmaker_outbox_items", "parked"): 0,
            ("matchmaker_outbox_oldest_due_seconds",): 0,
        }
        assert found["matchmaker_index_lag_rows",] == 0

    def test_without_a_database_the_others_are_told(self, watched: Market) -> None:
        watched.ask("/about")
        remove_database(watched)
        found = figures(watched)
        assert found["matchmaker_database_up",] == 0
        assert found["matchmaker_request_seconds_count", "/about", "200"] == 1
        assert not [key for key in found if "outbox" in key[0] or "lag" in key[0]]

    def test_two_applications_share_no_figures(self, watched: Market, market: Market) -> None:
        market.ask("/about")
        assert not [key for key in figures(watched) if "/about" in key]
