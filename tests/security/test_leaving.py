"""The way out: all of a person goes, what others need stays, and everything can be taken along."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from people import organisation
from sqlalchemy import inspect, text
from visiting import PASSWORD, Browser, mail, member, set_up_second_factor, text_of

from matchmaker.policy import SYSTEM, Actor
from matchmaker.services import accounts, listings, notifying
from matchmaker.transaction import transaction
from models import AuditEntry, Import, Invitation, User, db
from models.base import now


def everywhere(app: Flask) -> str:
    """All that the database holds, as one text."""
    with app.app_context(), db.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return "\n".join(
            f"{name} {row}"
            for name in names
            for row in connection.execute(text(f'SELECT * FROM "{name}"'))  # noqa: S608
        )


@pytest.fixture
def user(app: Flask) -> User:
    with app.app_context():
        number = organisation("Blue Heron Pumps")
    return member(app, organisation_id=number, owner=True)


def busy(app: Flask, user: User) -> Browser:
    """Somebody who has left traces wherever people do."""
    browser = Browser(app)
    browser.client.environ_base["HTTP_USER_AGENT"] = "Wanderer 7"
    browser.sign_in(user.email)
    set_up_second_factor(browser)
    browser.post("/account/recovery-codes", generate_new_codes="1")
    actor = Actor("user", user.id, user.organisation_id, owner=True)
    with app.app_context():
        offer = listings.publish(actor, "offer", {"title": "Solar pump"})
        with transaction():
            offer.organisation_id, offer.created_by_id = user.organisation_id, user.id
            db.session.add(
                Import(
                    kind="offer",
                    file_name="mine.csv",
                    user_id=user.id,
                    organisation_id=user.organisation_id,
                    content=b"",
                )
            )
            db.session.add(
                Invitation(
                    organisation_id=organisation("Other"),
                    email=user.email,
                    key_hash="x",
                    expires_at=now() + timedelta(1),
                )
            )
            notifying.owe(user.email, f"For {user.name}", f"Dear {user.name}")
    Browser(app).post("/account/reset", email=user.email)
    return browser


def test_nothing_of_a_person_stays_but_a_number(app: Flask, user: User) -> None:
    browser = busy(app, user)
    before = everywhere(app)
    assert all(trace in before for trace in (user.email, user.name, "Wanderer 7", "$argon2id$"))
    assert browser.post("/account/delete").location == "/"
    after = everywhere(app)
    for trace in (user.email, user.name, "Wanderer 7", "$argon2id$", "gAAAA", "enckey"):
        assert trace not in after
    with app.app_context():
        entry = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
        assert entry is not None
        assert (entry.action, entry.thing_id, entry.actor_id) == ("user.delete", user.id, user.id)
    assert mail(app) == []


def test_the_audit_trail_never_holds_a_name_or_an_address(app: Flask, user: User) -> None:
    browser = busy(app, user)
    browser.post("/account/email", email="new@example.org")
    from visiting import link

    browser.get(link(app, "/account/email/"))
    with app.app_context():
        accounts.change_role(SYSTEM, user.id, "moderator")
        kept = str([(entry.before, entry.after) for entry in db.session.query(AuditEntry)])
    for trace in (user.email, user.name, "new@example.org"):
        assert trace not in kept


def test_a_deleted_account_does_not_sign_in_and_its_address_is_free(app: Flask, user: User) -> None:
    browser = busy(app, user)
    browser.post("/account/delete")
    page = Browser(app).sign_in(user.email)
    assert "The address or the password is not right." in text_of(page)
    with app.app_context():
        again = accounts.create(SYSTEM, user.email, "", "member", "x")
        assert again.id != user.id


def test_the_last_members_listings_leave_the_public(app: Flask, user: User) -> None:
    browser = busy(app, user)
    assert "Solar pump" in text_of(Browser(app).get("/offers/1-solar-pump"))
    browser.post("/account/delete")
    assert Browser(app).get("/offers/1-solar-pump").status_code in (404, 410)


def test_the_only_owner_among_members_hands_over_first(app: Flask, user: User) -> None:
    member(app, organisation_id=user.organisation_id)
    browser = Browser(app)
    browser.sign_in(user.email)
    answer = browser.post("/account/delete")
    assert answer.status_code == 409
    assert "Make another member an owner first." in text_of(answer)
    assert browser.signed_in()


def test_the_last_administrator_stays(app: Flask) -> None:
    user = member(app, "administrator")
    browser = Browser(app)
    browser.sign_in(user.email)
    set_up_second_factor(browser)
    assert browser.post("/account/delete").status_code == 409
    assert browser.signed_in()


def test_all_that_is_known_can_be_taken_along_and_no_secret_with_it(app: Flask, user: User) -> None:
    answer = busy(app, user).get("/account/everything.json")
    taken = answer.get_json()
    assert taken["account"]["email"] == user.email
    assert [one["title"] for one in taken["listings"]] == ["Solar pump"]
    assert taken["imports"][0]["file_name"] == "mine.csv"
    assert taken["sign_ins"][0]["agent"] == "Wanderer 7"
    assert len(taken["invitations"]) == 1
    assert {"user.sign_in", "user.set_second_factor"} <= {one["action"] for one in taken["actions"]}
    body = answer.get_data(as_text=True)
    assert not any(secret in body for secret in ("argon2", "gAAAA", "enckey", PASSWORD))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.cache_control.no_store
