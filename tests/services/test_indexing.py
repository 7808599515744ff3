"""From a change of a listing to both indexes, in any process, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from databases import application
from flask import Flask
from sqlalchemy import select, text

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import listings, outbox
from matchmaker.services.documents import document_of, encoded_of
from matchmaker.services.following import Reader
from matchmaker.services.indexing import Difference, differences, drain, handle_next, rebuild, repair
from matchmaker.transaction import transaction
from models import Embedding, Listing, Organisation, OutboxItem, db
from search_index.embedders import HashingEmbedder
from search_index.errors import IndexCorrupt, IndexLocked, ModelUnusable
from search_index.generations import Generations
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Encoded, Scope, SearchQuery

pytestmark = pytest.mark.usefixtures("app_context")
both_engines = pytest.mark.parametrize("keyword_index", ["tantivy", "whoosh"], indirect=True)


def publish(title: str = "Solar pump", kind: str = "offer", **values: Any) -> int:
    return listings.publish(SYSTEM, kind, listing_schema(kind).load({"title": title, **values})).id


def change(id: int, **values: Any) -> None:
    """Change a listing as services do: with a new version and an item owed."""
    with transaction():
        listing = db.session.get_one(Listing, id)
        for name, value in values.items():
            setattr(listing, name, value)
        listing.version += 1
        outbox.enqueue("index", id)


def engine_of(app: Flask) -> LocalEngine:
    parts: Parts = app.extensions["matchmaker"]
    return parts.engine


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    return engine_of(app_context)


@pytest.fixture
def other(app_context: Flask) -> Iterator[LocalEngine]:
    """The engine of another process over the same database and folder."""
    folder = Path(app_context.instance_path)
    keyword_index = next((folder / "search_index").iterdir()).name
    address = app_context.config["SQLALCHEMY_DATABASE_URI"]
    with application(folder, address, MATCHMAKER_KEYWORD_INDEX=keyword_index) as another:
        yield engine_of(another)


def found(engine: LocalEngine, text: str = "pump", kind: str = "offer") -> set[int]:
    """What a search by words finds once the engine has followed the database."""
    Reader.of(engine).pull(force=True)
    hits = engine.search(SearchQuery(Scope(kind), text, legs=frozenset({"keyword"}))).hits
    return {hit.id for hit in hits}


def near(engine: LocalEngine, text: str = "solar pump", kind: str = "offer") -> set[int]:
    """What a search by vectors finds."""
    Reader.of(engine).pull(force=True)
    return {hit.id for hit in engine.search(SearchQuery(Scope(kind), text, legs=frozenset({"vector"}))).hits}


def make_due() -> None:
    """Let every wait be over."""
    db.session.execute(text("UPDATE outbox SET available_at = '2000-01-01 00:00:00'"))


class Counting(HashingEmbedder):
    """Remembers what it was asked to encode."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        self.asked += texts
        return super().encode(texts, progress)


class Meanwhile(HashingEmbedder):
    """Does something while it encodes, once."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act: Callable[[], object] | None = act

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        act, self.act = self.act, None
        if act:
            act()
        return super().encode(texts, progress)


class Failing(HashingEmbedder):
    """Raises what it is given while that is set."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        if self.error:
            raise self.error
        return super().encode(texts, progress)


class Wrong(HashingEmbedder):
    """Gives vectors that no index can hold."""

    def __init__(self, vector: np.ndarray) -> None:
        super().__init__()
        self.vector = vector.astype(np.float32)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        return [Encoded(self.vector, self.vector[None, :], ((0, 1),)) for _ in texts]


