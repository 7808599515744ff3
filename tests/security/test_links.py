"""Links in letters: each works once, for a time, for the address it was sent to, and leads to us."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import itsdangerous.timed
import pytest
from flask import Flask
from visiting import OTHER_PASSWORD, PASSWORD, Browser, actions, link, mail, member, stored, text_of

from matchmaker.services import notifying
from matchmaker.transaction import transaction
from models import Mail, User, db

NEW = {"password": OTHER_PASSWORD, "password_confirm": OTHER_PASSWORD}


def reset_link(app: Flask, user: User) -> str:
    Browser(app).post("/account/reset", email=user.email)
    return link(app)


@pytest.fixture
def user(app: Flask) -> User:
    return member(app)


def test_a_reset_link_sets_a_password_once(app: Flask, user: User) -> None:
    path = reset_link(app, user)
    assert Browser(app).post(path, **NEW).location == "/account/sign-in"
    again = Browser(app).get(path)
    assert again.location == "/account/reset"
    assert Browser(app).sign_in(user.email, OTHER_PASSWORD).location == "/account"
    assert mail(app)[-1].subject == "Your password was set anew"


def test_two_open_forms_of_one_reset_link_set_one_password(app: Flask, user: User) -> None:
    path = reset_link(app, user)
    from visiting import token_in

    first, second = Browser(app), Browser(app)
    tokens = [token_in(browser.get(path)) for browser in (first, second)]
    first.send(path, csrf_token=tokens[0], **NEW)
    third = "nine patient otters humming"
    answer = second.send(path, csrf_token=tokens[1], password=third, password_confirm=third)
    assert answer.location == "/account/reset"
    assert Browser(app).sign_in(user.email, third).status_code == 200


def move_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Signatures are read so much later."""
    real = itsdangerous.timed.time.time

    class Clock:
        @staticmethod
        def time() -> float:
            return real() + by.total_seconds()

    monkeypatch.setattr(itsdangerous.timed, "time", Clock)


@pytest.mark.parametrize(("minutes", "works"), [(119, True), (121, False)])
def test_a_reset_link_works_for_two_hours(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch, minutes: int, works: bool
) -> None:
    path = reset_link(app, user)
    browser = Browser(app)
    browser.get("/account/sign-in")
    move_clock(monkeypatch, timedelta(minutes=minutes))
    assert (browser.get(path).status_code == 200) is works


@pytest.mark.parametrize("kind", ["reset", "confirm", "email", "second-factor"])
@pytest.mark.parametrize("token", ["x", "eyJ.x.y", "%00", "a" * 3000, "..%2f..%2fetc"])
def test_a_made_up_link_opens_nothing_and_leads_on(app: Flask, kind: str, token: str) -> None:
    answer = Browser(app).get(f"/account/{kind}/{token}")
    assert answer.status_code in (302, 404, 405)


