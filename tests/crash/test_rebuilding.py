"""A rebuild beside edits and searches: no search fails, no edit is missing, and a killed rebuild changes nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import processes
from flask import Flask

from matchmaker.policy import ANONYMOUS, SYSTEM
from matchmaker.services import indexing, listings, matching
from matchmaker.services.listings import Imported, Origin
from models import db


def fill(number: int) -> list[int]:
    """Publish and index so many offers. Returns their ids."""
    choose = random.Random(7)
    rows = [
        Imported({"title": f"{processes.text(choose)} {n}"}, None, Origin("tests", str(n), None, None, "h"))
        for n in range(number)
    ]
    for start in range(0, number, 1000):
        listings.put_imported(SYSTEM, "offer", "tests", rows[start : start + 1000])
    return list(range(1, number + 1))


class Beside:
    """Threads that act again and again until the work they stand beside is done."""

    def __init__(self, app: Flask, *acts: Callable[[], None]) -> None:
        self.app, self.done, self.failed = app, threading.Event(), list[BaseException]()
        self.counts = [0] * len(acts)
        self.threads = [threading.Thread(target=self._run, args=(n, act)) for n, act in enumerate(acts)]

    def _run(self, number: int, act: Callable[[], None]) -> None:
        with self.app.app_context():
            while not self.done.is_set():
                try:
                    act()
                except BaseException as error:  # noqa: BLE001 - the test tells of it
                    self.failed.append(error)
                self.counts[number] += 1
            db.session.remove()

    def __enter__(self) -> Beside:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join()


def test_no_search_fails_across_rebuilds_while_listings_are_edited(instance: Path, full: bool) -> None:
    size, edits = (20_000, 500) if full else (600, 20)
    app = processes.application(instance)
    engine = app.extensions["matchmaker"].engine
    choose = random.Random(8)
    notices: set[str] = set()
    left = iter(range(edits))

    def search() -> None:
        page = matching.find(engine, ANONYMOUS, "offer", text=processes.text(choose))
        notices.update(page.notices)
        assert page.total > 0

    def edit() -> None:
        if next(left, None) is None:
            beside.done.wait(0.05)
            return
        listing = listings.find(SYSTEM, choose.choice(ids))
        listings.revise(SYSTEM, listing.id, listing.version, {"title": f"{processes.text(choose)} edited"})

    def work() -> None:
        if not indexing.handle_next(engine, "beside", 16):
            beside.done.wait(0.05)

    with app.app_context():
        ids = fill(size)
        indexing.drain(engine, "before")
        before = engine.generations.current()
        with Beside(app, search, edit, work) as beside:
            indexing.rebuild(engine, "rebuilding")
            processes.wait_for(lambda: beside.counts[1] > edits, 300)
        indexing.drain(engine, "after")
        print(f"{beside.counts[0]} searches, {edits} edits beside a rebuild of {size} listings, {beside.failed} failed")
        assert (beside.failed, notices) == ([], set())
        assert engine.generations.current() != before
        assert indexing.differences(engine) == []
        db.session.remove()
        db.engine.dispose()


def test_a_rebuild_killed_at_any_point_leaves_an_index_that_serves(instance: Path, full: bool) -> None:
    choose = random.Random(9)
    with processes.opened(instance) as engine:
        fill(300)
        indexing.drain(engine, "before")
        for _ in range(25 if full else 4):
            process = processes.started(processes.rebuild, instance)
            time.sleep(choose.uniform(0.05, 0.5))
            process.kill()
            process.join()
            engine.reopen()
            assert matching.find(engine, ANONYMOUS, "offer", text="pump").notices == ()
            assert indexing.differences(engine) == []
        assert indexing.rebuild(engine, "after") == 300
