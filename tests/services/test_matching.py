"""The main way through: what is wanted goes in, ranked and explained listings come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from matchmaker.parts import Parts
from matchmaker.policy import ANONYMOUS, SYSTEM, Actor
from matchmaker.schemas import listing_schema
from matchmaker.services import explaining, indexing, listings, matching, outbox
from matchmaker.services.explaining import Verdict
from matchmaker.services.matching import LONGEST_TEXT, MatchPage
from matchmaker.transaction import transaction
from models import Listing, Organisation, db
from models.base import now
from search_index.embedders import HashingEmbedder
from search_index.errors import ModelUnusable
from search_index.evidence import Evidence
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Encoded

pytestmark = pytest.mark.usefixtures("app_context")
both_engines = pytest.mark.parametrize("keyword_index", ["tantivy", "whoosh"], indirect=True)

OFFER = "Solar pump that lifts water from deep wells"
NEED = "We look for a solar pump to lift water from our deep wells"


class Counting(HashingEmbedder):
    """Remembers what it was asked to encode."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        self.asked += texts
        return super().encode(texts, progress)


class Unusable(HashingEmbedder):
    """A model that is not there."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        raise ModelUnusable("The model is missing.")


@pytest.fixture
def engine(app_context: Flask) -> LocalEngine:
    parts: Parts = app_context.extensions["matchmaker"]
    return parts.engine


@pytest.fixture
def organisation() -> Organisation:
    with transaction():
        return listings.organisation_named("Blue Loop", "sme", "KE")


@pytest.fixture
def publish(engine: LocalEngine) -> Callable[..., int]:
    """Publishes a listing and makes it searchable."""

    def publish(title: str = OFFER, kind: str = "offer", who: Organisation | None = None, **values: Any) -> int:
        id = listings.publish(SYSTEM, kind, listing_schema(kind).load({"title": title, **values}), who).id
        indexing.drain(engine, "w")
        return id

    return publish


def ids(page: MatchPage) -> list[int]:
    return [match.listing.id for match in page.matches]


def read(id: int) -> Listing:
    return listings.find(SYSTEM, id)


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@both_engines
class TestFinding:
    def test_a_text_finds_what_answers_it_first(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish("Lime kiln with little smoke")
        best = publish()
        assert ids(matching.find(engine, ANONYMOUS, "offer", text=NEED))[0] == best

    def test_a_stored_need_finds_offers(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        offer, need = publish(), publish(NEED, "need")
        assert ids(matching.find(engine, ANONYMOUS, "offer", listing=read(need))) == [offer]

    def test_a_stored_offer_finds_needs(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        offer, need = publish(), publish(NEED, "need")
        assert ids(matching.find(engine, ANONYMOUS, "need", listing=read(offer))) == [need]

    def test_without_a_text_everything_comes_newest_first(
        self, engine: LocalEngine, publish: Callable[..., int]
    ) -> None:
        published = [publish(f"Solar pump {n}") for n in range(3)]
        assert ids(matching.find(engine, ANONYMOUS, "offer")) == published[::-1]

    def test_filters_narrow(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish(available_in=["DE"])
        kenya = publish(available_in=["KE"])
        page = matching.find(engine, ANONYMOUS, "offer", text=NEED, filters={"country": ("KE",)})
        assert (ids(page), page.facets["country"]) == ([kenya], {"DE": 1, "KE": 1})

    def test_pages_number_their_matches_through(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        for n in range(5):
            publish(f"Solar pump {n}")
        pages = [matching.find(engine, ANONYMOUS, "offer", page=n, per_page=2) for n in (1, 2, 3)]
        assert [match.rank for page in pages for match in page.matches] == [1, 2, 3, 4, 5]
        assert {(page.total, page.pages) for page in pages} == {(5, 3)}

    def test_a_page_past_the_last_is_empty(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish()
        page = matching.find(engine, ANONYMOUS, "offer", text=NEED, page=9)
        assert (page.matches, page.total, page.pages) == ((), 1, 1)

    def test_nothing_found_is_one_empty_page(self, engine: LocalEngine) -> None:
        page = matching.find(engine, ANONYMOUS, "offer", text=NEED)
        assert (page.matches, page.total, page.pages, page.notices) == ((), 0, 1, ())

    def test_what_is_too_weak_is_not_shown(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish("Zxqv")
        assert ids(matching.find(engine, ANONYMOUS, "offer", text=NEED)) == []

    def test_a_very_long_text_is_cut_with_a_notice(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        offer = publish()
        page = matching.find(engine, ANONYMOUS, "offer", text=NEED + " " * LONGEST_TEXT)
        assert (ids(page), page.notices) == ([offer], ("text_cut",))


class TestCost:
    def test_a_text_costs_one_encode_and_one_select(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        for n in range(4):
            publish(f"Solar pump {n}")
        engine.embedder = counting = Counting()
        with statements() as asked:
            page = matching.find(engine, ANONYMOUS, "offer", text="solar pump")
        assert (len(page.matches), len(counting.asked), len(asked)) == (4, 1, 1)

    def test_a_stored_listing_costs_no_encode(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish()
        need = read(publish(NEED, "need"))
        engine.embedder = counting = Counting()
        with statements() as asked:
            page = matching.find(engine, ANONYMOUS, "offer", listing=need)
        assert (len(page.matches), counting.asked) == (1, [])
        assert len(asked) == 2  # its own vector, and what was found

    def test_a_stored_listing_that_changed_since_is_encoded_once(
        self, engine: LocalEngine, publish: Callable[..., int]
    ) -> None:
        publish()
        id = publish("Something else", "need")
        with transaction():
            read(id).title = NEED
        engine.embedder = counting = Counting()
        assert len(matching.find(engine, ANONYMOUS, "offer", listing=read(id)).matches) == 1
        assert counting.asked == [NEED]


class TestWhoSeesWhat:
    def test_a_listing_withdrawn_since_is_not_shown_though_the_index_holds_it(
        self, engine: LocalEngine, publish: Callable[..., int]
    ) -> None:
        listings.withdraw(SYSTEM, publish())
        assert ids(matching.find(engine, ANONYMOUS, "offer", text=NEED)) == []

    @pytest.mark.parametrize("status", ["draft", "rejected", "archived"])
    def test_a_status_that_is_not_public_is_not_shown_to_staff_either(
        self, engine: LocalEngine, publish: Callable[..., int], status: str
    ) -> None:
        id = publish()
        with transaction():
            read(id).status = status
        assert ids(matching.find(engine, Actor("staff", 1, role="matchmaker"), "offer", text=NEED)) == []

    def test_an_anonymous_organisation_is_hidden_with_its_country(
        self, engine: LocalEngine, publish: Callable[..., int], organisation: Organisation
    ) -> None:
        publish(who=organisation, anonymous=True)
        page = matching.find(engine, ANONYMOUS, "offer", text=NEED)
        assert (page.matches[0].listing.organisation, page.matches[0].listing.country) == (None, None)
        assert page.facets["country"] == {}

    def test_its_own_people_and_staff_see_it(
        self, engine: LocalEngine, publish: Callable[..., int], organisation: Organisation
    ) -> None:
        publish(who=organisation, anonymous=True)
        for actor in (Actor("user", 7, organisation.id), Actor("staff", 1, role="matchmaker"), SYSTEM):
            page = matching.find(engine, actor, "offer", text=NEED)
            assert page.matches[0].listing.organisation == "Blue Loop"

    def test_an_organisation_that_is_not_anonymous_is_shown(
        self, engine: LocalEngine, publish: Callable[..., int], organisation: Organisation
    ) -> None:
        publish(who=organisation)
        (match,) = matching.find(engine, ANONYMOUS, "offer", text=NEED).matches
        assert (match.listing.organisation, match.listing.country) == ("Blue Loop", "KE")


class TestExplaining:
    def test_the_words_both_share_are_named(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish()
        (match,) = matching.find(engine, ANONYMOUS, "offer", text="pumps for wells").matches
        assert {term.word for term in match.evidence.terms} == {"pump", "wells"}

    def test_the_passages_that_agree_most_are_quoted(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish("A product of ours", description="We are from the coast.\n\nSolar pumps for deep wells.")
        (match,) = matching.find(engine, ANONYMOUS, "offer", text="solar pumps for deep wells").matches
        assert match.evidence.pairs[0].found == "Solar pumps for deep wells."

    def test_facts_of_a_stored_need_are_compared(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish(trl=5, available_in=["KE"])
        need = publish(NEED, "need", trl=7, wanted_in=["KE"])
        (match,) = matching.find(engine, ANONYMOUS, "offer", listing=read(need)).matches
        verdicts = {reason.fact: reason.verdict for reason in match.reasons}
        assert verdicts == {"available_in": Verdict.FITS, "trl": Verdict.DIFFERS, "ip": Verdict.UNKNOWN}

    def test_the_need_asks_whichever_side_is_searched(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        offer = publish(trl=8)
        publish(NEED, "need", trl=7)
        (match,) = matching.find(engine, ANONYMOUS, "need", listing=read(offer)).matches
        assert {reason.fact: reason.verdict for reason in match.reasons}["trl"] is Verdict.FITS

    def test_browsing_explains_nothing(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish()
        (match,) = matching.find(engine, ANONYMOUS, "offer").matches
        assert (match.band, match.evidence) == (None, Evidence())

    def test_the_band_is_that_of_the_score(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        publish()
        (match,) = matching.find(engine, ANONYMOUS, "offer", text=OFFER).matches
        assert match.band is explaining.band(match.hit.score)


class TestSimilar:
    def test_listings_of_the_same_kind_that_are_alike_are_found(
        self, engine: LocalEngine, publish: Callable[..., int]
    ) -> None:
        first, second = publish("Solar pump for deep wells"), publish("A solar pump, for the deepest of wells")
        for n in range(12):  # what is rare counts for more
            publish(f"Lime kiln number {n} fired with rice husks")
        publish("Solar pump wanted for deep wells", "need")
        assert [view.id for view in matching.similar(engine, ANONYMOUS, read(first))] == [second]

    def test_withdrawn_listings_are_not_shown(self, engine: LocalEngine, publish: Callable[..., int]) -> None:
        first, second = publish("Solar pump for deep wells"), publish("A solar pump, for the deepest of wells")
        listings.withdraw(SYSTEM, second)
        assert matching.similar(engine, ANONYMOUS, read(first)) == []


@both_engines
class TestDegrading:
    @pytest.fixture
    def broken(self, engine: LocalEngine, publish: Callable[..., int]) -> LocalEngine:
        """An engine whose keyword index is damaged, over one offer from Kenya and one from Germany."""
        publish(available_in=["KE"])
        publish("A solar pump to lift water, rented by the week", available_in=["DE"])
        (engine.generations.root / "CURRENT").write_text("nowhere")
        return engine

    def test_without_keywords_there_are_results_with_a_notice(self, broken: LocalEngine) -> None:
        page = matching.find(broken, ANONYMOUS, "offer", text=NEED)
        assert (len(page.matches), page.notices) == (2, ("no_keywords",))

    def test_without_the_model_there_are_results_with_a_notice(
        self, engine: LocalEngine, publish: Callable[..., int]
    ) -> None:
        publish()
        engine.embedder = Unusable()
        page = matching.find(engine, ANONYMOUS, "offer", text=NEED)
        assert (len(page.matches), page.notices) == (1, ("no_vectors",))

    def test_without_either_the_database_answers_with_a_notice(self, broken: LocalEngine) -> None:
        broken.embedder = Unusable()
        page = matching.find(broken, ANONYMOUS, "offer", text=NEED)
        assert (len(page.matches), page.notices) == (2, ("no_engine",))

    def test_the_database_keeps_to_the_filters(self, broken: LocalEngine) -> None:
        broken.embedder = Unusable()
        page = matching.find(broken, ANONYMOUS, "offer", text=NEED, filters={"country": ("KE",)})
        assert (page.total, [match.listing.id for match in page.matches]) == (1, [1])

    def test_the_database_keeps_to_the_words(self, broken: LocalEngine) -> None:
        broken.embedder = Unusable()
        assert matching.find(broken, ANONYMOUS, "offer", text="turbines 100% _").total == 0

    def test_the_database_shows_public_listings_only(self, broken: LocalEngine) -> None:
        broken.embedder = Unusable()
        listings.withdraw(SYSTEM, 1)
        assert ids(matching.find(broken, ANONYMOUS, "offer", text=NEED)) == [2]

    def test_the_database_shows_the_newest_first_page_by_page(self, broken: LocalEngine) -> None:
        broken.embedder = Unusable()
        with transaction():
            read(1).published_at = now() + timedelta(hours=1)
        pages = [matching.find(broken, ANONYMOUS, "offer", text=NEED, page=n, per_page=1) for n in (1, 2, 3)]
        assert [ids(page) for page in pages] == [[1], [2], []]

    def test_browsing_goes_on(self, broken: LocalEngine) -> None:
        broken.embedder = Unusable()
        page = matching.find(broken, ANONYMOUS, "offer")
        assert (ids(page), page.notices) == ([2, 1], ())

    def test_a_change_waits_in_the_outbox_until_the_index_is_mended(self, broken: LocalEngine) -> None:
        listings.withdraw(SYSTEM, 1)
        indexing.drain(broken, "w")
        assert outbox.depth("index").waiting == 1
        indexing.rebuild(broken, "w")
        assert ids(matching.find(broken, ANONYMOUS, "offer", text=NEED)) == [2]