def test_a_link_that_was_changed_opens_nothing(app: Flask, user: User) -> None:
    path = reset_link(app, user)
    for place in (20, len(path) // 2, len(path) - 2):
        other = "A" if path[place] != "A" else "B"
        changed = f"{path[:place]}{other}{path[place + 1 :]}"
        assert Browser(app).get(changed).status_code in (302, 404)


def test_a_link_of_one_kind_does_not_serve_as_another(app: Flask, user: User) -> None:
    token = reset_link(app, user).removeprefix("/account/reset/")
    for kind in ("confirm", "email"):
        assert Browser(app).get(f"/account/{kind}/{token}").status_code == 302
    assert stored(app, user).email == user.email


def test_a_reset_link_is_worth_nothing_after_a_change_of_address(app: Flask, user: User) -> None:
    path = reset_link(app, user)
    browser = Browser(app)
    browser.sign_in(user.email)
    browser.post("/account/email", email="new@example.org")
    browser.get(link(app, "/account/email/"))
    assert stored(app, user).email == "new@example.org"
    assert Browser(app).get(path).location == "/account/reset"


def test_a_reset_link_is_worth_nothing_after_a_change_of_password(app: Flask, user: User) -> None:
    path = reset_link(app, user)
    browser = Browser(app)
    browser.sign_in(user.email)
    browser.post(
        "/account/password", password=PASSWORD, new_password=OTHER_PASSWORD, new_password_confirm=OTHER_PASSWORD
    )
    assert Browser(app).get(path).location == "/account/reset"


def test_whoever_opens_a_reset_link_has_confirmed_the_address(app: Flask) -> None:
    """Who made the account with somebody else's address does not know its password any more."""
    user = member(app, confirmed=False)
    Browser(app).post(reset_link(app, user), **NEW)
    assert stored(app, user).confirmed_at is not None
    assert Browser(app).sign_in(user.email, PASSWORD).status_code == 200
    assert Browser(app).sign_in(user.email, OTHER_PASSWORD).location == "/account"


def test_a_confirmation_link_works_twice_without_harm(app: Flask) -> None:
    Browser(app).post("/account/register", email="kofi@example.org", password=PASSWORD)
    path = link(app)
    browser = Browser(app)
    browser.get(path)
    assert "confirmed already" in text_of(browser.get(browser.get(path).location or ""))
    assert actions(app).count("user.confirm") == 1


def test_a_confirmation_link_of_an_old_address_is_worth_nothing(app: Flask) -> None:
    user = member(app, confirmed=False)
    Browser(app).post("/account/confirm", email=user.email)
    old = link(app)
    with app.app_context(), transaction():
        db.session.get_one(User, user.id).email = "new@example.org"
    Browser(app).get(old)
    assert stored(app, user).confirmed_at is None


def test_a_new_address_counts_once_its_link_is_opened_and_the_old_one_is_told(app: Flask, user: User) -> None:
    browser = Browser(app)
    browser.sign_in(user.email)
    browser.post("/account/email", email="New.Person@EXAMPLE.org")
    assert stored(app, user).email == user.email
    path = link(app)
    assert Browser(app).get(path).status_code == 302
    assert stored(app, user).email == "new.person@example.org"
    assert mail(app)[-1].recipient == user.email
    assert mail(app)[-1].subject == "Your account has another address"
    assert Browser(app).sign_in("new.person@example.org").location == "/account"


def test_an_address_that_was_taken_meanwhile_stays_with_who_took_it(app: Flask, user: User) -> None:
    browser = Browser(app)
    browser.sign_in(user.email)
    browser.post("/account/email", email="wanted@example.org")
    path = link(app)
    other = member(app)
    with app.app_context(), transaction():
        db.session.get_one(User, other.id).email = "wanted@example.org"
    assert browser.get(path).status_code == 302
    assert stored(app, user).email == user.email


POISONS: list[dict[str, Any]] = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1:8000@evil.example"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
    {"X-Forwarded-Prefix": "/evil"},
]


@pytest.mark.parametrize("headers", POISONS)
def test_links_in_letters_lead_to_us_whatever_host_was_named(app: Flask, user: User, headers: dict[str, str]) -> None:
    from visiting import token_in

    browser = Browser(app)
    for path, data in (
        ("/account/reset", {"email": user.email}),
        ("/account/confirm", {"email": "nobody@example.org"}),
        ("/account/register", {"email": "new@example.org", "password": PASSWORD}),
        ("/account/register", {"email": user.email, "password": PASSWORD}),
    ):
        data = {"csrf_token": token_in(browser.get(path)), **data}
        named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        named["HTTP_COOKIE"] = f"session={browser.cookie()}"
        answer = app.test_client(use_cookies=False).post(path, data=data, environ_overrides=named)
        assert answer.status_code == 302
        assert "evil" not in (answer.location or "")
    links = [address for letter in mail(app) for address in re.findall(r"\S+://\S+", letter.text)]
    assert len(links) >= 8
    assert all(address.startswith("http://127.0.0.1:8000") for address in links)


def test_a_letter_is_forgotten_once_it_is_sent(app: Flask, user: User) -> None:
    Browser(app).post("/account/reset", email=user.email)
    with app.app_context():
        assert db.session.query(Mail).count() == 1
    mail(app)
    with app.app_context():
        assert db.session.query(Mail).count() == 0


@pytest.mark.parametrize(
    "breaking", ["\r\nBcc: everybody@example.org", "\nX-Evil: 1", "\x00", "\u2028Bcc: x@example.org"]
)
def test_no_name_address_or_subject_reaches_a_header(app: Flask, breaking: str) -> None:
    browser = Browser(app)
    browser.post("/account/register", name=f"Kofi{breaking}", email="kofi@example.org", password=PASSWORD)
    refused = browser.post("/account/register", email=f"kofi@example.org{breaking}", password=PASSWORD)
    assert refused.status_code == 200
    with app.app_context(), transaction():
        notifying.owe("kofi@example.org", f"Listing{breaking}", "text")
    sent = mail(app)
    assert [letter.recipient for letter in sent] == ["kofi@example.org", "kofi@example.org"]
    assert not any(set("\r\n\x00") & set(letter.subject) for letter in sent)
    with app.app_context():
        name = db.session.query(User.name).filter_by(email="kofi@example.org").scalar()
    assert name.isprintable()


def test_times_are_stored_with_their_zone(app: Flask) -> None:
    Browser(app).post("/account/register", email="kofi@example.org", password=PASSWORD)
    Browser(app).get(link(app))
    with app.app_context():
        confirmed: datetime = db.session.query(User.confirmed_at).filter_by(email="kofi@example.org").scalar()
    assert confirmed.utcoffset() == timedelta(0)
