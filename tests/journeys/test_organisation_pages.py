"""Organisations as people meet them: the public page, the form, members, invitations, verification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from people import Person, organisation, person
from sqlalchemy import event, select
from test_pages import words

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.services import indexing, listings, notifying
from models import Organisation, db

FORM = {"name": "Blue Loop", "kind": "sme", "size_band": "1-9", "country": "KE", "website": "example.org"}
HOSTILE = "<script>alert(1)</script>\u202e\r\nBcc: x@example.org {{ 7*7 }} %(name)s %s"


def firm(app: Flask, **given: Any) -> int:
    with app.app_context():
        return organisation(**given)


def post(app: Flask, organisation_id: int, title: str = "Solar pump", **given: Any) -> int:
    with app.app_context():
        of = db.session.get_one(Organisation, organisation_id)
        return listings.publish(SYSTEM, "offer", {"title": title, **given}, of).id


def letters(app: Flask) -> list[Any]:
    """What the worker sends now."""
    parts: Parts = app.extensions["matchmaker"]
    with app.app_context():
        notifying.deliver_next(parts.mailer, "tests")
    return parts.mailer.sent  # type: ignore[attr-defined, no-any-return]


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    return found[1]


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def made(app: Flask) -> tuple[Person, str]:
    """Somebody who has made an organisation through the form, and the address of its page."""
    founder = person(app)
    return founder, founder.post("/organisation/new", FORM).location


def owner_of(app: Flask, organisation_id: int) -> Person:
    return person(app, organisation_id=organisation_id, owner=True)


# The public page


def test_an_imported_organisation_has_a_public_page(app: Flask) -> None:
    with app.app_context():
        with_import = listings.organisation_named("Open Register Ltd", None, None)
        db.session.commit()
        number = with_import.id
    page = app.test_client().get(f"/organisations/{number}").text
    assert "Open Register Ltd" in page
    assert "Nothing is posted under this name" in page
    assert "verified" not in words(page)
    assert "Change it" not in page


def test_the_page_shows_what_is_said_checked_and_posted(app: Flask) -> None:
    number = firm(
        app,
        kind="university",
        size_band="250+",
        country="KE",
        website="https://example.org/",
        description="# We\n**pump**",
    )
    post(app, number)
    person(app, "moderator").post(f"/organisations/{number}/verification", {"version": 1, "checks": ["register"]})
    page = app.test_client().get(f"/organisations/{number}").text
    told = words(page)
    for expected in ("University", "250+ people", "Kenya", "Solar pump", "Entry in a public register", "verified"):
        assert expected in told
    assert re.search(r"Checked by programme staff on \d+ \w+ 20\d\d:", told)
    assert "<strong>pump</strong>" in page
    assert '<a href="https://example.org/" rel="noopener noreferrer nofollow">' in page


def test_nothing_anonymous_is_shown_or_counted_for_anybody(app: Flask) -> None:
    number = firm(app)
    post(app, number, "Secret press", anonymous=True)
    post(app, number, "Open press")
    for reader in (app.test_client(), owner_of(app, number).client, person(app, "administrator").client):
        page = reader.get(f"/organisations/{number}").text
        assert "Open press" in page
        assert "Secret" not in page
        assert "Offers and needs 1 " in words(page)


def test_listings_lead_to_their_organisation_unless_they_are_anonymous(app: Flask) -> None:
    number = firm(app)
    open_one, hidden = post(app, number, "Open press"), post(app, number, "Secret press", anonymous=True)
    with app.app_context():
        parts: Parts = app.extensions["matchmaker"]
        indexing.drain(parts.engine, "tests")
    link = f'href="/organisations/{number}"'
    read = app.test_client().get
    assert link in read(f"/offers/{open_one}-open-press").text
    # The open one is among its similar ones; its card names the organisation, which says nothing of this one.
    card = read(f"/offers/{hidden}-secret-press").text.partition("</aside>")[0]
    assert "Anonymous organisation" in card
    assert link not in card
    assert read("/offers").text.count(link) == 1


def test_an_organisation_without_a_page_is_not_found(app: Flask) -> None:
    for number in (0, 7, 2**31, 10**18):
        assert app.test_client().get(f"/organisations/{number}").status_code == 404


@pytest.mark.parametrize("page", ["-1", "0", "99", "x", "9" * 30, "٣"])
def test_a_strange_page_number_shows_a_page(app: Flask, page: str) -> None:
    assert app.test_client().get(f"/organisations/{firm(app)}?page={page}").status_code == 200


def test_the_page_costs_the_same_however_much_is_posted(app: Flask) -> None:
    few, many = firm(app), firm(app)
    post(app, few)
    for number in range(25):
        post(app, many, f"Pump {number}")
    costs = []
    for organisation_id in (few, many):
        with counted(app) as statements:
            app.test_client().get(f"/organisations/{organisation_id}")
        costs.append(len(statements))
    assert costs[0] == costs[1] <= 4


# Making and changing


def test_somebody_makes_an_organisation_and_looks_after_it(app: Flask) -> None:
    founder, address = made(app)
    page = founder.get(address).text
    assert "You look after it" in page
    assert "Change it" in page
    overview = words(founder.get("/account").text)
    assert "Blue Loop owner" in overview
    assert founder.get("/organisation").location == address


def test_whoever_belongs_to_one_is_not_asked_for_another(app: Flask) -> None:
    founder, _ = made(app)
    assert founder.get("/organisation/new").status_code == 409
    assert founder.post("/organisation/new", FORM).status_code == 409


def test_a_form_that_cannot_be_used_comes_back_whole(app: Flask) -> None:
    answer = person(app).post("/organisation/new", FORM | {"kind": "", "website": "javascript:alert(1)"})
    assert answer.status_code == 422
    assert "Fill this in." in answer.text
    assert "This is no web address" in answer.text
    assert 'value="Blue Loop"' in answer.text
    assert 'value="javascript:alert(1)"' in answer.text
    assert '<option value="KE" selected>' in answer.text


def test_hostile_text_in_every_field_stays_text(app: Flask) -> None:
    founder = person(app)
    address = founder.post(
        "/organisation/new", FORM | {"name": HOSTILE, "description": HOSTILE.replace("\u202e", "")}
    ).location
    guest = person(app)
    founder.post(f"{address}/invitations", {"email": guest.email})
    letter = letters(app)[-1]
    assert letter.subject.startswith("<script>alert(1)</script> Bcc: x@example.org {{ 7*7 }} %(name)s %s invites")
    assert "\u202e" not in letter.subject + letter.text
    link = re.search(r"/invitations/\S+", letter.text)
    assert link
    places = (address, f"{address}/edit", f"{address}/members", "/account", link[0])
    for page in [founder.get(place).text for place in places]:
        assert "<script>alert(1)" not in page
        assert "\u202e" not in page
        assert "{{ 7*7 }}" in page


def test_a_stale_form_loses_nothing(app: Flask) -> None:
    founder, address = made(app)
    old = version(founder.get(f"{address}/edit").text)
    founder.post(f"{address}/edit", FORM | {"version": old, "name": "Faster"})
    answer = founder.post(f"{address}/edit", FORM | {"version": old, "name": "Slower"})
    assert answer.status_code == 409
    assert 'value="Slower"' in answer.text
    assert "Faster" in founder.get(address).text
    assert (
        founder.post(f"{address}/edit", FORM | {"version": version(answer.text), "name": "Slower"}).status_code == 302
    )


@pytest.mark.parametrize("sent", ["", "x", "-1", "9" * 40])
def test_a_version_that_is_none_is_a_stale_one(app: Flask, sent: str) -> None:
    founder, address = made(app)
    assert founder.post(f"{address}/edit", FORM | {"version": sent}).status_code == 409


def test_a_change_that_ends_the_verification_says_so_before_and_after(app: Flask) -> None:
    founder, address = made(app)
    assert "the verification ends" not in founder.get(f"{address}/edit").text
    person(app, "moderator").post(f"{address}/verification", {"version": 1, "checks": ["register", "website"]})
    form = founder.get(f"{address}/edit").text
    assert "the verification ends until they check anew" in form
    answer = founder.post(
        f"{address}/edit", FORM | {"version": version(form), "name": "Red Loop"}, follow_redirects=True
    )
    assert "The verification has ended" in answer.text
    assert "Checked by programme staff" not in answer.text


ADDRESSES = ("edit", "logo", "logo/remove", "verification", "verification/end", "leave", "invitations")


@pytest.mark.parametrize("place", ADDRESSES)
def test_a_visitor_signs_in_first(app: Flask, place: str) -> None:
    number = firm(app)
    visitor = Person(0, "", SYSTEM, app.test_client())
    answer = visitor.post(f"/organisations/{number}/{place}")
    assert answer.status_code == 302
    assert answer.location.startswith("/account/sign-in")


@pytest.mark.parametrize("place", ["edit", "logo", "logo/remove", "leave", "invitations"])
def test_strangers_find_none_of_its_pages(app: Flask, place: str) -> None:
    number = firm(app)
    for stranger in (person(app), owner_of(app, firm(app))):
        answer = stranger.post(f"/organisations/{number}/{place}", FORM | {"version": 1, "email": "a@example.org"})
        assert answer.status_code == 404


@pytest.mark.parametrize("place", ["edit", "logo", "logo/remove", "invitations"])
def test_members_are_told_whom_to_ask(app: Flask, place: str) -> None:
    number = firm(app)
    member = person(app, organisation_id=number)
    answer = member.post(f"/organisations/{number}/{place}", FORM | {"version": 1, "email": "a@example.org"})
    assert answer.status_code == 403
    assert "Ask one of them" in answer.text


# Verification


def test_only_staff_who_do_not_belong_to_it_are_shown_the_verification(app: Flask) -> None:
    number = firm(app)
    assert "For programme staff" in person(app, "matchmaker").get(f"/organisations/{number}").text
    for reader in (owner_of(app, number), person(app), person(app, "moderator", number)):
        assert "For programme staff" not in reader.get(f"/organisations/{number}").text
        sent = {"version": 1, "checks": ["register"]}
        assert reader.post(f"/organisations/{number}/verification", sent).status_code == 403
        assert reader.post(f"/organisations/{number}/verification/end").status_code == 403


@pytest.mark.parametrize("checks", [[], ["magic"]])
def test_a_verification_without_a_check_is_none(app: Flask, checks: list[str]) -> None:
    number = firm(app)
    answer = person(app, "moderator").post(f"/organisations/{number}/verification", {"version": 1, "checks": checks})
    assert answer.status_code == 422
    with app.app_context():
        assert db.session.get_one(Organisation, number).verified_at is None


def test_a_verification_is_taken_back(app: Flask) -> None:
    number = firm(app)
    moderator = person(app, "moderator")
    moderator.post(f"/organisations/{number}/verification", {"version": 1, "checks": ["register"]})
    assert "Verified by A moderator" in moderator.get(f"/organisations/{number}").text
    moderator.post(f"/organisations/{number}/verification/end")
    assert "Checked by programme staff" not in moderator.get(f"/organisations/{number}").text


# Members and invitations


def test_a_colleague_is_invited_joins_and_becomes_an_owner(app: Flask) -> None:
    founder, address = made(app)
    guest = person(app)
    founder.post(f"{address}/invitations", {"email": guest.email.upper()})
    letter = letters(app)[-1]
    assert letter.recipient == guest.email
    link = re.search(r"http://\S+(/invitations/\S+)", letter.text)
    assert link
    assert "Blue Loop" in guest.get(link[1]).text
    joined = guest.post(link[1], follow_redirects=True)
    assert "You belong to Blue Loop now" in joined.text
    assert guest.get(link[1]).status_code == 404

    founder.post(f"{address}/members/{guest.id}/owner", {"owner": "yes"})
    assert guest.get(f"{address}/edit").status_code == 200
    founder.post(f"{address}/leave")
    assert founder.get(f"{address}/members").status_code == 404


def test_a_visitor_reads_the_invitation_and_is_led_back_to_it(app: Flask) -> None:
    founder, address = made(app)
    founder.post(f"{address}/invitations", {"email": "new@example.org"})
    link = re.search(r"/invitations/\S+", letters(app)[-1].text)
    assert link
    page = app.test_client().get(link[0]).text
    assert "Blue Loop" in page
    assert "new@example.org" not in page
    assert f"/account/sign-in?next={link[0]}" in page
    visitor = Person(0, "", SYSTEM, app.test_client())
    assert visitor.post(link[0]).location.startswith("/account/sign-in")


def test_an_invitation_is_worth_nothing_to_others_and_says_why(app: Flask) -> None:
    founder, address = made(app)
    founder.post(f"{address}/invitations", {"email": "new@example.org"})
    link = re.search(r"/invitations/\S+", letters(app)[-1].text)
    assert link
    thief = person(app)
    answer = thief.post(link[0])
    assert answer.status_code == 403
    assert "another address" in answer.text
    elsewhere = owner_of(app, firm(app))
    assert "leave yours first" in elsewhere.get(link[0]).text
    assert "Join the organisation" not in elsewhere.get(link[0]).text


def test_a_guessed_invitation_is_not_found(app: Flask) -> None:
    for key in ("guess", "a" * 5000, "%00", "%f0%9f%8c%b1"):
        assert app.test_client().get(f"/invitations/{key}").status_code == 404


def test_an_invitation_is_sent_again_and_taken_back(app: Flask) -> None:
    founder, address = made(app)
    founder.post(f"{address}/invitations", {"email": "new@example.org"})
    old = re.search(r"/invitations/\S+", letters(app)[-1].text)
    again = re.search(rf"{address}/invitations/\d+/resend", founder.get(f"{address}/members").text)
    assert old
    assert again
    founder.post(again[0])
    new = re.search(r"/invitations/\S+", letters(app)[-1].text)
    assert new
    assert founder.get(old[0]).status_code == 404
    assert founder.get(new[0]).status_code == 200
    founder.post(again[0].replace("resend", "revoke"))
    assert founder.get(new[0]).status_code == 404
    assert "new@example.org" not in founder.get(f"{address}/members").text


@pytest.mark.parametrize("email", ["", "x", "a@b.org\r\nBcc: c@d.org", "a@b.org,c@d.org"])
def test_what_is_no_address_is_not_invited(app: Flask, email: str) -> None:
    founder, address = made(app)
    answer = founder.post(f"{address}/invitations", {"email": email})
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert letters(app) == []


def test_whoever_is_invited_already_is_named_beside_the_field(app: Flask) -> None:
    founder, address = made(app)
    founder.post(f"{address}/invitations", {"email": "new@example.org"})
    answer = founder.post(f"{address}/invitations", {"email": "new@example.org"})
    assert answer.status_code == 409
    assert "is invited already" in answer.text


def test_the_last_owner_is_told_what_to_do_first(app: Flask) -> None:
    founder, address = made(app)
    member = person(app, organisation_id=int(address.rpartition("/")[2]))
    for place, form in ((f"members/{founder.id}/owner", {"owner": "no"}), ("leave", {})):
        answer = founder.post(f"{address}/{place}", form)
        assert answer.status_code == 409
        assert "Make another member an owner first" in answer.text
    assert member.post(f"{address}/members/{founder.id}/remove").status_code == 403
    assert member.post(f"{address}/leave").status_code == 302


def test_members_see_each_other_and_only_owners_see_addresses(app: Flask) -> None:
    founder, address = made(app)
    member = person(app, organisation_id=int(address.rpartition("/")[2]))
    assert member.email in founder.get(f"{address}/members").text
    page = member.get(f"{address}/members").text
    assert founder.email not in page
    assert "Send the invitation" not in page
    assert person(app).get(f"{address}/members").status_code == 404


def test_the_page_of_members_costs_the_same_however_many_there_are(app: Flask) -> None:
    founder, address = made(app)
    with counted(app) as statements:
        founder.get(f"{address}/members")
    alone = len(statements)
    for _ in range(5):
        person(app, organisation_id=int(address.rpartition("/")[2]))
    with counted(app) as statements:
        founder.get(f"{address}/members")
    assert len(statements) == alone <= 6


def test_a_last_member_who_deletes_the_account_takes_the_listings_out_of_the_public(app: Flask) -> None:
    number = firm(app)
    listing = post(app, number)
    owner_of(app, number).post("/account/delete")
    assert app.test_client().get(f"/offers/{listing}").status_code == 404
    assert app.test_client().get(f"/organisations/{number}").status_code == 200


def test_every_form_needs_the_token_of_our_own_pages(app: Flask) -> None:
    founder, address = made(app)
    for place in (*ADDRESSES, f"members/{founder.id}/owner", f"members/{founder.id}/remove"):
        assert founder.client.post(f"{address}/{place}", data=FORM).status_code == 400
    with app.app_context():
        assert db.session.scalars(select(Organisation.name)).all() == ["Blue Loop"]
