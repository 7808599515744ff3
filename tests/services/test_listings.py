"""Listings: what a write leaves beside it, who finds what, and that a stopped worker gives its work back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from matchmaker.errors import Conflict, NotFound
from matchmaker.parts import Parts
from matchmaker.policy import ANONYMOUS, SYSTEM, Actor
from matchmaker.services import indexing, listings, outbox
from matchmaker.services.listings import Imported, Origin
from matchmaker.services.outbox import Depth
from matchmaker.transaction import transaction
from models import AuditEntry, Listing, Organisation, OutboxItem, db
from models.taxonomy import STATUSES
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Encoded

pytestmark = pytest.mark.usefixtures("app_context")

STAFF = Actor("staff", user_id=1, role="moderator")
PUMP: dict[str, Any] = {"title": "Solar pump", "trl": 7}


def organisation(name: str = "Blue Loop", country: str | None = "KE") -> Organisation:
    with transaction():
        return listings.organisation_named(name, "sme", country)


def member_of(organisation: Organisation) -> Actor:
    return Actor(user_id=7, organisation_id=organisation.id)


def draft(organisation: Organisation | None = None, status: str = "draft") -> int:
    with transaction():
        id = listings.publish(SYSTEM, "offer", PUMP, organisation).id
        db.session.get_one(Listing, id).status = status
        return id


def row(source_id: str = "7", hash: str = "a", who: Organisation | None = None, **values: Any) -> Imported:
    return Imported({**PUMP, **values}, who, Origin("register", source_id, None, None, hash))


def put(*rows: Imported, kind: str = "offer") -> dict[str, int]:
    return dict(listings.put_imported(SYSTEM, kind, "register", rows))


def stored(source_id: str = "7") -> Listing:
    return db.session.scalars(select(Listing).where(Listing.source_id == source_id)).one()


def counted() -> tuple[int, int, int]:
    """How many listings, audit entries and outbox items there are."""
    one, two, three = (
        db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Listing, AuditEntry, OutboxItem)
    )
    return one, two, three


def last_entry() -> AuditEntry:
    return db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


class StoppedEmbedder:
    """An embedder in whose first encode somebody presses Ctrl-C."""

    name = "stopped"

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        raise KeyboardInterrupt


class BrokenEmbedder:
    """An embedder without memory."""

    name = "broken"

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        raise MemoryError("no memory for the model")


def test_publishing_writes_the_listing_its_audit_entry_and_its_outbox_item() -> None:
    listings.publish(SYSTEM, "offer", PUMP)
    assert counted() == (1, 1, 1)


def test_a_refused_listing_leaves_nothing() -> None:
    with pytest.raises(IntegrityError):
        listings.publish(SYSTEM, "offer", PUMP | {"trl": 12})
    assert counted() == (0, 0, 0)


def test_a_refused_audit_entry_leaves_nothing() -> None:
    with pytest.raises(IntegrityError):
        listings.publish(Actor("ghost"), "offer", PUMP)  # type: ignore[arg-type]
    assert counted() == (0, 0, 0)


def test_a_new_listing_is_public() -> None:
    assert listings.publish(SYSTEM, "need", PUMP).status == "published"


def test_a_new_listing_is_of_version_one() -> None:
    assert listings.publish(SYSTEM, "need", PUMP).version == 1


def test_a_new_listing_belongs_to_its_organisation() -> None:
    mine = organisation()
    assert listings.publish(SYSTEM, "offer", PUMP, mine).organisation_id == mine.id


def test_the_outbox_item_of_a_new_listing_names_it() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP).id
    assert db.session.scalars(select(OutboxItem.thing_id)).all() == [id]


def test_the_audit_says_who_published() -> None:
    listings.publish(Actor("user", user_id=7), "offer", PUMP)
    entry = last_entry()
    assert (entry.actor_kind, entry.actor_id, entry.action) == ("user", 7, "listing.publish")


def test_a_new_row_is_added() -> None:
    assert put(row()) == {"added": 1}


def test_the_same_row_again_is_unchanged() -> None:
    put(row())
    assert put(row()) == {"unchanged": 1}


def test_an_unchanged_row_writes_nothing() -> None:
    put(row())
    put(row())
    assert counted() == (1, 1, 1)


def test_a_row_with_another_hash_is_changed() -> None:
    put(row())
    assert put(row(hash="b", trl=8)) == {"changed": 1}


def test_a_changed_row_changes_its_listing() -> None:
    put(row())
    put(row(hash="b", trl=8))
    assert stored().trl == 8


def test_a_changed_row_raises_the_version() -> None:
    put(row())
    put(row(hash="b", trl=8))
    assert stored().version == 2


def test_a_changed_row_keeps_the_listing_number() -> None:
    put(row())
    id = stored().id
    put(row(hash="b", trl=8))
    assert stored().id == id


def test_a_changed_row_leaves_an_audit_entry_and_an_outbox_item() -> None:
    put(row())
    put(row(hash="b", trl=8))
    assert counted() == (1, 2, 2)


def test_the_audit_holds_only_what_changed() -> None:
    put(row())
    put(row(hash="b", trl=8))
    assert (last_entry().before, last_entry().after) == ({"trl": 7}, {"trl": 8})


def test_the_audit_tells_that_a_listing_changed_hands() -> None:
    first, second = organisation("First"), organisation("Second")
    put(row(who=first))
    put(row(hash="b", who=second))
    entry = last_entry()
    assert (entry.before, entry.after) == ({"organisation_id": first.id}, {"organisation_id": second.id})


def test_dates_and_amounts_stand_in_the_audit_as_text() -> None:
    put(row(), kind="need")
    changes = {"deadline": date(2026, 1, 31), "budget_amount": Decimal("10.50"), "budget_currency": "EUR"}
    put(row(hash="b", **changes), kind="need")
    assert last_entry().after == {"deadline": "2026-01-31", "budget_amount": "10.50", "budget_currency": "EUR"}


def test_several_rows_are_counted_by_outcome() -> None:
    put(row("1"), row("2"))
    assert put(row("1"), row("2", hash="b", trl=8), row("3")) == {"unchanged": 1, "changed": 1, "added": 1}


def test_the_same_id_of_another_source_is_another_listing() -> None:
    put(row())
    other = Imported(PUMP, None, Origin("another", "7", None, None, "a"))
    assert dict(listings.put_imported(SYSTEM, "offer", "another", [other])) == {"added": 1}


def test_a_listing_cannot_come_back_as_the_other_kind() -> None:
    put(row())
    with pytest.raises(Conflict, match="'7' is already stored as offer, so it cannot become need"):
        put(row(hash="b"), kind="need")


def test_a_conflict_leaves_none_of_the_rows() -> None:
    put(row())
    with pytest.raises(Conflict):
        put(row("8"), row(hash="b"), kind="need")
    assert counted() == (1, 1, 1)


def test_a_withdrawn_listing_stays_withdrawn_when_its_row_changes() -> None:
    put(row())
    listings.withdraw(SYSTEM, stored().id)
    put(row(hash="b", trl=8))
    assert stored().status == "withdrawn"


def test_a_withdrawn_listing_is_in_the_database() -> None:
    id = draft(status="published")
    listings.withdraw(SYSTEM, id)
    assert db.session.get_one(Listing, id).status == "withdrawn"


def test_withdrawing_raises_the_version() -> None:
    assert listings.withdraw(SYSTEM, draft(status="published")).version == 2


def test_withdrawing_leaves_an_audit_entry_and_an_outbox_item() -> None:
    listings.withdraw(SYSTEM, draft(status="published"))
    assert counted() == (1, 2, 2)


def test_a_member_withdraws_a_listing_of_the_own_organisation() -> None:
    mine = organisation()
    assert listings.withdraw(member_of(mine), draft(mine, "published")).status == "withdrawn"


@pytest.mark.parametrize("actor", [ANONYMOUS, Actor(user_id=7, organisation_id=99)], ids=["a visitor", "a stranger"])
def test_nobody_else_withdraws_it(actor: Actor) -> None:
    id = draft(organisation(), "published")
    with pytest.raises(NotFound):
        listings.withdraw(actor, id)


def test_a_refused_withdrawal_leaves_no_trace() -> None:
    id = draft(organisation(), "published")
    with pytest.raises(NotFound):
        listings.withdraw(ANONYMOUS, id)
    assert counted() == (1, 1, 1)


@pytest.mark.parametrize("status", ["published", "stale"])
def test_everybody_finds_a_public_listing(status: str) -> None:
    id = draft(status=status)
    assert listings.find(ANONYMOUS, id).id == id


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("published", "stale")])
def test_a_visitor_finds_no_listing_that_is(status: str) -> None:
    id = draft(organisation(), status)
    with pytest.raises(NotFound):
        listings.find(ANONYMOUS, id)


@pytest.mark.parametrize("actor", [STAFF, SYSTEM], ids=["staff", "the system"])
def test_a_draft_is_found_by(actor: Actor) -> None:
    id = draft(organisation())
    assert listings.find(actor, id).id == id


def test_a_member_finds_a_draft_of_the_own_organisation() -> None:
    mine = organisation()
    id = draft(mine)
    assert listings.find(member_of(mine), id).id == id


def test_a_member_finds_no_draft_of_others() -> None:
    id = draft(organisation("Theirs"))
    with pytest.raises(NotFound):
        listings.find(member_of(organisation("Mine")), id)


def test_a_visitor_finds_no_draft_without_an_organisation() -> None:
    id = draft()
    with pytest.raises(NotFound):
        listings.find(ANONYMOUS, id)


def test_a_found_listing_comes_with_its_organisation() -> None:
    id = draft(organisation("Blue Loop"), "published")
    db.session.expunge_all()
    found = listings.find(ANONYMOUS, id).organisation
    assert found is not None
    assert found.name == "Blue Loop"


def test_an_offer_is_not_found_as_a_need() -> None:
    id = draft(status="published")
    with pytest.raises(NotFound):
        listings.find(ANONYMOUS, id, "need")


@pytest.mark.parametrize("id", [0, -1, -(2**63), -(10**40), 4711, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**40])
def test_no_listing_is_found_under(id: int) -> None:
    with pytest.raises(NotFound):
        listings.find(SYSTEM, id)


def test_without_listings_the_totals_are_nothing() -> None:
    assert listings.totals() == {"offers": 0, "needs": 0, "countries": 0}


def test_the_totals_count_what_is_public() -> None:
    kenya, chile = organisation("A", "KE"), organisation("B", "CL")
    listings.publish(SYSTEM, "offer", PUMP, kenya)
    listings.publish(SYSTEM, "offer", PUMP, kenya)
    listings.publish(SYSTEM, "need", PUMP, chile)
    draft(organisation("C", "VN"))
    assert listings.totals() == {"offers": 2, "needs": 1, "countries": 2}


def test_an_organisation_of_no_known_country_adds_none() -> None:
    listings.publish(SYSTEM, "offer", PUMP, organisation("A", None))
    assert listings.totals()["countries"] == 0


def published(day: int, kind: str = "offer") -> int:
    with transaction():
        listing = listings.publish(SYSTEM, kind, PUMP)
        listing.published_at = datetime(2025, 6, day, tzinfo=UTC)
        return listing.id


def test_the_newest_come_first() -> None:
    first, third, second = published(1), published(3), published(2)
    assert [listing.id for listing in listings.newest("offer", 5)] == [third, second, first]


def test_of_the_same_moment_the_higher_number_is_newer() -> None:
    first, second = published(1), published(1)
    assert [listing.id for listing in listings.newest("offer", 5)] == [second, first]


def test_the_newest_are_no_more_than_asked_for() -> None:
    published(1), published(2), published(3)
    assert len(listings.newest("offer", 2)) == 2


def test_the_newest_are_of_one_kind() -> None:
    published(1, "need")
    assert listings.newest("offer", 5) == []


def test_the_newest_are_public() -> None:
    draft()
    assert listings.newest("offer", 5) == []


def test_an_organisation_is_known_by_its_name_and_country() -> None:
    assert organisation("A", "KE").id == organisation("A", "KE").id


def test_an_organisation_of_no_known_country_is_known_by_its_name() -> None:
    assert organisation("A", None).id == organisation("A", None).id


def test_the_same_name_in_another_country_is_another_organisation() -> None:
    assert organisation("A", "KE").id != organisation("A", "TZ").id


def engine_of(app: Flask, embedder: StoppedEmbedder | BrokenEmbedder) -> LocalEngine:
    parts: Parts = app.extensions["matchmaker"]
    parts.engine.embedder = embedder
    return parts.engine


def test_a_worker_stopped_while_it_encodes_gives_its_work_back_at_once(app_context: Flask) -> None:
    listings.publish(SYSTEM, "offer", PUMP)
    engine = engine_of(app_context, StoppedEmbedder())
    with pytest.raises(KeyboardInterrupt):
        indexing.handle_next(engine, "first")
    assert outbox.lease("index", "second", 10) is not None


def test_work_that_was_stopped_counts_as_untried(app_context: Flask) -> None:
    listings.publish(SYSTEM, "offer", PUMP)
    engine = engine_of(app_context, StoppedEmbedder())
    with pytest.raises(KeyboardInterrupt):
        indexing.handle_next(engine, "first")
    assert db.session.scalars(select(OutboxItem.attempts)).all() == [0]


def test_work_that_failed_waits_for_its_next_try(app_context: Flask) -> None:
    listings.publish(SYSTEM, "offer", PUMP)
    indexing.handle_next(engine_of(app_context, BrokenEmbedder()), "first")
    assert outbox.depth("index") == Depth(waiting=1, leased=0, parked=0)


def test_work_that_failed_says_why(app_context: Flask) -> None:
    listings.publish(SYSTEM, "offer", PUMP)
    indexing.handle_next(engine_of(app_context, BrokenEmbedder()), "first")
    assert outbox.last_error("index") == "MemoryError: no memory for the model"


def revised(id: int, version: int, **values: Any) -> Listing:
    return listings.revise(SYSTEM, id, version, values)


def test_a_revision_is_the_next_version() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP).id
    assert (revised(id, 1, trl=8).version, db.session.get_one(Listing, id).trl) == (2, 8)


def test_a_revision_that_changes_nothing_is_no_version() -> None:
    listing = listings.publish(SYSTEM, "offer", PUMP)
    before = counted()
    assert (revised(listing.id, 1, title=listing.title).version, counted()) == (1, before)


def test_a_stale_revision_is_refused_in_words_that_say_what_to_do() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP).id
    revised(id, 1, trl=8)
    with pytest.raises(Conflict, match="at version 2, you read version 1") as refused:
        revised(id, 1, trl=5)
    assert (refused.value.status, db.session.get_one(Listing, id).trl) == (409, 8)


def test_nobody_revises_what_belongs_to_others() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP, organisation()).id
    with pytest.raises(NotFound):
        listings.revise(ANONYMOUS, id, 1, {"trl": 5})


def test_a_draft_is_owed_to_no_index() -> None:
    listings.draft(SYSTEM, "offer", PUMP)
    assert (counted()[0], outbox.depth("index").waiting) == (1, 0)


def test_a_published_draft_is_found_by_everybody() -> None:
    made = listings.draft(SYSTEM, "offer", PUMP)
    listings.publish_draft(SYSTEM, made.id, 1)
    assert listings.find(ANONYMOUS, made.id).version == 2
    assert outbox.depth("index").waiting == 1


def test_a_deleted_listing_is_gone_and_its_audit_stays() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP).id
    listings.delete(SYSTEM, id, 1)
    with pytest.raises(NotFound):
        listings.find(SYSTEM, id)
    assert (last_entry().action, last_entry().thing_id) == ("listing.delete", id)


def test_a_listing_that_changed_since_is_not_deleted() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP).id
    revised(id, 1, trl=8)
    with pytest.raises(Conflict):
        listings.delete(SYSTEM, id, 1)
    assert listings.find(SYSTEM, id).version == 2


def test_the_number_of_a_deleted_listing_is_not_used_again() -> None:
    id = listings.publish(SYSTEM, "offer", PUMP).id
    listings.delete(SYSTEM, id, 1)
    assert listings.publish(SYSTEM, "offer", PUMP).id > id
