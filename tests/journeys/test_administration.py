"""Administrators: the audit trail, people and their rights; and the pages of all pieces."""

from __future__ import annotations

import csv
import io
import re
import time
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from people import Person, organisation, person
from sqlalchemy import select
from werkzeug.test import TestResponse

from matchmaker.errors import Conflict
from matchmaker.policy import SYSTEM
from matchmaker.services import accounts, auditing, listings
from matchmaker.transaction import transaction
from models import AuditEntry, User, db

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def admin(app: Flask) -> Person:
    return person(app, "administrator")


def text(answer: TestResponse) -> str:
    page = answer.get_data(as_text=True)
    return " ".join(unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def note(app: Flask, action: str, thing: tuple[str, int | None] = ("listing", 1), **after: object) -> None:
    with app.app_context(), transaction():
        auditing.record(SYSTEM, action, *thing, dict.fromkeys(after, "before"), after)


class TestTheAuditTrail:
    def test_it_shows_who_did_what_to_what_before_and_after(self, app: Flask, admin: Person) -> None:
        other = person(app)
        admin.post(f"/staff/users/{other.id}", {"do": "role", "role": "moderator"})
        page = text(admin.get("/staff/audit"))
        assert re.search(rf"{admin.email} user\.change_role user {other.id} role: member → became moderator", page)

    @pytest.mark.parametrize(
        ("asked", "shown"),
        [
            ("action=listing.app", ["listing.approve"]),
            ("action=listing", ["listing.approve", "listing.reject"]),
            ("thing=user", ["user.note"]),
            ("thing=listing+2", ["listing.reject"]),
            ("thing=3", ["user.note"]),
            ("actor=system", ["listing.approve", "listing.reject", "user.note"]),
            ("actor=nobody%40example.org", []),
            ("actor=nonsense", []),
            ("since=2099-01-01", []),
            ("until=2001-01-01", []),
            ("since=2001-01-01&until=9999-12-31", ["listing.approve", "listing.reject", "user.note"]),
            ("since=nonsense&before=x", ["listing.approve", "listing.reject", "user.note"]),
            ("action=%25", []),
            ("actor=%00&thing=%00", ["listing.approve", "listing.reject", "user.note"]),
            ("thing=listing+99999999999999999999&actor=", []),
            ("before=99999999999", ["listing.approve", "listing.reject", "user.note"]),
        ],
    )
    def test_it_can_be_searched(self, app: Flask, admin: Person, asked: str, shown: list[str]) -> None:
        note(app, "listing.approve", ("listing", 1))
        note(app, "listing.reject", ("listing", 2))
        note(app, "user.note", ("user", 3))
        answer = admin.get(f"/staff/audit?{asked}")
        assert answer.status_code == 200
        found = re.findall(r'data-label="Did what">([^<]+)<', answer.get_data(as_text=True))
        assert sorted(set(found)) == shown

    def test_older_entries_are_a_page_away(self, app: Flask, admin: Person) -> None:
        with app.app_context(), transaction():
            for number in range(60):
                auditing.record(SYSTEM, f"listing.act{number}", "listing", number + 1)
        first = admin.get("/staff/audit?action=listing")
        older = re.search(r'rel="next" href="([^"]+)"', first.get_data(as_text=True))
        assert older
        second = admin.get(unescape(older[1]))
        assert "listing.act9 " in text(second)
        assert "listing.act10 " not in text(second)
        assert "Older entries" not in text(second)

    def test_the_table_holds_everything_and_no_formula(self, app: Flask, admin: Person) -> None:
        with app.app_context(), transaction():
            for number in range(2100):
                auditing.record(SYSTEM, "=cmd|' /C calc'!A0", "listing", number + 1, {}, {"title": "Ä"})
        answer = admin.get("/staff/audit.csv?actor=system")
        rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True))))
        assert rows[0][:3] == ["at", "actor kind", "actor number"]
        assert len(rows) == 2101
        assert rows[1][4].startswith("'=cmd")
        assert rows[1][8] == '{"title": "Ä"}'
        assert "no-store" in answer.headers["Cache-Control"]

    def test_every_text_in_it_is_text(self, app: Flask, admin: Person) -> None:
        hostile = "<img src=x onerror=alert(1)>"
        note(app, "listing.revise", title=hostile, keywords=[hostile], **{hostile[:20]: None})
        page = admin.get("/staff/audit").get_data(as_text=True)
        assert "<img" not in page

    def test_every_action_of_a_listing_s_life_is_in_it(self, app: Flask, admin: Person) -> None:
        with app.app_context():
            made = listings.draft(SYSTEM, "offer", {"title": "Pump"})
            listings.publish_draft(SYSTEM, made.id, made.version)
            listings.withdraw(SYSTEM, made.id)
            actions = list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
        assert actions[-3:] == ["listing.draft", "listing.publish", "listing.withdraw"]


