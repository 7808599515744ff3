"""All needs at once get what each would find alone."""

from __future__ import annotations

import pytest
from flask import Flask

from matchmaker.parts import Parts
from matchmaker.policy import ANONYMOUS, SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import listings, matching, suggesting
from matchmaker.services.indexing import drain
from search_index.local import LocalEngine

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    """Filled with five offers and three needs."""
    parts: Parts = app_context.extensions["matchmaker"]
    for title in ("Solar pump for wells", "Lime kiln", "Brine recovery", "Pump with a solar drive", "Wind pump"):
        publish(title)
    for title in ("A solar pump for our wells", "Brine must be recovered", "Nothing of the kind"):
        publish(title, "need")
    drain(parts.engine, "w")
    return parts.engine


def publish(title: str, kind: str = "offer") -> int:
    return listings.publish(SYSTEM, kind, listing_schema(kind).load({"title": title})).id


def test_every_need_gets_what_a_search_for_it_finds(engine: LocalEngine) -> None:
    done: list[int] = []
    found = list(suggesting.suggestions(engine, 3, 0.2, done.append))
    assert sum(done) == suggesting.count_needs() == 3
    for need in {pair.need_id for pair in found}:
        page = matching.find(engine, ANONYMOUS, "offer", listing=listings.find(ANONYMOUS, need), per_page=3, fold=False)
        alone = [(match.listing.id, pytest.approx(match.hit.score, abs=1e-4), match.band) for match in page.matches]
        assert [(pair.offer_id, pair.score, pair.band) for pair in found if pair.need_id == need] == alone


def test_a_need_that_is_not_indexed_yet_waits(engine: LocalEngine) -> None:
    waiting = publish("Another solar pump", "need")
    assert waiting not in {pair.need_id for pair in suggesting.suggestions(engine, 3, 0.0, lambda _: None)}