@both_engines
class TestTheWayIn:
    def test_a_published_listing_is_found_once_it_is_handled(self, engine: LocalEngine) -> None:
        id = publish()
        assert found(engine) == set()
        assert handle_next(engine, "w") == 1
        assert (found(engine), near(engine)) == ({id}, {id})

    def test_a_withdrawn_listing_is_gone_once_it_is_handled(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        listings.withdraw(SYSTEM, id)
        drain(engine, "w")
        assert (found(engine), near(engine), engine.keywords().versions()) == (set(), set(), {})

    def test_a_changed_text_is_found_by_its_new_words_only(self, engine: LocalEngine) -> None:
        id = publish("Solar pump")
        drain(engine, "w")
        change(id, title="Lime kiln")
        drain(engine, "w")
        assert (found(engine, "pump"), found(engine, "kiln")) == (set(), {id})

    def test_a_deleted_listing_leaves_the_indexes(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        with transaction():
            db.session.delete(db.session.get_one(Listing, id))
            outbox.enqueue("index", id)
        drain(engine, "w")
        assert (found(engine), near(engine), differences(engine)) == (set(), set(), [])

    def test_a_listing_withdrawn_and_published_again_is_found(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        listings.withdraw(SYSTEM, id)
        drain(engine, "w")
        change(id, status="published")
        drain(engine, "w")
        assert (found(engine), near(engine)) == ({id}, {id})

    def test_handled_items_are_gone(self, engine: LocalEngine) -> None:
        publish()
        drain(engine, "w")
        assert db.session.scalars(select(OutboxItem)).all() == []

    def test_after_any_work_nothing_differs(self, engine: LocalEngine) -> None:
        ids = [publish(f"Solar pump {n}") for n in range(6)]
        drain(engine, "w")
        listings.withdraw(SYSTEM, ids[0])
        change(ids[1], trl=7)
        change(ids[2], title="Lime kiln")
        publish("Drip irrigation", "need")
        drain(engine, "w")
        assert differences(engine) == []

    def test_another_process_sees_the_change_after_its_pull(self, engine: LocalEngine, other: LocalEngine) -> None:
        kept, withdrawn = publish("Solar pump"), publish("Hand pump")
        drain(engine, "w")
        assert (found(other), near(other)) == ({kept, withdrawn}, {kept, withdrawn})
        listings.withdraw(SYSTEM, withdrawn)
        drain(engine, "w")
        assert (found(other), near(other)) == ({kept}, {kept})
        assert other.vectors.versions() == engine.vectors.versions() == {kept: 1}


class TestEncoding:
    def test_a_changed_text_is_encoded_again(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        engine.embedder = counting = Counting()
        change(id, title="Lime kiln")
        drain(engine, "w")
        assert counting.asked == ["Lime kiln"]

    def test_an_unchanged_text_is_not(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        engine.embedder = counting = Counting()
        change(id, trl=7)
        drain(engine, "w")
        assert counting.asked == []

    def test_a_change_of_facts_alone_reaches_the_filters(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        change(id, trl=7)
        drain(engine, "w")
        query = SearchQuery(Scope("offer", filters={"trl": ("7",)}), "pump")
        assert [hit.id for hit in engine.search(query).hits] == [id]

    def test_a_listing_owed_many_times_is_encoded_once(self, engine: LocalEngine) -> None:
        engine.embedder = counting = Counting()
        id = publish()
        for level in range(1, 6):
            change(id, trl=level)
        drain(engine, "w")
        assert len(counting.asked) == 1

    def test_another_model_encodes_everything_under_its_own_name(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        second = LocalEngine(HashingEmbedder(32), engine.generations, engine._open_keywords)
        rebuild(second, "w")
        assert near(second) == {id}
        assert set(db.session.scalars(select(Embedding.model))) == {"hashing-64", "hashing-32"}

    def test_progress_adds_up_to_the_listings_handled(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        change(id, trl=7)
        publish("Lime kiln")
        listings.withdraw(SYSTEM, publish("Hand pump"))
        heard: list[int] = []
        assert sum([handle_next(engine, "w", progress=heard.append), 0]) == sum(heard) == 3

    @pytest.mark.parametrize("title", ["太阳能水泵", "مضخة شمسية", "ß🌞 1", "x" * 256])
    def test_any_title_is_stored_with_parts_that_are_read_back(self, engine: LocalEngine, title: str) -> None:
        id = publish(title)
        drain(engine, "w")
        document = document_of(listings.find(SYSTEM, id))
        encoded = encoded_of(db.session.get(Embedding, (id, "hashing-64")), document)
        (expected,) = engine.embedder.encode([document.text])
        assert encoded
        assert encoded.vector == pytest.approx(expected.vector, abs=2e-3)
        assert encoded.parts.sum(0) == pytest.approx(expected.vector, abs=2e-3)
        assert encoded.spans == expected.spans

    def test_stored_vectors_of_another_text_are_not_used(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        change(id, title="Lime kiln")
        row = db.session.get(Embedding, (id, "hashing-64"))
        assert encoded_of(row, document_of(listings.find(SYSTEM, id))) is None


class TestDocuments:
    def test_an_anonymous_listing_leaves_no_trace_of_its_organisation(self) -> None:
        with transaction():
            organisation = Organisation(name="Blue Loop", country="KE")
            db.session.add(organisation)
            db.session.flush()
        for anonymous, countries in ((True, None), (False, ("KE",))):
            values = listing_schema("offer").load({"title": "Pump", "anonymous": anonymous})
            id = listings.publish(SYSTEM, "offer", values, organisation).id
            document = document_of(listings.find(SYSTEM, id))
            assert document.facets.get("country") == countries
            assert "Blue Loop" not in document.text

    def test_what_is_unknown_has_no_facet(self) -> None:
        assert document_of(listings.find(SYSTEM, publish())).facets == {"status": ("published",)}

    def test_every_fact_becomes_its_facet(self) -> None:
        id = publish(
            category="energy", trl=7, partnerships=["pilot"], sdgs=[7, 13], language="zh-Hans", available_in=["KE"]
        )
        assert document_of(listings.find(SYSTEM, id)).facets == {
            "category": ("energy",),
            "country": ("KE",),
            "trl": ("7",),
            "partnership": ("pilot",),
            "sdg": ("7", "13"),
            "language": ("zh",),
            "status": ("published",),
        }


class TestFailures:
    @pytest.mark.parametrize(
        "error", [ModelUnusable("no model"), RuntimeError("out of memory"), IndexLocked("locked"), ValueError("odd")]
    )
    def test_a_failure_gives_the_items_back_with_its_reason(self, engine: LocalEngine, error: Exception) -> None:
        publish()
        engine.embedder = Failing(error)
        handle_next(engine, "w")
        item = db.session.scalars(select(OutboxItem)).one()
        assert (item.attempts, item.last_error) == (1, f"{type(error).__name__}: {error}")

    def test_a_failure_is_not_tried_again_at_once(self, engine: LocalEngine) -> None:
        publish()
        engine.embedder = Failing(ModelUnusable("no model"))
        assert drain(engine, "w") == 1

    def test_after_ten_failures_the_item_is_parked(self, engine: LocalEngine) -> None:
        publish()
        engine.embedder = Failing(ModelUnusable("no model"))
        for _ in range(12):
            make_due()
            handle_next(engine, "w")
        item = db.session.scalars(select(OutboxItem)).one()
        assert (item.attempts, item.parked_at is None) == (10, False)

    def test_nothing_is_lost_when_the_model_comes_back(self, engine: LocalEngine) -> None:
        ids = {publish(f"Solar pump {n}") for n in range(5)}
        engine.embedder = failing = Failing(ModelUnusable("no model"))
        handle_next(engine, "w")
        failing.error = None
        make_due()
        drain(engine, "w")
        assert found(engine) == near(engine) == ids

    def test_a_parked_listing_is_mended_by_repair(self, engine: LocalEngine) -> None:
        id = publish()
        engine.embedder = failing = Failing(ModelUnusable("no model"))
        for _ in range(10):
            make_due()
            handle_next(engine, "w")
        failing.error = None
        repair(differences(engine))
        drain(engine, "w")
        assert found(engine) == {id}

    def test_one_listing_that_cannot_be_handled_does_not_hold_up_the_others(self, engine: LocalEngine) -> None:
        good, bad = publish("Solar pump"), publish("Poison")

        class Picky(HashingEmbedder):
            def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
                if any("Poison" in text for text in texts):
                    raise ValueError("this text breaks the tokenizer")
                return super().encode(texts, progress)

        engine.embedder = Picky()
        handle_next(engine, "w")
        assert found(engine) == {good}
        assert [item.thing_id for item in db.session.scalars(select(OutboxItem))] == [bad]

    @pytest.mark.parametrize(
        "vector", [np.full(64, np.nan), np.full(64, np.inf), np.ones(63)], ids=["NaN", "infinity", "another size"]
    )
    def test_vectors_that_no_index_can_hold_are_not_stored(self, engine: LocalEngine, vector: np.ndarray) -> None:
        kept = publish("Solar pump")
        drain(engine, "w")
        publish("Hand pump")
        engine.embedder = Wrong(vector)
        handle_next(engine, "w")
        engine.embedder = HashingEmbedder()
        assert near(engine) == {kept}
        assert db.session.scalars(select(OutboxItem)).one().attempts == 1

    def test_an_interruption_gives_the_items_back_untried(self, engine: LocalEngine) -> None:
        publish()
        engine.embedder = Failing(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            handle_next(engine, "w")
        item = db.session.scalars(select(OutboxItem)).one()
        assert (item.attempts, item.leased_by) == (0, None)


class TestRaces:
    def test_a_change_while_its_listing_is_encoded_is_not_lost(self, engine: LocalEngine) -> None:
        id = publish("Solar pump")
        engine.embedder = Meanwhile(lambda: change(id, title="Lime kiln"))
        drain(engine, "w")
        assert (found(engine, "pump"), found(engine, "kiln"), differences(engine)) == (set(), {id}, [])

    def test_a_worker_that_was_overtaken_does_not_leave_the_older_state(
        self, engine: LocalEngine, app_context: Flask
    ) -> None:
        id = publish("Solar pump")
        other = LocalEngine(HashingEmbedder(), engine.generations, engine._open_keywords)

        def overtake() -> None:
            def handle() -> None:
                with app_context.app_context():
                    change(id, title="Lime kiln")
                    drain(other, "second")

            thread = threading.Thread(target=handle)
            thread.start()
            thread.join()

        engine.embedder = Meanwhile(overtake)
        drain(engine, "first")
        assert (found(engine, "pump"), found(engine, "kiln"), differences(engine)) == (set(), {id}, [])

    def test_a_withdrawal_while_its_listing_is_encoded_holds(self, engine: LocalEngine) -> None:
        id = publish()
        engine.embedder = Meanwhile(lambda: listings.withdraw(SYSTEM, id))
        drain(engine, "w")
        assert (found(engine), near(engine), differences(engine)) == (set(), set(), [])

    def test_several_workers_share_the_work(self, engine: LocalEngine, app_context: Flask) -> None:
        ids = {publish(f"Solar pump {n}") for n in range(30)}
        handled: list[int] = []

        def work() -> None:
            with app_context.app_context():
                while number := handle_next(engine, "w", 4):
                    handled.append(number)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (sum(handled), set(engine.keywords().versions()), differences(engine)) == (30, ids, [])

    def test_readers_that_pull_at_the_same_time_agree(self, engine: LocalEngine, app_context: Flask) -> None:
        for n in range(20):
            publish(f"Solar pump {n}")
        drain(engine, "w")
        fresh = engine.empty_twin(engine.generations.root)

        def pull() -> None:
            with app_context.app_context():
                Reader.of(fresh).pull(force=True)

        threads = [threading.Thread(target=pull) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert fresh.vectors.versions() == engine.vectors.versions()


class TestReader:
    def test_a_new_process_reads_everything_at_its_first_pull(self, engine: LocalEngine) -> None:
        ids = {publish(f"Solar pump {n}") for n in range(5)}
        drain(engine, "w")
        assert near(engine.empty_twin(engine.generations.root)) == ids

    def test_a_pull_asks_at_most_once_a_second(self, engine: LocalEngine, other: LocalEngine) -> None:
        now = 100.0
        reader = Reader(other, clock=lambda: now)
        reader.pull()
        id = publish()
        drain(engine, "w")
        now += 0.9
        reader.pull()
        assert id not in other.vectors.versions()
        now += 0.2
        reader.pull()
        assert id in other.vectors.versions()

    def test_a_pull_of_tombstones_alone_is_fine(self, engine: LocalEngine, other: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        near(other)
        listings.withdraw(SYSTEM, id)
        drain(engine, "w")
        assert near(other) == set()

    def test_a_withdrawn_listing_that_is_not_handled_yet_is_not_loaded(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        listings.withdraw(SYSTEM, id)
        assert near(engine.empty_twin(engine.generations.root)) == set()

    def test_an_engine_has_one_reader(self, engine: LocalEngine) -> None:
        assert Reader.of(engine) is Reader.of(engine)


@both_engines
class TestRebuild:
    def test_a_rebuild_holds_every_public_listing(self, engine: LocalEngine) -> None:
        ids = {publish(f"Solar pump {n}") for n in range(3)}
        listings.withdraw(SYSTEM, publish("Hand pump"))
        assert rebuild(engine, "w") == 3
        assert (found(engine), near(engine), differences(engine)) == (ids, ids, [])

    def test_a_rebuild_of_nothing_is_fine(self, engine: LocalEngine) -> None:
        assert (rebuild(engine, "w"), differences(engine)) == (0, [])

    def test_a_rebuild_encodes_only_what_has_no_vector(self, engine: LocalEngine) -> None:
        publish("Solar pump")
        drain(engine, "w")
        publish("Lime kiln")
        engine.embedder = counting = Counting()
        rebuild(engine, "w")
        assert counting.asked == ["Lime kiln"]

    def test_a_change_between_the_check_and_the_swap_is_not_lost(self, engine: LocalEngine) -> None:
        id = publish("Solar pump")
        drain(engine, "w")

        class Slow(Generations):
            def use(self, folder: Path) -> None:
                change(id, title="Lime kiln")
                drain(engine.empty_twin(self.root), "second")
                super().use(folder)

        engine.generations = Slow(engine.generations.root)
        rebuild(engine, "w")
        assert (found(engine, "pump"), found(engine, "kiln"), differences(engine)) == (set(), {id}, [])

    def test_a_rebuild_mends_a_pointer_to_nowhere(self, engine: LocalEngine) -> None:
        id = publish()
        drain(engine, "w")
        (engine.generations.root / "CURRENT").write_text("g000099")
        with pytest.raises(IndexCorrupt):
            differences(engine)
        rebuild(engine, "w")
        assert (found(engine), differences(engine)) == ({id}, [])


@both_engines
class TestDifferences:
    @pytest.fixture
    def id(self, engine: LocalEngine) -> int:
        id = publish()
        drain(engine, "w")
        return id

    def test_what_is_owed_differs_until_it_is_handled(self, engine: LocalEngine, id: int) -> None:
        change(id, trl=7)
        assert differences(engine) == [Difference("vectors", id, 2, 1), Difference("keywords", id, 2, 1)]

    def test_a_listing_lost_from_the_keyword_index_is_found_and_mended(self, engine: LocalEngine, id: int) -> None:
        engine.write([], [id])
        assert differences(engine) == [Difference("keywords", id, 1, None)]
        repair(differences(engine))
        drain(engine, "w")
        assert (found(engine), differences(engine)) == ({id}, [])

    def test_a_lost_vector_is_found_and_mended(self, engine: LocalEngine, id: int) -> None:
        db.session.execute(text("DELETE FROM embedding"))
        assert differences(engine) == [Difference("vectors", id, 1, None)]
        repair(differences(engine))
        drain(engine, "w")
        assert (near(engine.empty_twin(engine.generations.root)), differences(engine)) == ({id}, [])

    def test_a_listing_that_should_have_left_is_found_and_mended(self, engine: LocalEngine, id: int) -> None:
        with transaction():
            db.session.get_one(Listing, id).status = "withdrawn"
        assert differences(engine) == [Difference("vectors", id, None, 1), Difference("keywords", id, None, 1)]
        repair(differences(engine))
        drain(engine, "w")
        assert (found(engine), differences(engine)) == (set(), [])