class TestPeople:
    def test_they_are_found_by_address_name_and_organisation(self, app: Flask, admin: Person) -> None:
        with app.app_context():
            firm = organisation("Jua & Maji Works")
        member, other = person(app, organisation_id=firm), person(app, "matchmaker")
        for asked in (f"q={member.email[:8]}", "q=maji", "role=member"):
            page = text(admin.get(f"/staff/users?{asked}"))
            assert member.email in page
            assert other.email not in page

    @pytest.mark.parametrize("asked", ["q=%25", "q=%00%25", "q=nobody", "page=99999", "page=²&q=zzz"])
    def test_nobody_found_says_what_to_do(self, admin: Person, asked: str) -> None:
        assert "Nobody fits" in text(admin.get(f"/staff/users?{asked}"))

    def test_a_new_role_holds_at_once(self, app: Flask, admin: Person) -> None:
        other = person(app)
        answer = admin.post(f"/staff/users/{other.id}", {"do": "role", "role": "moderator"})
        assert answer.headers["Location"] == f"/staff/users/{other.id}"
        with app.app_context():
            assert db.session.get_one(User, other.id).role == "moderator"
        assert other.get("/account").status_code == 302

    def test_a_closed_account_is_signed_out_and_can_be_opened_again(self, app: Flask, admin: Person) -> None:
        other = person(app)
        admin.post(f"/staff/users/{other.id}", {"do": "deactivate"})
        assert other.get("/account").status_code == 302
        assert "closed" in text(admin.get(f"/staff/users/{other.id}"))
        admin.post(f"/staff/users/{other.id}", {"do": "activate"})
        with app.app_context():
            assert db.session.get_one(User, other.id).active
            actions = list(db.session.scalars(select(AuditEntry.action).where(AuditEntry.thing_id == other.id)))
        assert actions == ["user.set_active", "user.set_active"]

    def test_a_lost_second_factor_is_forgotten(self, app: Flask, admin: Person) -> None:
        other = person(app)
        with app.app_context(), transaction():
            db.session.get_one(User, other.id).tf_primary_method = "authenticator"
        assert "Forget the second factor" in text(admin.get(f"/staff/users/{other.id}"))
        admin.post(f"/staff/users/{other.id}", {"do": "reset"})
        with app.app_context():
            assert db.session.get_one(User, other.id).tf_primary_method is None

    @pytest.mark.parametrize("do", ["role", "reset", "deactivate"])
    def test_nobody_changes_their_own_rights(self, admin: Person, do: str) -> None:
        assert admin.post(f"/staff/users/{admin.id}", {"do": do, "role": "member"}).status_code == 403

    def test_the_last_administrator_stays(self, app: Flask, admin: Person) -> None:
        other = person(app, "administrator")
        with app.app_context(), transaction():
            # The first administrator has been closed, though their browser is not signed out yet.
            db.session.get_one(User, admin.id).active = False
        with app.app_context(), pytest.raises(Conflict, match="last administrator"):
            accounts.set_active(admin.actor, other.id, active=False)

    @pytest.mark.parametrize(
        ("given", "status"),
        [({}, 422), ({"do": "burn"}, 422), ({"do": "role", "role": "king"}, 422), ({"do": "role"}, 422)],
    )
    def test_a_form_that_is_not_complete_changes_nothing(
        self, app: Flask, admin: Person, given: dict[str, str], status: int
    ) -> None:
        other = person(app)
        assert admin.post(f"/staff/users/{other.id}", given).status_code == status

    @pytest.mark.parametrize("number", ["4711", "9999999999999999999"])
    def test_nobody_s_number_is_answered_by_404(self, admin: Person, number: str) -> None:
        assert admin.get(f"/staff/users/{number}").status_code == 404
        assert admin.post(f"/staff/users/{number}", {"do": "reset"}).status_code == 404

    def test_rights_are_changed_only_with_a_fresh_password(self, app: Flask, admin: Person) -> None:
        other = person(app)
        with admin.client.session_transaction() as session:
            session["fs_paa"] = time.time() - 3600
            session.pop("fs_gexp", None)
        answer = admin.post(f"/staff/users/{other.id}", {"do": "role", "role": "moderator"})
        assert answer.status_code == 302
        assert "/account/again" in answer.headers["Location"]
        with app.app_context():
            assert db.session.get_one(User, other.id).role == "member"


class TestThePieces:
    #: Attributes, hidden inputs and what stands in a page's head; and pictures, of which there need not be any.
    UNSEEN = frozenset({"in_language", "csrf", "calling_card", "search_card", "for_machines", "picture", "logo_image"})

    def test_the_page_shows_every_piece(self, app: Flask) -> None:
        answer = person(app, "matchmaker").get("/staff/pieces")
        assert answer.status_code == 200
        macros = (ROOT / "templates" / "_macros.html").read_text("utf-8")
        bodies = dict(re.findall(r"{% macro (\w+)\(.*?%}(.*?){% endmacro %}", macros, re.DOTALL))
        shown = set(re.findall(r"m\.(\w+)\(", (ROOT / "templates" / "staff" / "pieces.html").read_text("utf-8")))
        for _ in bodies:
            shown |= {name for user in shown & set(bodies) for name in bodies if f"{name}(" in bodies[user]}
        assert set(bodies) - shown - self.UNSEEN == set()
