"""Organisations: who may change what of them, what a change leaves beside it, and what happens at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from databases import only_postgresql
from flask import Flask
from sqlalchemy import event, func, select

from matchmaker.errors import Conflict, Forbidden, Invalid, NotFound
from matchmaker.policy import ANONYMOUS, SYSTEM, Actor, actor_of
from matchmaker.services import listings, membership, organisations
from matchmaker.services.listings import Imported, Origin
from matchmaker.transaction import transaction
from models import AuditEntry, Listing, Organisation, OutboxItem, User, db
from models.base import now

pytestmark = pytest.mark.usefixtures("app_context")

FIRM: dict[str, Any] = {
    "name": "Jua & Maji Works",
    "kind": "sme",
    "size_band": "10-49",
    "country": "KE",
    "website": "https://example.org",
    "description": "",
}
_numbers = count(1)


def somebody(organisation_id: int | None = None, *, owner: bool = False, role: str = "member") -> Actor:
    """An account with a confirmed address."""
    with transaction():
        user = User(
            email=f"somebody{next(_numbers)}@example.org",
            organisation_id=organisation_id,
            owner=owner,
            role=role,
            confirmed_at=now(),
        )
        db.session.add(user)
        db.session.flush()
        return actor_of(user)


def renewed(actor: Actor) -> Actor:
    """The actor with the rights of by now."""
    return actor_of(db.session.get_one(User, actor.user_id))


def founded(**given: Any) -> tuple[Actor, int]:
    """Somebody who has made an organisation, and its number."""
    founder = somebody()
    made = organisations.make(founder, {**FIRM, **given})
    return renewed(founder), made.id


def stored(organisation_id: int) -> Organisation:
    return db.session.get_one(Organisation, organisation_id)


def trail() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """What the audit tells of organisations."""
    query = select(AuditEntry).where(AuditEntry.thing_kind == "organisation").order_by(AuditEntry.id)
    return [(entry.action, entry.before, entry.after) for entry in db.session.scalars(query)]


def post(organisation_id: int, title: str = "Solar pump", **given: Any) -> int:
    return listings.publish(SYSTEM, "offer", {"title": title, **given}, stored(organisation_id)).id


def status(listing_id: int) -> str:
    return db.session.get_one(Listing, listing_id).status


def test_whoever_makes_an_organisation_owns_it() -> None:
    founder, organisation_id = founded()
    assert (founder.organisation_id, founder.owner) == (organisation_id, True)
    assert trail() == [("organisation.make", {}, {**FIRM, "owner": founder.user_id})]


def test_nobody_makes_a_second_organisation() -> None:
    founder, _ = founded()
    with pytest.raises(Conflict, match="Leave it"):
        organisations.make(founder, FIRM)


def test_a_visitor_makes_none() -> None:
    with pytest.raises(Forbidden):
        organisations.make(ANONYMOUS, FIRM)


def test_a_change_is_a_new_version_and_told_to_the_audit() -> None:
    founder, organisation_id = founded()
    organisations.edit(founder, organisation_id, 1, {**FIRM, "size_band": "50-249"})
    assert stored(organisation_id).version == 2
    assert trail()[1:] == [("organisation.edit", {"size_band": "10-49"}, {"size_band": "50-249"})]


def test_nothing_new_leaves_nothing_behind() -> None:
    founder, organisation_id = founded()
    organisations.edit(founder, organisation_id, 1, FIRM)
    assert stored(organisation_id).version == 1
    assert len(trail()) == 1


def test_a_stale_change_is_refused() -> None:
    founder, organisation_id = founded()
    organisations.edit(founder, organisation_id, 1, {**FIRM, "name": "Faster"})
    with pytest.raises(Conflict, match="Somebody else"):
        organisations.edit(founder, organisation_id, 1, {**FIRM, "name": "Slower"})
    assert stored(organisation_id).name == "Faster"


def test_a_new_country_reaches_the_indexes_of_public_listings() -> None:
    founder, organisation_id = founded()
    public = post(organisation_id)
    listings.withdraw(SYSTEM, post(organisation_id))
    with transaction():
        db.session.query(OutboxItem).delete()
    organisations.edit(founder, organisation_id, 1, {**FIRM, "country": "TZ"})
    assert list(db.session.scalars(select(OutboxItem.thing_id))) == [public]


DEEDS: dict[str, Callable[[Actor, int], Any]] = {
    "edit": lambda actor, id: organisations.edit(actor, id, 1, FIRM),
    "give a right": lambda actor, id: membership.set_owner(actor, id, 1, True),
    "remove a member": lambda actor, id: membership.remove(actor, id, 10_000),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("who", ["a visitor", "somebody without an organisation", "another owner"])
def test_strangers_learn_nothing(deed: str, who: str) -> None:
    _, organisation_id = founded()
    actors = {
        "a visitor": lambda: ANONYMOUS,
        "somebody without an organisation": somebody,
        "another owner": lambda: founded(name="Blue Loop")[0],
    }
    with pytest.raises(NotFound):
        DEEDS[deed](actors[who](), organisation_id)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("role", ["member", "moderator", "matchmaker"])
def test_members_and_staff_are_not_owners(deed: str, role: str) -> None:
    _, organisation_id = founded()
    actor = somebody(organisation_id if role == "member" else None, role=role)
    with pytest.raises(Forbidden):
        DEEDS[deed](actor, organisation_id)


def test_an_administrator_mends_any_organisation() -> None:
    _, organisation_id = founded()
    organisations.edit(somebody(role="administrator"), organisation_id, 1, {**FIRM, "name": "Mended"})
    assert stored(organisation_id).name == "Mended"


def test_a_right_that_was_taken_a_moment_ago_is_gone() -> None:
    founder, organisation_id = founded()
    second = somebody(organisation_id, owner=True)
    membership.set_owner(founder, organisation_id, second.user_id or 0, False)
    with pytest.raises(Forbidden):
        organisations.edit(second, organisation_id, 1, FIRM)


@pytest.mark.parametrize("id", [0, -1, 10_000, 2**31, 2**70])
def test_what_is_not_there_is_not_found(id: int) -> None:
    with pytest.raises(NotFound):
        organisations.find(id)
    with pytest.raises(NotFound):
        organisations.edit(somebody(role="administrator"), id, 1, FIRM)


# Verification


def test_a_verification_says_who_checked_what_and_when() -> None:
    _, organisation_id = founded()
    moderator = somebody(role="moderator")
    before = now()
    verified = organisations.verify(moderator, organisation_id, 1, ["register", "website"])
    assert verified.verified_at is not None
    assert verified.verified_at >= before
    assert (verified.verified_checks, verified.verified_by_id) == (["register", "website"], moderator.user_id)
    action, old, new = trail()[-1]
    assert (action, old["verified_checks"]) == ("organisation.verify", [])
    assert new["verified_checks"] == ["register", "website"]


@pytest.mark.parametrize("field", organisations.VERIFIED)
def test_a_change_of_what_was_checked_ends_the_verification(field: str) -> None:
    founder, organisation_id = founded()
    organisations.verify(somebody(role="moderator"), organisation_id, 1, ["register"])
    other = {"name": "Another", "country": "TZ", "website": None}[field]
    organisations.edit(founder, organisation_id, 2, {**FIRM, field: other})
    after = stored(organisation_id)
    assert (after.verified_at, after.verified_by_id, after.verified_checks) == (None, None, [])
    assert trail()[-1][1]["verified_checks"] == ["register"]


def test_a_change_of_the_rest_leaves_the_verification() -> None:
    founder, organisation_id = founded()
    organisations.verify(somebody(role="moderator"), organisation_id, 1, ["register"])
    organisations.edit(founder, organisation_id, 2, {**FIRM, "description": "Pumps", "size_band": None})
    assert stored(organisation_id).verified_at


def test_what_changed_since_it_was_read_is_not_verified() -> None:
    founder, organisation_id = founded()
    organisations.edit(founder, organisation_id, 1, {**FIRM, "name": "Bank of Kenya"})
    with pytest.raises(Conflict):
        organisations.verify(somebody(role="moderator"), organisation_id, 1, ["register"])


def test_a_verification_is_taken_back() -> None:
    _, organisation_id = founded()
    moderator = somebody(role="moderator")
    organisations.verify(moderator, organisation_id, 1, ["register"])
    organisations.unverify(moderator, organisation_id)
    assert stored(organisation_id).verified_at is None
    assert trail()[-1][0] == "organisation.unverify"


def test_owners_members_visitors_and_the_system_verify_nothing() -> None:
    founder, organisation_id = founded()
    for actor in (founder, somebody(organisation_id), somebody(), ANONYMOUS, SYSTEM):
        with pytest.raises(Forbidden):
            organisations.verify(actor, organisation_id, 1, ["register"])


def test_staff_do_not_verify_their_own_organisation() -> None:
    _, organisation_id = founded()
    with pytest.raises(Forbidden):
        organisations.verify(somebody(organisation_id, role="administrator"), organisation_id, 1, ["register"])


# Members


def test_ownership_is_given_and_taken() -> None:
    founder, organisation_id = founded()
    member = somebody(organisation_id)
    membership.set_owner(founder, organisation_id, member.user_id or 0, True)
    assert renewed(member).owner
    membership.set_owner(renewed(member), organisation_id, founder.user_id or 0, False)
    assert not renewed(founder).owner
    assert [action for action, _, _ in trail()[1:]] == ["organisation.give_ownership", "organisation.take_ownership"]
    assert trail()[-1][1:] == (
        {"user_id": founder.user_id, "owner": True},
        {"user_id": founder.user_id, "owner": False},
    )


def test_the_last_owner_stays_one() -> None:
    founder, organisation_id = founded()
    somebody(organisation_id)
    with pytest.raises(Conflict, match="needs an owner"):
        membership.set_owner(founder, organisation_id, founder.user_id or 0, False)
    with pytest.raises(Conflict, match="needs an owner"):
        membership.leave(founder, organisation_id)
    with pytest.raises(Conflict, match="needs an owner"):
        membership.remove(somebody(role="administrator"), organisation_id, founder.user_id or 0)
    assert renewed(founder) == founder


def test_whoever_is_removed_leaves_what_they_posted() -> None:
    founder, organisation_id = founded()
    member = somebody(organisation_id)
    listing = post(organisation_id)
    membership.remove(founder, organisation_id, member.user_id or 0)
    assert renewed(member).organisation_id is None
    assert status(listing) == "published"
    assert trail()[-1] == ("organisation.remove_member", {"user_id": member.user_id, "owner": False}, {})


def test_nobody_removes_themselves_or_somebody_else_s_member() -> None:
    founder, organisation_id = founded()
    stranger, _ = founded(name="Blue Loop")
    with pytest.raises(Invalid):
        membership.remove(founder, organisation_id, founder.user_id or 0)
    with pytest.raises(NotFound):
        membership.remove(founder, organisation_id, stranger.user_id or 0)
    with pytest.raises(NotFound):
        membership.set_owner(founder, organisation_id, stranger.user_id or 0, False)


def test_the_last_member_takes_the_listings_out_of_the_public() -> None:
    founder, organisation_id = founded()
    listing = post(organisation_id)
    membership.leave(founder, organisation_id)
    assert renewed(founder).organisation_id is None
    assert status(listing) == "withdrawn"


def test_whoever_left_may_make_another_one() -> None:
    founder, organisation_id = founded()
    membership.leave(founder, organisation_id)
    assert organisations.make(renewed(founder), FIRM).id != organisation_id


@pytest.mark.parametrize("who", ["stranger", "visitor"])
def test_members_are_seen_by_themselves_and_staff_only(who: str) -> None:
    founder, organisation_id = founded()
    for actor in (founder, somebody(organisation_id), somebody(role="matchmaker")):
        assert founder.user_id in [user.id for user in membership.members(actor, organisation_id)]
    with pytest.raises(NotFound):
        membership.members(somebody() if who == "stranger" else ANONYMOUS, organisation_id)


@only_postgresql
def test_two_owners_who_leave_at_the_same_moment_do_not_both_go(app_context: Flask) -> None:
    founder, organisation_id = founded()
    second = somebody(organisation_id, owner=True)
    somebody(organisation_id)
    db.session.commit()
    start = Barrier(2)

    def leave(actor: Actor) -> bool:
        with app_context.app_context():
            start.wait(timeout=30)
            try:
                membership.leave(actor, organisation_id)
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(leave, (founder, second))) == [False, True]


# The public page


def test_only_what_is_public_and_not_anonymous_is_shown() -> None:
    _, organisation_id = founded()
    shown = post(organisation_id)
    post(organisation_id, anonymous=True)
    listings.withdraw(SYSTEM, post(organisation_id))
    listings.draft(SYSTEM, "offer", {"title": "Draft"}, stored(organisation_id))
    page = organisations.public_listings(organisation_id, 1)
    assert [listing.id for listing in page.listings] == [shown]
    assert page.total == 1


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (2, 2), (0, 1), (99, 2)])
def test_many_listings_come_in_pages(asked: int, given: int) -> None:
    _, organisation_id = founded()
    for number in range(organisations.PAGE + 1):
        post(organisation_id, f"Pump {number}")
    page = organisations.public_listings(organisation_id, asked)
    assert (page.page, page.pages, page.total) == (given, 2, organisations.PAGE + 1)
    assert len(page.listings) == (organisations.PAGE if given == 1 else 1)


# Imports


def test_an_import_finds_its_organisation_again_whatever_it_calls_itself_by_now() -> None:
    with transaction():
        first = listings.organisation_named("Blue Loop", "sme", None)
    organisations.edit(somebody(role="administrator"), first.id, 1, {"name": "Blue Loop Ltd", "country": "KE"})
    with transaction():
        assert listings.organisation_named("Blue Loop", "sme", None) is first


def test_a_name_that_somebody_took_gets_them_no_imported_listing() -> None:
    _, organisation_id = founded()
    with transaction():
        imported = listings.organisation_named(FIRM["name"], "sme", FIRM["country"])
    assert imported.id != organisation_id


@only_postgresql
def test_two_imports_at_the_same_moment_make_an_organisation_once(app_context: Flask) -> None:
    both_looked = Barrier(2)
    looked = set()

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Both have found nothing before either stores anything."""
        if statement.startswith("INSERT INTO organisation"):
            both_looked.wait(timeout=30)

    def put(source: str) -> int | None:
        with app_context.app_context(), transaction():
            firm = listings.organisation_named("Blue Loop", "sme", "KE")
            looked.add(firm.id)
            row = Imported({"title": "Pump"}, firm, Origin(source, "1", None, None, "a"))
            return listings.put_imported(SYSTEM, "offer", source, [row])["added"]

    event.listen(db.engine, "before_cursor_execute", wait)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(put, ("one", "another"))) == [1, 1]
    assert db.session.scalar(select(func.count()).select_from(Organisation)) == 1
    assert len(looked) == 1
    assert db.session.scalar(select(func.count()).select_from(Listing)) == 2
