"""Near-duplicates are found when a listing is indexed, and folded when it is found."""

from __future__ import annotations

import pytest
from flask import Flask

from matchmaker.parts import Parts
from matchmaker.policy import ANONYMOUS, SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import families, listings, matching, outbox
from matchmaker.services.following import Reader
from matchmaker.services.indexing import drain
from matchmaker.transaction import transaction
from models import Embedding, Listing, db
from search_index.local import LocalEngine

pytestmark = pytest.mark.usefixtures("app_context")

KILN = "A brick kiln that burns rice husks instead of firewood and needs half the fuel of a clamp"
PUMP = "A solar pump that lifts water from deep wells for gardens far from any power line in the hills"


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    parts: Parts = app_context.extensions["matchmaker"]
    return parts.engine


def publish(title: str, kind: str = "offer") -> int:
    return listings.publish(SYSTEM, kind, listing_schema(kind).load({"title": title})).id


def rewrite(id: int, title: str) -> None:
    with transaction():
        listing = db.session.get_one(Listing, id)
        listing.title = title
        listing.version += 1
        outbox.enqueue("index", id)


def repeats(id: int) -> int | None:
    return db.session.get_one(Embedding, (id, "hashing-64")).repeats_id


def family(id: int) -> int | None:
    return db.session.get_one(Embedding, (id, "hashing-64")).family


def found(engine: LocalEngine, text: str) -> list[tuple[int, list[int]]]:
    """The ids found, each with those folded under it."""
    page = matching.find(engine, ANONYMOUS, "offer", text=text)
    return [(match.listing.id, [other.id for other in match.folded]) for match in page.matches]


def test_a_listing_that_repeats_an_indexed_one_joins_its_family(engine: LocalEngine) -> None:
    first = publish(KILN)
    drain(engine, "w")
    second = publish(f"{KILN} of bricks")
    drain(engine, "w")
    assert (repeats(second), family(second)) == (first, family(first))


def test_repetitions_within_one_batch_are_found(engine: LocalEngine) -> None:
    ids = [publish(KILN), publish(PUMP), publish(f"{KILN}!"), publish(f"{KILN} indeed")]
    drain(engine, "w")
    assert [repeats(id) for id in ids] == [None, None, ids[0], ids[0]]
    assert len({family(id) for id in ids}) == 2


def test_other_words_for_a_like_thing_are_no_repetition(engine: LocalEngine) -> None:
    publish("A solar pump for the deep wells of the hills")
    other = publish("For wells of the deep hills: the pump, solar")
    drain(engine, "w")
    assert repeats(other) is None


def test_an_offer_never_repeats_a_need(engine: LocalEngine) -> None:
    publish(KILN, "need")
    offer = publish(KILN)
    drain(engine, "w")
    assert repeats(offer) is None


def test_a_listing_that_was_rewritten_leaves_its_family(engine: LocalEngine) -> None:
    first, second = publish(KILN), publish(KILN)
    drain(engine, "w")
    rewrite(second, PUMP)
    drain(engine, "w")
    assert (repeats(second), family(first) == family(second)) == (None, False)


def test_a_founder_who_leaves_does_not_take_the_others_along(engine: LocalEngine) -> None:
    first, second, third = publish(KILN), publish(KILN), publish(KILN)
    drain(engine, "w")
    rewrite(first, PUMP)
    drain(engine, "w")
    assert family(second) == family(third) != family(first)


def test_a_change_of_facts_alone_keeps_the_family(engine: LocalEngine) -> None:
    first, second = publish(KILN), publish(KILN)
    drain(engine, "w")
    with transaction():
        listing = db.session.get_one(Listing, second)
        listing.trl, listing.version = 7, listing.version + 1
        outbox.enqueue("index", second)
    drain(engine, "w")
    assert family(second) == family(first)


def test_near_duplicates_are_one_result_with_the_others_under_it(engine: LocalEngine) -> None:
    first, second, _ = publish(KILN), publish(KILN), publish(PUMP)
    drain(engine, "w")
    assert found(engine, "brick kiln that burns rice husks")[0] == (first, [second])


def test_browsing_folds_too(engine: LocalEngine) -> None:
    first, second, pump = publish(KILN), publish(KILN), publish(PUMP)
    drain(engine, "w")
    assert sorted(found(engine, "")) == [(second, [first]), (pump, [])]


def test_a_page_holds_families_and_the_total_counts_listings(engine: LocalEngine) -> None:
    for _ in range(7):
        publish(KILN)
    publish(PUMP)
    drain(engine, "w")
    page = matching.find(engine, ANONYMOUS, "offer", per_page=1)
    assert (page.total, page.families, page.pages, len(page.matches)) == (8, 2, 2, 1)


def test_what_is_not_named_is_counted(engine: LocalEngine) -> None:
    for _ in range(7):
        publish(KILN)
    drain(engine, "w")
    (match,) = matching.find(engine, ANONYMOUS, "offer", text=KILN).matches
    assert (len(match.folded), match.more_folded) == (matching.MOST_FOLDED, 6 - matching.MOST_FOLDED)


def test_another_process_folds_alike(engine: LocalEngine) -> None:
    first, second = publish(KILN), publish(KILN)
    drain(engine, "w")
    other = engine.empty_twin(engine.generations.root)
    Reader.of(other).pull()
    assert found(other, KILN) == found(engine, KILN) == [(first, [second])]


def test_repetitions_are_reported_with_what_they_repeat(engine: LocalEngine) -> None:
    first, second = publish(KILN), publish(f"{KILN}, too")
    drain(engine, "w")
    (told,) = families.repetitions()
    assert (told.listing_id, told.repeats_id, told.repeats_title) == (second, first, KILN)
    assert families.repetitions([first]) == []


def test_what_repeats_a_listing_that_left_is_not_reported(engine: LocalEngine) -> None:
    first, _ = publish(KILN), publish(KILN)
    drain(engine, "w")
    listings.withdraw(SYSTEM, first)
    drain(engine, "w")
    assert families.repetitions() == []
