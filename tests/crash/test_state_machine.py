"""Whatever is done in whatever order, with whatever crashes between: the indexes come to equal a model."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import processes
import pytest
from databases import Database
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from matchmaker.policy import SYSTEM
from matchmaker.services import indexing, listings, outbox
from matchmaker.services.following import Reader
from matchmaker.transaction import transaction
from models import db
from search_index.local import LocalEngine

TITLES = st.sampled_from(["Solar pump", "Lime kiln", "Brine filter", "Biogas stove"])


class KilledError(BaseException):
    """The end of a process, as far as its database and files can tell."""


class Market(RuleBasedStateMachine):
    """Listings as the model knows them: id to version, status and title."""

    migrated: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[int, tuple[int, str, str]] = {}

    @initialize()
    def open(self) -> None:
        self.left = ExitStack()
        folder = Path(self.left.enter_context(tempfile.TemporaryDirectory()))
        database = self.left.enter_context(self.migrated.clone(folder))
        (folder / "url").write_text(database.url)
        self.app = processes.application(folder)
        self.left.enter_context(self.app.app_context())
        self.left.callback(lambda: db.engine.dispose())
        self.left.callback(db.session.remove)
        self.engine: LocalEngine = self.app.extensions["matchmaker"].engine

    def teardown(self) -> None:
        if hasattr(self, "left"):
            with self.left:
                self.settle()

    def pick(self, data: st.DataObject, *statuses: str) -> int | None:
        able = sorted(id for id, (_, status, _) in self.known.items() if not statuses or status in statuses)
        return data.draw(st.sampled_from(able)) if able else None

    def note(self, listing: Any) -> None:
        self.known[listing.id] = (listing.version, listing.status, listing.title)

    @rule(title=TITLES, public=st.booleans())
    def create(self, title: str, public: bool) -> None:
        make = listings.publish if public else listings.draft
        self.note(make(SYSTEM, "offer", {"title": title}))

    @rule(title=TITLES, data=st.data())
    def revise(self, title: str, data: st.DataObject) -> None:
        if id := self.pick(data):
            self.note(listings.revise(SYSTEM, id, self.known[id][0], {"title": title}))

    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        if id := self.pick(data, "draft", "withdrawn"):
            self.note(listings.publish_draft(SYSTEM, id, self.known[id][0]))

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        if id := self.pick(data, "published"):
            self.note(listings.withdraw(SYSTEM, id))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if id := self.pick(data):
            listings.delete(SYSTEM, id, self.known.pop(id)[0])

    @rule(most=st.integers(1, 5))
    def work(self, most: int) -> None:
        indexing.handle_next(self.engine, "worker", most)

    @rule(point=st.sampled_from(["encode", "write", "after"]), most=st.integers(1, 5))
    def crash(self, point: str, most: int) -> None:
        """A worker dies before its words are written, after, or just before its transaction; its lease stays."""
        leased = outbox.lease("index", "killed", most)
        if leased is None:
            return
        twin = self.engine.empty_twin(self.engine.generations.root)
        write = twin.write

        def die(*arguments: Any) -> None:
            if point != "encode":
                write(*arguments)
            raise KilledError

        twin.write = die  # type: ignore[method-assign]
        with pytest.raises(KilledError):
            indexing._handle(twin, leased, None)
        db.session.rollback()

    @rule()
    def replay(self) -> None:
        with transaction():
            for id in reversed(self.known):
                outbox.enqueue("index", id)

    @rule()
    def rebuild(self) -> None:
        indexing.rebuild(self.engine, "rebuilder")

    @precondition(lambda self: self.known)
    @rule()
    def restart(self) -> None:
        """A new process over the same database and files."""
        self.engine = self.engine.empty_twin(self.engine.generations.root)

    @rule()
    def settle(self) -> None:
        """Once the leases of the dead ran out and the work is done, everything agrees."""
        db.session.execute(text("UPDATE outbox SET leased_until = '2000-01-01' WHERE leased_until IS NOT NULL"))
        db.session.commit()
        indexing.drain(self.engine, "worker")
        Reader.of(self.engine).pull(force=True)
        public = {id: version for id, (version, status, _) in self.known.items() if status == "published"}
        assert self.engine.keywords().versions() == public
        assert self.engine.vectors.versions() == public
        assert outbox.depth("index") == outbox.Depth(0, 0, 0)


def test_the_indexes_come_to_equal_a_model(migrated: Database, full: bool) -> None:
    Market.migrated = migrated
    much = settings(
        max_examples=60 if full else 6,
        stateful_step_count=40 if full else 20,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Market, settings=much)
