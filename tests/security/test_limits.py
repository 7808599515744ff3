"""Limits: guessing is slow for whoever guesses, and nobody is kept out of their account for long."""

from __future__ import annotations

import pytest
from flask import Flask
from visiting import PASSWORD, Browser, member, set_up_second_factor, text_of, token_in

from matchmaker.web import limits
from models import AuditEntry, User, db

WRONG = "not the password at all"


@pytest.fixture
def user(app: Flask) -> User:
    return member(app)


def guess(browser: Browser, email: str, times: int) -> list[int]:
    return [browser.sign_in(email, WRONG).status_code for _ in range(times)]


def reached(app: Flask) -> list[int | None]:
    with app.app_context():
        entries = db.session.query(AuditEntry).filter_by(action="user.limit_reached").order_by(AuditEntry.id)
        return [entry.thing_id for entry in entries]


def test_the_eleventh_wrong_password_from_one_address_waits(app: Flask, user: User) -> None:
    browser = Browser(app)
    assert guess(browser, user.email, 11) == [200] * 10 + [429]
    answer = browser.sign_in(user.email)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert "Wait 5 min, then try again." in text_of(answer)
    assert not browser.signed_in()


def test_the_owner_gets_in_from_elsewhere_meanwhile(app: Flask, user: User) -> None:
    guess(Browser(app), user.email, 11)
    owner = Browser(app, "203.0.113.50")
    owner.sign_in(user.email)
    assert owner.signed_in()


def test_five_addresses_together_reach_the_accounts_limit(app: Flask, user: User) -> None:
    for number in range(5):
        assert guess(Browser(app, f"203.0.113.{number}"), user.email, 10) == [200] * 10
    assert Browser(app, "203.0.113.99").sign_in(user.email).status_code == 429


def test_one_address_tries_many_accounts_only_so_often(app: Flask) -> None:
    browser = Browser(app)
    tries = [browser.sign_in(f"nobody{number}@example.org", WRONG).status_code for number in range(51)]
    assert tries == [200] * 50 + [429]


def test_signing_in_does_not_count(app: Flask, user: User) -> None:
    browser = Browser(app)
    for _ in range(12):
        assert browser.sign_in(user.email).status_code == 302
        browser.sign_out()


def test_the_limit_is_over_when_its_minutes_are(app: Flask, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    import limits.storage.memory as memory

    browser = Browser(app)
    guess(browser, user.email, 11)
    real = memory.time.time
    monkeypatch.setattr(memory.time, "time", lambda: real() + 301)
    assert browser.sign_in(user.email).status_code == 302


@pytest.mark.parametrize("spelling", ["{}", " {} ", "upper", "domain"])
def test_another_spelling_is_the_same_account(app: Flask, user: User, spelling: str) -> None:
    guess(Browser(app), user.email, 10)
    local, _, domain = user.email.partition("@")
    written = {"upper": user.email.upper(), "domain": f"{local}@ＥＸＡＭＰＬＥ.org"}.get(
        spelling, spelling.format(user.email)
    )
    assert guess(Browser(app), written, 1) == [429]
    assert domain == "example.org"


def test_an_address_without_an_account_is_limited_alike(app: Flask, user: User) -> None:
    known, unknown = Browser(app, "203.0.113.1"), Browser(app, "203.0.113.2")
    assert guess(known, user.email, 12) == guess(unknown, "nobody@example.org", 12)
    pages = [
        text_of(browser.sign_in(email, WRONG)).replace(email, "")
        for browser, email in ((known, user.email), (unknown, "nobody@example.org"))
    ]
    assert pages[0] == pages[1]


def test_the_audit_trail_tells_once_of_an_accounts_limit(app: Flask, user: User) -> None:
    guess(Browser(app, "203.0.113.1"), user.email, 14)
    guess(Browser(app, "203.0.113.2"), "nobody@example.org", 14)
    assert reached(app) == [user.id, None]


def test_six_wrong_codes_wait_and_recovery_codes_with_them(app: Flask, user: User) -> None:
    first = Browser(app)
    first.sign_in(user.email)
    set_up_second_factor(first)
    thief = Browser(app, "203.0.113.1")
    thief.sign_in(user.email)
    page = thief.get("/account/code")
    tries = [thief.send("/account/code", csrf_token=token_in(page), code=f"{n:06}").status_code for n in range(6)]
    assert tries == [200] * 5 + [429]
    assert reached(app) == [user.id]
    tries = [thief.send("/account/recovery", csrf_token=token_in(page), code="x").status_code for _ in range(6)]
    assert tries == [200] * 5 + [429]


@pytest.mark.parametrize("path", ["/account/reset", "/account/confirm"])
@pytest.mark.parametrize("known", [True, False])
def test_the_fourth_letter_to_one_address_waits(app: Flask, user: User, path: str, known: bool) -> None:
    browser = Browser(app)
    email = user.email if known else "nobody@example.org"
    assert [browser.post(path, email=email).status_code for _ in range(4)] == [302, 302, 302, 429]


def test_the_fourth_account_with_one_address_waits_but_mending_a_form_does_not_count(app: Flask) -> None:
    browser = Browser(app)
    for _ in range(5):
        assert browser.post("/account/register", email="kofi@example.org", password="short").status_code == 200
    tries = [browser.post("/account/register", email="kofi@example.org", password=PASSWORD) for _ in range(4)]
    assert [answer.status_code for answer in tries] == [302, 302, 302, 429]


def test_a_stolen_session_does_not_guess_the_password(app: Flask, user: User) -> None:
    browser = Browser(app)
    browser.sign_in(user.email)
    page = browser.get("/account/again")
    tries = [browser.send("/account/again", csrf_token=token_in(page), password=WRONG).status_code for _ in range(11)]
    assert tries == [200] * 10 + [429]
    fields = {"password": WRONG, "new_password": PASSWORD, "new_password_confirm": PASSWORD}
    tries = [browser.send("/account/password", csrf_token=token_in(page), **fields).status_code for _ in range(11)]
    assert tries == [200] * 10 + [429]


def test_reading_a_form_is_never_limited(app: Flask, user: User) -> None:
    browser = Browser(app)
    guess(browser, user.email, 11)
    assert browser.get("/account/sign-in").status_code == 200


def test_every_form_that_takes_secrets_or_sends_letters_is_limited(app: Flask) -> None:
    assert {endpoint for endpoint in limits._LIMITS if endpoint not in app.view_functions} == set()
