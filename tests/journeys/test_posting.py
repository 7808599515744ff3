"""Posting as a browser without JavaScript does it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from catalogue import Market, opened
from databases import Database
from people import Person, organisation, person

from matchmaker.policy import SYSTEM
from matchmaker.services import listings
from models import AuditEntry, Listing, Organisation, db


@pytest.fixture(scope="module")
def market(migrated: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The catalogue, with two organisations that have members."""
    with opened(migrated, tmp_path_factory.mktemp("posting")) as market:
        yield market


@pytest.fixture(scope="module")
def firm(market: Market) -> int:
    with market.app.app_context():
        return organisation("Blue Loop", country="KE", kind="sme")


@pytest.fixture(scope="module")
def amina(market: Market, firm: int) -> Person:
    """An owner of Blue Loop."""
    return person(market.app, organisation_id=firm, owner=True)


@pytest.fixture(scope="module")
def stranger(market: Market) -> Person:
    """An owner of another organisation."""
    with market.app.app_context():
        other = organisation("Grey Loop")
    return person(market.app, organisation_id=other, owner=True)


WHAT = {"title": "Solar pump with a memory", "summary": "Lifts water with the sun and remembers.", "language": "en"}


def draft(amina: Person, kind: str = "offers", **more: str) -> str:
    """The address of a new draft, such as /offers/12."""
    answer = amina.post(f"/post/{kind}", WHAT | more)
    assert answer.status_code == 302, answer.text
    return answer.location.removesuffix("/edit")


def stored(market: Market, address: str) -> Listing:
    return db.session.get_one(Listing, int(address.rsplit("/", 1)[1]))


def version(market: Market, address: str) -> str:
    with market.app.app_context():
        return str(stored(market, address).version)


def fill(market: Market, amina: Person, address: str, page: str, **boxes: str) -> int:
    answer = amina.post(f"{address}/edit/{page}", boxes | {"version": version(market, address)})
    return answer.status_code


def test_a_draft_is_made_from_its_first_page(market: Market, amina: Person, firm: int) -> None:
    address = draft(amina)
    with market.app.app_context():
        listing = stored(market, address)
        assert (listing.status, listing.organisation_id, listing.created_by_id) == ("draft", firm, amina.id)


def test_without_an_organisation_one_is_asked_for_first(market: Market) -> None:
    answer = person(market.app).post("/post/offers", WHAT)
    assert answer.location == "/organisation/new"


def test_without_an_account_one_signs_in_first(market: Market) -> None:
    answer = market.ask("/post/offers")
    assert answer.status_code == 302
    assert answer.location.startswith("/account/sign-in?next=")


def test_a_first_page_without_a_title_says_so_and_keeps_the_rest(amina: Person) -> None:
    answer = amina.post("/post/offers", WHAT | {"title": " "})
    assert answer.status_code == 422
    assert "Give a title with at least one letter or digit." in answer.text
    assert WHAT["summary"] in answer.text


@pytest.mark.parametrize("field", ["status", "version", "organisation_id", "reviewed_version", "source", "sample"])
def test_a_form_sets_only_what_its_page_asks(market: Market, amina: Person, field: str) -> None:
    address = draft(amina)
    with market.app.app_context():
        before = getattr(stored(market, address), field)
    fill(market, amina, address, "field", category="water", **({field: "9"} if field != "version" else {}))
    with market.app.app_context():
        listing = stored(market, address)
        assert listing.category == "water"
        assert getattr(listing, field) == (2 if field == "version" else before)


def test_pages_are_filled_in_any_order(market: Market, amina: Person) -> None:
    address = draft(amina)
    assert fill(market, amina, address, "readiness", trl="7", available_in="Kenya, tz") == 302
    assert fill(market, amina, address, "field", subcategory="irrigation", keywords="pump, sun") == 302
    with market.app.app_context():
        listing = stored(market, address)
        assert (listing.trl, listing.available_in, listing.category) == (7, ["KE", "TZ"], "farming-forestry")


def test_the_task_list_says_what_is_missing_and_what_it_matches(market: Market, amina: Person) -> None:
    page = amina.get(f"{draft(amina)}/edit").text
    assert "Readiness level" in page
    assert "Matches" in page


