"""Moderators at work: the queue, one listing beside its checks, decisions, and what is told to whoever comes late."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from moderation import APPROVE, letters, listing, read
from people import Person, organisation, person
from werkzeug.test import TestResponse

from matchmaker.policy import Actor
from matchmaker.services import listings, moderating, notifying
from models.base import now


@dataclass(frozen=True)
class House:
    """An application with two moderators and somebody who posts."""

    app: Flask
    ann: Person
    bob: Person
    owner: Person

    def post(self, status: str = "submitted", **given: Any) -> int:
        """A listing of the one who posts."""
        with self.app.app_context():
            return listing(status, self.owner.actor, **given)

    def status(self, id: int) -> str:
        with self.app.app_context():
            return read(id).status

    def mail(self) -> list[str]:
        """The subjects of all letters, sent by the worker."""
        mailer = self.app.extensions["matchmaker"].mailer
        with self.app.app_context():
            while notifying.deliver_next(mailer, "tests"):
                pass
        return [message.subject for message in mailer.sent]


@pytest.fixture
def house(app: Flask) -> House:
    with app.app_context():
        firm = organisation()
    owner = person(app, organisation_id=firm, owner=True)
    return House(app, person(app, "moderator"), person(app, "moderator"), owner)


def text(answer: TestResponse) -> str:
    """What a reader sees of a page, roughly."""
    page = answer.get_data(as_text=True)
    return " ".join(unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def decide(who: Person, id: int, verdict: str = "approve", version: int = 1, **more: Any) -> TestResponse:
    return who.post(f"/staff/moderation/{id}/decide", {"verdict": verdict, "version": version, **more})


STAFF_PAGES = (
    "/staff",
    "/staff/pieces",
    "/staff/moderation",
    "/staff/moderation/1",
    "/staff/audit",
    "/staff/audit.csv",
    "/staff/users",
    "/staff/users/1",
)


@pytest.mark.parametrize("address", STAFF_PAGES)
@pytest.mark.parametrize("role", [None, "member"])
def test_to_members_and_visitors_there_is_nothing(app: Flask, role: str | None, address: str) -> None:
    with app.app_context():
        listing()
    client = person(app, role).client if role else app.test_client()
    answer, nowhere = client.get(address), client.get("/nowhere-at-all")
    assert answer.status_code == 404
    assert re.sub(r"quote \S+", "", text(answer)) == re.sub(r"quote \S+", "", text(nowhere))


@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        ("moderator", "/staff", 200),
        ("matchmaker", "/staff", 200),
        ("matchmaker", "/staff/moderation", 404),
        ("moderator", "/staff/moderation", 200),
        ("administrator", "/staff/moderation", 200),
        ("moderator", "/staff/audit", 404),
        ("moderator", "/staff/users", 404),
        ("matchmaker", "/staff/audit.csv", 404),
        ("administrator", "/staff/audit", 200),
        ("administrator", "/staff/users", 200),
    ],
)
def test_each_role_finds_its_own_pages(app: Flask, role: str, address: str, status: int) -> None:
    assert person(app, role).get(address).status_code == status


@pytest.mark.parametrize(("role", "shown"), [("member", False), ("matchmaker", True), ("moderator", True)])
def test_only_staff_are_led_to_the_staff_pages(app: Flask, role: str, shown: bool) -> None:
    assert ('href="/staff"' in person(app, role).get("/").get_data(as_text=True)) is shown


def test_a_listing_goes_from_the_queue_to_the_public(house: House) -> None:
    id = house.post(title="Rice husk press", moment=now() - timedelta(days=3))
    page = house.ann.get("/staff/moderation").get_data(as_text=True)
    assert "Rice husk press" in page
    assert "3 days" in page
    item = house.ann.get(f"/staff/moderation/{id}")
    assert "Not stated" in text(item)
    answer = decide(house.ann, id)
    assert answer.headers["Location"] == "/staff/moderation"
    assert house.app.test_client().get(f"/offers/{id}", follow_redirects=True).status_code == 200
    assert house.mail() == ["Published: Rice husk press"]


def test_after_a_decision_the_next_one_is_shown_with_a_way_back(house: House) -> None:
    first, second = house.post(title="First"), house.post(title="Second")
    answer = decide(house.ann, first)
    assert answer.headers["Location"] == f"/staff/moderation/{second}"
    page = house.ann.get(answer.headers["Location"]).get_data(as_text=True)
    undo = re.search(r'action="(/staff/moderation/decisions/\d+/undo)"', page)
    assert undo
    house.ann.post(undo[1])
    assert house.status(first) == "submitted"
    assert house.mail() == ["Published: First", "Read again: First"]


def test_the_filters_of_the_queue_stay_while_one_goes_on(house: House) -> None:
    offer, _need, other = house.post(), house.post(kind="need"), house.post()
    answer = house.ann.post(f"/staff/moderation/{offer}/decide?kind=offer", {"verdict": "approve", "version": 1})
    assert answer.headers["Location"] == f"/staff/moderation/{other}?kind=offer"


def test_asking_for_changes_needs_a_reason_and_keeps_what_was_typed(house: House) -> None:
    id = house.post()
    answer = decide(house.ann, id, "request_changes", message="How much <b>salt</b>?")
    assert answer.status_code == 422
    assert "Choose at least one reason" in text(answer)
    assert "How much &lt;b&gt;salt&lt;/b&gt;?" in answer.get_data(as_text=True)
    assert house.status(id) == "submitted"


def test_who_comes_second_reads_who_decided_and_keeps_the_message(house: House) -> None:
    id = house.post()
    decide(house.bob, id, "reject", reasons=["duplicate"])
    answer = decide(house.ann, id, message="Please add a number.")
    assert answer.status_code == 409
    assert re.search(r"decided on \d+ s ago by A moderator: rejected", text(answer))
    assert "Please add a number." in text(answer)
    assert house.status(id) == "rejected"


def test_what_another_reads_is_marked_and_cannot_be_decided_on(house: House) -> None:
    id = house.post()
    house.bob.post(f"/staff/moderation/{id}/claim")
    assert "read by A moderator" in text(house.ann.get("/staff/moderation"))
    page = house.ann.get(f"/staff/moderation/{id}").get_data(as_text=True)
    assert f"/staff/moderation/{id}/decide" not in page
    assert decide(house.ann, id).status_code == 409
    house.bob.post(f"/staff/moderation/{id}/release")
    assert decide(house.ann, id).status_code == 302


def test_an_edit_is_shown_word_by_word_beside_its_facts(house: House) -> None:
    id = house.post("published", summary="It saves 20 % of water.")
    with house.app.app_context():
        listings.revise(house.owner.actor, id, 1, {"summary": "It saves 60 % of water.", "trl": 7, "keywords": ["sun"]})
    page = house.ann.get(f"/staff/moderation/{id}").get_data(as_text=True)
    assert "<del>20</del><ins>60</ins>" in page
    assert "What changed since it was read" in page
    assert re.search(r"Keywords</th><td><p class=\"unknown\">Not stated</p>\s*</td><td><p> <bdi>sun", page)


def test_several_are_decided_at_once_with_a_report(house: House) -> None:
    first, second, taken = house.post(title="One"), house.post(title="Two"), house.post(title="Three")
    house.bob.post(f"/staff/moderation/{taken}/claim")
    chosen = [f"{first}:1", f"{second}:1", f"{taken}:1"]
    given = {"verdict": "reject", "reasons": ["advertising"], "chosen": chosen}
    answer = house.ann.post("/staff/moderation/decide", given)
    assert answer.status_code == 200
    assert "Rejected: 2" in text(answer)
    assert "Not decided: 1" in text(answer)
    assert [house.status(id) for id in (first, second, taken)] == ["rejected", "rejected", "in_review"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"verdict": "approve"}, "Tick at least one listing"),
        ({"verdict": "reject", "chosen": ["1:1"]}, "Choose at least one reason"),
        ({"verdict": "burn", "chosen": ["1:1"]}, "Approve, ask for changes, or reject"),
        ({"verdict": "approve", "chosen": ["x:y", "-1:1", "1", "²:1", "9" * 99 + ":1"]}, "Tick at least one listing"),
    ],
)
def test_a_form_for_several_that_is_not_complete_says_so(house: House, given: dict[str, Any], said: str) -> None:
    house.post()
    answer = house.ann.post("/staff/moderation/decide", given)
    assert answer.status_code == 422
    assert said in text(answer)


@pytest.mark.parametrize("version", ["", "x", "-1", "1e9", "9" * 40])
def test_a_decision_without_a_version_is_refused(house: House, version: str) -> None:
    id = house.post()
    answer = decide(house.ann, id, version=version)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert house.status(id) == "submitted"


def test_nobody_is_asked_to_judge_their_own_organisation(app: Flask, house: House) -> None:
    colleague = person(app, "moderator", house.owner.actor.organisation_id)
    id = house.post()
    assert "Your own organisation posted this" in text(colleague.get(f"/staff/moderation/{id}"))
    assert decide(colleague, id).status_code == 403


@pytest.mark.parametrize("address", ["/staff/moderation/4711", "/staff/moderation/9999999999999999999"])
def test_a_number_that_is_none_is_answered_by_404(house: House, address: str) -> None:
    assert house.ann.get(address).status_code == 404
    assert house.ann.post(f"{address}/decide", {"verdict": "approve", "version": "1"}).status_code == 404
    assert house.ann.post(f"{address}/claim").status_code == 404


def test_drafts_are_for_nobody_but_their_own_side(house: House) -> None:
    assert house.ann.get(f"/staff/moderation/{house.post('draft')}").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/staff/moderation?page=0&kind=x&what=y&days=z",
        "/staff/moderation?page=999999999999999",
        "/staff/moderation?page=²&days=²",
        "/staff/moderation?kind=%00&what=%00",
    ],
)
def test_what_the_queue_does_not_know_it_leaves_out(house: House, address: str) -> None:
    house.post(title="Rice husk press")
    assert "Rice husk press" in text(house.ann.get(address))


HOSTILE = "<img src=x onerror=alert(1)> {{ 7*7 }} %(age)s %s \u202e \"'"


def test_no_shown_text_is_taken_for_markup(house: House) -> None:
    benefit = {"tag": "water-saving", "quantity": 1, "unit": HOSTILE[:20], "baseline": HOSTILE}
    with house.app.app_context():
        other = Actor("user", house.owner.id, organisation(HOSTILE))
        id = listing("published", other, **dict.fromkeys(("title", "summary", "description"), HOSTILE))
        link = f'www.{HOSTILE} http://x.example/"onclick=alert(1)'
        changed = {"title": f"New {HOSTILE}", "description": link, "keywords": [HOSTILE], "benefits": [benefit]}
        listings.revise(other, id, 1, changed)
    pages = [
        house.ann.get("/staff/moderation"),
        house.ann.get(f"/staff/moderation/{id}"),
        house.ann.post("/staff/moderation/decide", {"verdict": "approve", "chosen": f"{id}:1"}),
        decide(house.ann, id, "reject", message=HOSTILE, version=2),
        decide(house.ann, id, "reject", message=HOSTILE, version=2, reasons=["unclear"]),
        house.ann.get(f"/staff/moderation/{id}"),
    ]
    for page in pages:
        assert page.status_code < 500
        assert "<img" not in page.get_data(as_text=True)
        assert 'onclick=alert(1)"' not in page.get_data(as_text=True).replace("&#34;", "'")


def test_a_form_of_another_site_decides_nothing(house: House) -> None:
    id = house.post()
    answer = house.ann.client.post(f"/staff/moderation/{id}/decide", data={"verdict": "approve", "version": "1"})
    assert answer.status_code == 400
    assert house.status(id) == "submitted"


def test_the_overview_says_what_waits_and_what_is_stuck(house: House) -> None:
    house.post(moment=now() - timedelta(days=9))
    house.post("published", kind="need", version=2)
    page = text(house.ann.get("/staff"))
    assert "New offers 1" in page
    assert "Needs changed since they were read 1" in page
    assert "The oldest has waited for" in page
    assert "Letters" in page


def test_the_last_decision_is_offered_back_only_to_who_made_it(house: House) -> None:
    id = house.post(title="Rice husk press")
    with house.app.app_context():
        moderating.decide(house.ann.actor, id, 1, APPROVE, letters(house.app))
    assert "Take it back" in text(house.ann.get("/staff/moderation"))
    assert "Take it back" not in text(house.bob.get("/staff/moderation"))
