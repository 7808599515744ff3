"""What runs in processes of its own so that it can be killed: writers, workers, rebuilders, editors, a server."""

from __future__ import annotations

import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import flask_migrate
from databases import settings_in
from flask import Flask
from sqlalchemy import select

from matchmaker import api, create_app, parts, web, worker
from matchmaker.errors import Conflict
from matchmaker.policy import SYSTEM
from matchmaker.services import indexing, listings
from matchmaker.serving import serve
from models import Listing, db
from search_index.embedders import HashingEmbedder

#: What create_app imports is imported once; a process that is to be killed is a fork of that one.
PRELOADED = (api, flask_migrate, parts, web)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["processes"])
_WORDS = ("pump", "kiln", "solar", "brine", "digester", "turbine", "filter", "stove", "membrane", "compost")


def application(instance: Path) -> Flask:
    """The application over an instance, with vectors that cost nothing."""
    app = create_app(settings_in(instance, (instance / "url").read_text()), HashingEmbedder(), threads=1)
    # How fast a machine is decides no test.
    app.extensions["matchmaker"].engine.encode_limit = 60.0
    return app


@contextmanager
def opened(instance: Path) -> Iterator[Any]:
    """The engine of an instance, inside its application's context."""
    app = application(instance)
    with app.app_context():
        yield app.extensions["matchmaker"].engine
        db.session.remove()
        db.engine.dispose()


def started(what: Any, *arguments: Any) -> BaseProcess:
    """A process that runs one of these functions."""
    process = _FORKS.Process(target=what, args=arguments, daemon=True)
    process.start()
    return process


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Look until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"nothing came of it in {seconds} seconds"
        time.sleep(0.02)


def text(random: random.Random) -> str:
    """A title of a few words."""
    return " ".join(random.choice(_WORDS) for _ in range(4)).capitalize()


def write(instance: Path, seed: int, acknowledged: Path) -> None:
    """Publish, revise, withdraw, republish and delete for ever; each is noted once it is committed."""
    choose = random.Random(seed)
    with opened(instance), acknowledged.open("ab", buffering=0) as notes:
        while True:
            notes.write(f"{_one_write(choose)}\n".encode())


def _one_write(choose: random.Random) -> str:
    rows = db.session.execute(select(Listing.id, Listing.version, Listing.status)).all()
    db.session.rollback()
    if len(rows) < 10 or choose.random() < 0.2:
        listing = listings.publish(SYSTEM, "offer", {"title": text(choose)})
    else:
        id, version, status = choose.choice(rows)
        act = choose.random()
        if act < 0.1:
            listings.delete(SYSTEM, id, version)
            return f"{id} {version + 1} gone"
        if status == "withdrawn":
            listing = listings.publish_draft(SYSTEM, id, version)
        elif act < 0.3:
            listing = listings.withdraw(SYSTEM, id)
        else:
            listing = listings.revise(SYSTEM, id, version, {"title": text(choose), "trl": choose.randint(1, 9)})
    return f"{listing.id} {listing.version} {listing.status} {listing.title}"


def work(instance: Path) -> None:
    """A worker outside the server."""
    worker.run(application(instance), threading.Event())


def rebuild(instance: Path) -> None:
    """Write the indexes anew, again and again."""
    with opened(instance) as engine:
        while True:
            indexing.rebuild(engine, worker.name())


def edit(instance: Path, id: int, times: int, refused: Path) -> None:
    """Read a number out of a listing and write the next one, so often; what is refused is noted and done again."""
    with opened(instance), refused.open("ab", buffering=0) as notes:
        done = 0
        while done < times:
            listing = listings.find(SYSTEM, id)
            version, count = listing.version, int(listing.summary)
            db.session.rollback()
            try:
                listings.revise(SYSTEM, id, version, {"summary": str(count + 1)})
                done += 1
            except Conflict as conflict:
                notes.write(f"{conflict.status}\n".encode())


if __name__ == "__main__":
    serve(application(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]), with_worker=True, ready=lambda: None)
