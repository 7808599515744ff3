"""What was given up, emptied or made by another model is mended or said, never silently missing."""

from __future__ import annotations

import shutil

import pytest
from flask import Flask

from matchmaker.policy import ANONYMOUS, SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import indexing, listings, matching, outbox
from matchmaker.transaction import transaction
from models import OutboxItem, db
from models.base import now
from search_index.embedders import HashingEmbedder
from search_index.local import LocalEngine


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    """An engine over one indexed offer."""
    found: LocalEngine = app_context.extensions["matchmaker"].engine
    values = listing_schema("offer").load({"title": "Solar pump for wells", "language": "en"})
    listings.publish(SYSTEM, "offer", values)
    indexing.drain(found, "tests")
    return found


def test_parked_work_is_taken_up_by_a_repair(engine: LocalEngine) -> None:
    with transaction():
        db.session.add(OutboxItem(topic="index", thing_id=1, attempts=10, parked_at=now(), last_error="no model"))
    assert indexing.drain(engine, "tests") == 0
    indexing.repair([])
    indexing.drain(engine, "tests")
    assert outbox.depth("index") == outbox.Depth(waiting=0, leased=0, parked=0)


def test_without_vectors_of_the_present_model_a_plain_search_answers_and_says_so(engine: LocalEngine) -> None:
    other = LocalEngine(HashingEmbedder(32), engine.generations, engine._open_keywords)
    page = matching.find(other, ANONYMOUS, "offer", text="solar")
    assert ([match.listing.title for match in page.matches], page.notices) == (["Solar pump for wells"], ("no_engine",))


@pytest.mark.parametrize(
    ("text", "total"),
    [('solar "pump for wells"', 1), ('solar "wells for pump"', 0), ("solar -wells", 0), ("solar wel*", 1), ("kiln", 0)],
)
def test_a_plain_search_heeds_what_must_stand_there_and_always_says_that_it_is_one(
    engine: LocalEngine, text: str, total: int
) -> None:
    other = LocalEngine(HashingEmbedder(32), engine.generations, engine._open_keywords)
    page = matching.find(other, ANONYMOUS, "offer", text=text)
    assert (page.total, page.notices) == (total, ("no_engine",))


def test_an_emptied_keyword_index_is_said_while_meaning_still_answers(engine: LocalEngine) -> None:
    shutil.rmtree(engine.generations.root)
    engine.generations.root.mkdir()
    twin = LocalEngine(engine.embedder, engine.generations, engine._open_keywords)
    page = matching.find(twin, ANONYMOUS, "offer", text="solar pump")
    assert (page.total, page.notices) == (1, ("no_keywords",))


def test_an_empty_catalogue_is_no_fault_of_the_engine(app_context: Flask) -> None:
    page = matching.find(app_context.extensions["matchmaker"].engine, ANONYMOUS, "offer", text="solar")
    assert (page.total, page.notices) == (0, ())


def test_an_anonymous_listing_does_not_tell_its_country_in_the_totals(app_context: Flask) -> None:
    with transaction():
        firm = listings.organisation_named("Hidden Works", "sme", "LU")
        values = listing_schema("offer").load({"title": "Quiet fan", "anonymous": True})
        listings.publish(SYSTEM, "offer", values, firm)
    assert listings.totals()["countries"] == 0
