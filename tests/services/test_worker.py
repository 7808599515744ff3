"""The worker's round: it looks after the indexes when it starts and at night, and nothing ends it but the word."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from moderation import listing
from people import organisation, person

from matchmaker import worker
from matchmaker.policy import SYSTEM
from matchmaker.services import indexing, listings, outbox
from models import db
from search_index.local import LocalEngine

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    engine: LocalEngine = app_context.extensions["matchmaker"].engine
    listings.publish(SYSTEM, "offer", {"title": "Solar pump"})
    indexing.drain(engine, "before")
    return engine


class Rounds:
    """Tells the worker to stop after so many pauses, and does something in each."""

    def __init__(self, number: int, act: Callable[[], object] = lambda: None) -> None:
        self.left, self.act = number, act
        self.event = threading.Event()

    def is_set(self) -> bool:
        return self.event.is_set()

    def wait(self, _seconds: float) -> None:
        self.act()
        self.left -= 1
        if self.left <= 0:
            self.event.set()


def work(app: Flask, rounds: Rounds) -> None:
    db.session.rollback()
    worker.run(app, rounds)  # type: ignore[arg-type]


def empty(engine: LocalEngine) -> None:
    """Lose every word without owing anything."""
    engine.write([], [1])


def test_a_worker_that_starts_mends_what_differs(app_context: Flask, engine: LocalEngine) -> None:
    empty(engine)
    work(app_context, Rounds(2))
    assert indexing.differences(engine) == []


@pytest.mark.parametrize(("hour", "left"), [(1, 1), (2, 0), (23, 0)])
def test_the_check_is_made_from_two_in_the_night_on(
    app_context: Flask, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, hour: int, left: int
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 11, 25, hour, 30, tzinfo=UTC)

    monkeypatch.setattr(worker, "datetime", Clock)
    acts = iter([lambda: empty(engine)])
    work(app_context, Rounds(4, lambda: next(acts, lambda: None)()))
    assert len(indexing.differences(engine)) == left


def test_a_worker_goes_on_after_a_fault_and_tells_of_it_once(
    app_context: Flask, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> int:
        raise ValueError("the moon")

    monkeypatch.setattr(indexing, "handle_next", fail)
    with caplog.at_level(logging.ERROR, "matchmaker.worker"):
        work(app_context, Rounds(6))
    assert [record.message for record in caplog.records] == ["the worker stumbled and goes on"]


def test_what_a_worker_leaves_in_hand_is_given_back(app_context: Flask) -> None:
    listings.publish(SYSTEM, "offer", {"title": "Lime kiln"})
    outbox.lease("index", worker.name(), 10)
    worker.give_back(app_context, worker.name())
    assert outbox.depth("index").leased == 0


@pytest.mark.parametrize(("hour", "letters"), [(1, 0), (2, 1)])
def test_owners_are_asked_from_two_in_the_night_on_and_once(
    app_context: Flask, monkeypatch: pytest.MonkeyPatch, hour: int, letters: int
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 11, 25, hour, 30, tzinfo=UTC)

    monkeypatch.setattr(worker, "datetime", Clock)
    firm = organisation()
    owner = person(app_context, organisation_id=firm, owner=True)
    listing("published", owner.actor, moment=datetime(2026, 6, 1, tzinfo=UTC))
    work(app_context, Rounds(4))
    mailer = app_context.extensions["matchmaker"].mailer
    assert [message.recipient for message in mailer.sent] == [owner.email] * letters
