"""What is kept of a listing's page never outlives what it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue import BRINE_PAGE, Market, opened
from databases import Database, counted_queries

from matchmaker.policy import SYSTEM
from matchmaker.services import indexing, listings
from search_index.errors import EngineDown

NEED = "A dye house wants its salt back"


@pytest.fixture
def market(migrated: Database, tmp_path: Path) -> Iterator[Market]:
    """The catalogue, its first listing read once, so that what belongs to its page is kept."""
    with opened(migrated, tmp_path) as market:
        assert NEED in market.ask(BRINE_PAGE).text
        yield market


def withdraw(market: Market) -> None:
    with market.app.app_context():
        listings.withdraw(SYSTEM, market.numbers["dye house"])


def test_a_second_reader_costs_no_search(market: Market) -> None:
    with counted_queries(market.app) as counted:
        market.ask(BRINE_PAGE)
    # The listing, its pictures, its organisation's logo, what changed, what is owed.
    assert len(counted) <= 5


def test_what_is_withdrawn_is_gone_before_the_indexes_know(market: Market) -> None:
    withdraw(market)
    assert NEED not in market.ask(BRINE_PAGE).text


def test_what_is_withdrawn_stays_gone_once_the_indexes_know(market: Market) -> None:
    withdraw(market)
    market.ask(BRINE_PAGE)
    with market.app.app_context():
        indexing.drain(market.app.extensions["matchmaker"].engine, "worker")
    assert NEED not in market.ask(BRINE_PAGE).text


def test_what_a_part_that_is_down_left_out_is_not_kept(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    market.app.extensions["fragments"].__init__()
    engine = market.app.extensions["matchmaker"].engine
    with monkeypatch.context() as patch:
        patch.setattr(engine, "search", _down)
        assert "Search is limited just now" in market.ask(BRINE_PAGE).text
    assert "Search is limited just now" not in market.ask(BRINE_PAGE).text


def _down(*_: object) -> None:
    raise EngineDown("gone")