@pytest.mark.parametrize("page", ["what", "field", "advantage", "readiness", "protection", "terms"])
def test_every_page_of_an_offer_opens(amina: Person, page: str) -> None:
    assert amina.get(f"{draft(amina)}/edit/{page}").status_code == 200


@pytest.mark.parametrize("page", ["what", "problem", "field", "place", "terms"])
def test_every_page_of_a_need_opens(amina: Person, page: str) -> None:
    assert amina.get(f"{draft(amina, 'needs')}/edit/{page}").status_code == 200


def test_a_page_there_is_not_is_not_found(amina: Person) -> None:
    assert amina.get(f"{draft(amina)}/edit/wishes").status_code == 404


def test_a_stale_page_is_refused_and_keeps_what_was_typed(market: Market, amina: Person) -> None:
    address = draft(amina)
    fill(market, amina, address, "field", category="water")
    answer = amina.post(f"{address}/edit/what", WHAT | {"title": "Typed meanwhile", "version": "1"})
    assert answer.status_code == 409
    assert "Typed meanwhile" in answer.text
    assert 'name="version" value="2"' in answer.text


def test_a_page_without_a_version_is_refused(amina: Person) -> None:
    assert amina.post(f"{draft(amina)}/edit/what", WHAT).status_code == 422


def test_a_preview_shows_markdown_and_stores_nothing(market: Market, amina: Person) -> None:
    address = draft(amina)
    boxes = WHAT | {"description": "**bold** <script>alert(1)</script>", "preview": "yes", "version": "1"}
    page = amina.post(f"{address}/edit/what", boxes).text
    assert "<strong>bold</strong> &lt;script&gt;" in page
    with market.app.app_context():
        assert stored(market, address).description == ""


def test_what_lacks_a_category_is_not_sent(market: Market, amina: Person) -> None:
    address = draft(amina)
    answer = amina.post(f"{address}/submit", {"version": "1"}, follow_redirects=True)
    assert "Every listing needs these first" in answer.text
    with market.app.app_context():
        assert stored(market, address).status == "draft"


def sent(market: Market, amina: Person) -> str:
    """The address of a listing that waits for moderators."""
    address = draft(amina)
    fill(market, amina, address, "field", category="water")
    assert amina.post(f"{address}/submit", {"version": "2"}).status_code == 302
    return address


def test_what_is_sent_waits_and_leaves_an_audit_entry(market: Market, amina: Person) -> None:
    address = sent(market, amina)
    with market.app.app_context():
        listing = stored(market, address)
        entry = db.session.scalars(
            db.select(AuditEntry).where(AuditEntry.thing_id == listing.id).order_by(AuditEntry.id.desc())
        ).first()
        assert entry
        assert (listing.status, entry.action, entry.actor_id) == ("submitted", "listing.submit", amina.id)


def test_what_waits_is_not_changed(market: Market, amina: Person) -> None:
    address = sent(market, amina)
    assert fill(market, amina, address, "field", category="energy") == 409


def test_what_waits_can_be_taken_back(market: Market, amina: Person) -> None:
    address = sent(market, amina)
    amina.post(f"{address}/take-back", {"version": version(market, address)})
    assert fill(market, amina, address, "field", category="energy") == 302


def published(market: Market, amina: Person) -> str:
    """The address of a public listing of Blue Loop."""
    address = draft(amina)
    with market.app.app_context():
        listing = stored(market, address)
        listings.publish_draft(SYSTEM, listing.id, listing.version)
    return address


def test_an_edit_of_a_public_listing_keeps_what_it_said(market: Market, amina: Person) -> None:
    address = published(market, amina)
    fill(market, amina, address, "what", **WHAT | {"title": "Solar pump without a memory"})
    assert "Solar pump with a memory" in amina.get(f"{address}/versions/2").text


def test_a_draft_keeps_no_versions(market: Market, amina: Person) -> None:
    address = draft(amina)
    fill(market, amina, address, "what", **WHAT | {"title": "Another"})
    assert amina.get(f"{address}/versions/1").status_code == 404


@pytest.mark.parametrize("what", ["", "/edit", "/edit/what", "/check", "/versions", "/versions/1"])
def test_the_draft_of_others_is_not_there(market: Market, amina: Person, stranger: Person, what: str) -> None:
    assert stranger.get(f"{draft(amina)}{what}").status_code == 404


