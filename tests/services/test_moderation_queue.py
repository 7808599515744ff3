"""The moderators' queue: the oldest first, in few queries, each item as the one who asks may treat it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from moderation import listing, read
from people import organisation, person
from sqlalchemy import event

from matchmaker.errors import NotFound
from matchmaker.policy import ANONYMOUS, SYSTEM, Actor
from matchmaker.services import listings, moderating, moderation_queue
from matchmaker.services.moderation_queue import Filters
from matchmaker.transaction import transaction
from models import Listing, db
from models.base import now


@pytest.fixture
def people(app: Flask) -> dict[str, Actor]:
    with app.app_context():
        firm = organisation()
    return {
        "ann": person(app, "moderator").actor,
        "bob": person(app, "moderator").actor,
        "owner": person(app, organisation_id=firm, owner=True).actor,
    }


@contextmanager
def queries() -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


def ids(actor: Actor, filters: Filters = Filters(), page: int = 1) -> list[int]:  # noqa: B008
    return [one.listing.id for one in moderation_queue.queue(actor, filters, page).waiting]


@pytest.mark.usefixtures("app_context")
class TestTheQueue:
    def test_the_oldest_comes_first_whatever_it_waits_for(self, people: dict[str, Actor]) -> None:
        young = listing(moment=now() - timedelta(days=1))
        old = listing("in_review", moment=now() - timedelta(days=9))
        edited = listing("published", people["owner"], moment=now() - timedelta(days=50))
        listings.revise(people["owner"], edited, 1, {"summary": "New"})
        assert ids(people["ann"]) == [old, young, edited]

    def test_an_edit_waits_since_what_was_read_was_replaced(self, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"], moment=now() - timedelta(days=50))
        listings.revise(people["owner"], id, 1, {"summary": "First"})
        first = moderation_queue.oldest()
        listings.revise(people["owner"], id, 2, {"summary": "Second"})
        assert moderation_queue.oldest() == first
        assert first
        assert first > now() - timedelta(minutes=1)

    @pytest.mark.parametrize(
        "status", ["draft", "changes_requested", "published", "stale", "archived", "rejected", "withdrawn"]
    )
    def test_what_does_not_wait_is_not_in_it(self, people: dict[str, Actor], status: str) -> None:
        listing(status)
        assert ids(people["ann"]) == []

    def test_imports_are_not_in_it_even_when_their_catalogue_changed_them(self, people: dict[str, Actor]) -> None:
        listing("published", source="catalogue", source_id="7", version=4)
        assert ids(people["ann"]) == []

    def test_it_says_what_the_rule_for_one_listing_says(self, people: dict[str, Actor]) -> None:
        made = [listing(status) for status in ("submitted", "in_review", "published", "stale", "rejected")]
        made += [listing(status, version=2) for status in ("published", "stale", "archived")]
        waiting = [id for id in made if moderation_queue.waits(read(id))]
        assert sorted(ids(people["ann"])) == waiting

    def test_it_can_be_narrowed(self, people: dict[str, Actor]) -> None:
        need = listing(kind="need")
        old = listing(moment=now() - timedelta(days=8))
        edited = listing("published", version=2)
        assert ids(people["ann"], Filters(kind="need")) == [need]
        assert ids(people["ann"], Filters(days=7)) == [old]
        assert ids(people["ann"], Filters(what="changed")) == [edited]
        assert moderation_queue.counts() == {("new", "need"): 1, ("new", "offer"): 1, ("changed", "offer"): 1}

    def test_who_reads_an_item_is_shown_until_half_an_hour_has_passed(self, people: dict[str, Actor]) -> None:
        held, lapsed = listing(), listing()
        moderating.claim(people["bob"], held)
        moderating.claim(people["bob"], lapsed)
        with transaction():
            read(lapsed).claimed_at = now() - timedelta(minutes=31)
        waiting = moderation_queue.queue(people["ann"], Filters()).waiting
        assert [one.reader for one in waiting] == ["A moderator", None]

    def test_what_the_own_organisation_posted_cannot_be_decided_on(self, people: dict[str, Actor]) -> None:
        listing(actor=people["owner"])
        own = Actor("staff", people["ann"].user_id, people["owner"].organisation_id, "moderator")
        assert [one.allowed for one in moderation_queue.queue(own, Filters()).waiting] == [False]

    @pytest.mark.parametrize("actor", [ANONYMOUS, Actor("user", 1), Actor("staff", 1, role="matchmaker")])
    def test_it_is_for_moderators_alone(self, actor: Actor) -> None:
        with pytest.raises(NotFound):
            moderation_queue.queue(actor, Filters())

    def test_two_thousand_items_cost_as_many_queries_as_one(self, people: dict[str, Actor]) -> None:
        start = now() - timedelta(days=30)
        with transaction():
            firm = listings.organisation_named("Jua", "sme", "KE")
            db.session.add_all(
                Listing(
                    kind="offer",
                    title=f"Pump {number}",
                    status="submitted",
                    organisation_id=firm.id,
                    submitted_at=start + timedelta(minutes=number),
                    claimed_by_id=people["bob"].user_id,
                    claimed_at=now(),
                )
                for number in range(2000)
            )
        db.session.expire_all()
        with queries() as asked:
            page = moderation_queue.queue(people["ann"], Filters(), 80)
            assert [one.listing.organisation.name for one in page.waiting if one.listing.organisation] == ["Jua"] * 25
            assert {one.reader for one in page.waiting} == {"A moderator"}
        assert (page.total, page.pages, page.waiting[-1].listing.title) == (2000, 80, "Pump 1999")
        assert len([text for text in asked if text.startswith("SELECT")]) <= 4

    def test_a_page_past_the_last_is_the_last(self, people: dict[str, Actor]) -> None:
        id = listing()
        assert ids(people["ann"], page=99) == [id]


@pytest.mark.usefixtures("app_context")
class TestNeighbours:
    def test_they_are_the_ones_before_and_after(self, people: dict[str, Actor]) -> None:
        first, second, third = (listing(moment=now() - timedelta(days=9 - n)) for n in range(3))
        assert moderation_queue.beside(people["ann"], second, Filters()) == (first, third)
        assert moderation_queue.beside(people["ann"], first, Filters()) == (None, second)
        assert moderation_queue.beside(people["ann"], third, Filters()) == (second, None)

    def test_what_others_read_and_the_own_organisation_posted_is_passed_over(self, people: dict[str, Actor]) -> None:
        first, held, own, last = listing(), listing(), listing(actor=people["owner"]), listing()
        moderating.claim(people["bob"], held)
        colleague = Actor("staff", people["ann"].user_id, people["owner"].organisation_id, "moderator")
        assert moderation_queue.beside(colleague, first, Filters()) == (None, last)
        assert moderation_queue.beside(people["ann"], first, Filters()) == (None, own)

    def test_from_what_does_not_wait_it_leads_to_the_first(self, people: dict[str, Actor]) -> None:
        waiting, done = listing(), listing("rejected")
        assert moderation_queue.beside(people["ann"], done, Filters()) == (None, waiting)
        assert moderation_queue.beside(SYSTEM, done, Filters()) == (None, waiting)


@pytest.mark.usefixtures("app_context")
def test_new_pictures_of_what_is_public_wait_too(people: dict[str, Actor]) -> None:
    id = listing("published", people["owner"], moment=now() - timedelta(days=50), created_at=now() - timedelta(days=50))
    assert not moderation_queue.pictures_changed(read(id))
    with transaction():
        listings.renew(people["owner"], listings.editable(people["owner"], id), "listing.add_image", {}, {"key": "x"})
    (waiting,) = moderation_queue.queue(people["ann"], Filters()).waiting
    assert waiting.what == "changed"
    assert waiting.since > now() - timedelta(minutes=1)
    assert moderation_queue.pictures_changed(read(id))
