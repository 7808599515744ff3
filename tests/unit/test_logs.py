"""Log lines: one line each, whatever is logged."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from matchmaker import logs

HOSTILE = "x\r\n2026 CRITICAL root: forged\x1b[2J\x00\x7f\u2028\x85y"

log = logging.getLogger("matchmaker.tests")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging and the hooks as pytest has them."""
    root, product = logging.getLogger(), logging.getLogger("matchmaker")
    handlers, levels, hooks = root.handlers[:], (root.level, product.level), (sys.excepthook, threading.excepthook)
    # Configuring closes the handlers it finds; pytest's are needed again.
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    product.setLevel(levels[1])
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_is_one_json_object_with_time_level_logger_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    log.warning("pump %s", 7, extra={"route": "/about"})
    (line,) = lines(capsys)
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "WARNING", "logger": "matchmaker.tests", "message": "pump 7", "route": "/about"}


@pytest.mark.parametrize("as_json", [True, False])
def test_control_characters_come_out_escaped(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    logs.configure(as_json=as_json)
    log.warning("%s", HOSTILE)
    (line,) = lines(capsys)
    assert line.isprintable()


def test_json_keeps_what_it_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    log.warning("%s", HOSTILE)
    assert json.loads(lines(capsys)[0])["message"] == HOSTILE


def test_a_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    try:
        raise ValueError("broken\nforged")
    except ValueError:
        log.exception("it broke")
    (line,) = lines(capsys)
    assert "ValueError: broken\nforged" in json.loads(line)["exc_info"]


def test_a_thread_that_ends_by_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    (line,) = lines(capsys)
    assert "ZeroDivisionError" in json.loads(line)["exc_info"]


def test_a_line_says_whose_request_it_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    token = logs.request_id.set("abc")
    log.warning("inside")
    logs.request_id.reset(token)
    log.warning("outside")
    inside, outside = map(json.loads, lines(capsys))
    assert (inside["request_id"], "request_id" in outside) == ("abc", False)


def test_the_server_s_own_lines_lose_what_was_searched_for(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    logging.getLogger("gunicorn.tests").error("Error handling request %s %s", "GET", "/offers?q=secret+recipe")
    assert json.loads(lines(capsys)[0])["message"] == "Error handling request GET /offers?…"


def test_commands_log_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=False)
    log.info("left out")
    log.warning("pump %s", 7)
    assert lines(capsys) == ["WARNING matchmaker.tests: pump 7"]