@pytest.mark.parametrize("what", ["edit", "edit/what", "check", "versions"])
def test_the_public_listing_of_others_cannot_be_changed(
    market: Market, amina: Person, stranger: Person, what: str
) -> None:
    assert stranger.get(f"{published(market, amina)}/{what}").status_code == 404


@pytest.mark.parametrize("what", ["edit/what", "submit", "take-back", "confirm", "withdraw", "delete"])
def test_nothing_of_others_is_moved(market: Market, amina: Person, stranger: Person, what: str) -> None:
    address = published(market, amina)
    assert stranger.post(f"{address}/{what}", WHAT | {"version": "2"}).status_code == 404
    with market.app.app_context():
        assert (stored(market, address).status, stored(market, address).version) == ("published", 2)


def test_what_is_withdrawn_leaves_the_public(market: Market, amina: Person) -> None:
    address = published(market, amina)
    amina.post(f"{address}/withdraw")
    assert market.ask(address).status_code == 404
    assert amina.get(address, follow_redirects=True).status_code == 200


def test_a_draft_can_be_deleted(market: Market, amina: Person) -> None:
    address = draft(amina)
    amina.post(f"{address}/delete", {"version": "1"})
    assert amina.get(address).status_code == 404


def test_a_form_of_another_site_changes_nothing(market: Market, amina: Person) -> None:
    address = draft(amina)
    answer = amina.client.post(f"{address}/edit/field", data={"version": "1", "category": "energy"}, buffered=True)
    assert answer.status_code == 400
    with market.app.app_context():
        assert stored(market, address).category is None


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_hostile_text_stays_text(market: Market, amina: Person, value: str) -> None:
    address = draft(amina, title=f"T {value}", summary=value)
    fill(
        market,
        amina,
        address,
        "advantage",
        **{
            "benefits-0-tag": "water-saving",
            "benefits-0-quantity": "1",
            "benefits-0-unit": value[:60],
            "benefits-0-baseline": value,
        },
    )
    for what in ("", "/edit", "/edit/what", "/edit/advantage", "/check"):
        page = amina.get(f"{address}{what}", follow_redirects=True).text
        assert value not in page


def test_my_listings_teaches_when_there_is_none(market: Market) -> None:
    with market.app.app_context():
        new = organisation("New Loop")
    assert "Nothing posted yet" in person(market.app, organisation_id=new).get("/my/listings").text


def test_a_member_who_looks_after_nothing_deletes_no_listing_that_was_public(
    market: Market, amina: Person, firm: int
) -> None:
    address, member = published(market, amina), person(market.app, organisation_id=firm)
    member.post(f"{address}/withdraw")
    member.post(f"{address}/submit", {"version": version(market, address)})
    member.post(f"{address}/take-back", {"version": version(market, address)})
    assert member.post(f"{address}/delete", {"version": version(market, address)}).status_code == 403


def test_what_was_public_is_kept_even_if_it_becomes_a_draft_again(market: Market, amina: Person) -> None:
    address = published(market, amina)
    fill(market, amina, address, "field", category="water")
    amina.post(f"{address}/withdraw")
    amina.post(f"{address}/submit", {"version": version(market, address)})
    amina.post(f"{address}/take-back", {"version": version(market, address)})
    before = version(market, address)
    fill(market, amina, address, "what", **WHAT | {"title": "Something else"})
    assert "Solar pump with a memory" in amina.get(f"{address}/versions/{before}").text


def test_a_draft_is_not_for_staff_either(market: Market, amina: Person) -> None:
    assert person(market.app, "moderator").get(draft(amina)).status_code == 404


def test_a_mark_that_turns_text_around_is_left_out(market: Market, amina: Person) -> None:
    address = draft(amina, title="Pump \u202egnp.exe")
    with market.app.app_context():
        assert stored(market, address).title == "Pump gnp.exe"


def test_my_listings_come_in_pages(market: Market) -> None:
    with market.app.app_context():
        firm = organisation("Many Loops")
        own = db.session.get_one(Organisation, firm)
        for number in range(51):
            listings.draft(SYSTEM, "offer", {"title": f"Pump {number}"}, own)
    member = person(market.app, organisation_id=firm)
    assert member.get("/my/listings").text.count("/edit") == 50
    assert member.get("/my/listings?page=2").text.count("/edit") == 1
