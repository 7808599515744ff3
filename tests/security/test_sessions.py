"""Sign-ins: each has a key of its own, shows where it is, and is worth nothing once it has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from databases import application, only_sqlite
from flask import Flask
from sqlalchemy import update
from visiting import OTHER_PASSWORD, PASSWORD, Browser, link, member, sign_ins, stored, text_of, token_in

from matchmaker.policy import SYSTEM
from matchmaker.services import accounts, sessions
from matchmaker.transaction import transaction
from models import User, UserSession, db
from models.base import now


@pytest.fixture
def user(app: Flask) -> User:
    return member(app)


@pytest.fixture
def browser(app: Flask, user: User) -> Browser:
    browser = Browser(app)
    browser.sign_in(user.email)
    return browser


def kept(browser: Browser) -> dict[str, object]:
    with browser.client.session_transaction() as session:
        return dict(session)


def test_the_key_and_the_token_of_before_a_sign_in_are_not_those_after(app: Flask, user: User) -> None:
    browser = Browser(app)
    page = browser.get("/account/sign-in")
    with browser.client.session_transaction() as session:
        session["key"] = "chosen by somebody else"
    before = kept(browser)
    browser.send("/account/sign-in", csrf_token=token_in(page), email=user.email, password=PASSWORD)
    after = kept(browser)
    assert browser.signed_in()
    assert after["key"] not in (None, before["key"])
    assert after.get("csrf_token") != before["csrf_token"]


def test_a_second_sign_in_has_another_key(app: Flask, user: User, browser: Browser) -> None:
    first = kept(browser)["key"]
    browser.sign_out()
    browser.sign_in(user.email)
    assert kept(browser)["key"] != first


def sign_out(browser: Browser, _user: User) -> None:
    browser.sign_out()


def change_password(browser: Browser, _user: User) -> None:
    browser.post(
        "/account/password", password=PASSWORD, new_password=OTHER_PASSWORD, new_password_confirm=OTHER_PASSWORD
    )


def reset_password(browser: Browser, user: User) -> None:
    other = Browser(browser.app)
    other.post("/account/reset", email=user.email)
    other.post(link(browser.app), password=OTHER_PASSWORD, password_confirm=OTHER_PASSWORD)


def change_email(browser: Browser, user: User) -> None:
    browser.post("/account/email", email=f"new-{user.email}")
    browser.get(link(browser.app))


def get_another_role(browser: Browser, user: User) -> None:
    with browser.app.app_context():
        accounts.change_role(SYSTEM, user.id, "moderator")


def lose_second_factor(browser: Browser, user: User) -> None:
    with browser.app.app_context():
        accounts.reset_second_factor(SYSTEM, user.id)


def delete_account(browser: Browser, _user: User) -> None:
    browser.post("/account/delete")


def be_closed(browser: Browser, user: User) -> None:
    with browser.app.app_context(), transaction():
        db.session.execute(update(User).where(User.id == user.id).values(active=False))


ENDS: list[Callable[[Browser, User], None]] = [
    sign_out,
    change_password,
    reset_password,
    change_email,
    get_another_role,
    lose_second_factor,
    delete_account,
    be_closed,
]


@pytest.mark.parametrize("end", ENDS)
def test_a_cookie_of_before_opens_nothing_after(browser: Browser, user: User, end: Callable[..., None]) -> None:
    cookie = browser.cookie()
    assert browser.with_cookie(cookie).signed_in()
    end(browser, user)
    assert not browser.with_cookie(cookie).signed_in()


@pytest.mark.parametrize("stay", [change_password, change_email])
def test_who_changes_something_stays_signed_in(browser: Browser, user: User, stay: Callable[..., None]) -> None:
    stay(browser, user)
    assert browser.signed_in()
    assert sign_ins(browser.app, user) == 1


def test_ending_one_device_leaves_the_other(app: Flask, user: User, browser: Browser) -> None:
    phone = Browser(app)
    phone.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Android 15; Mobile) Gecko/150.0 Firefox/150.0"
    phone.sign_in(user.email)
    page = browser.get("/account")
    assert "Firefox on Android" in text_of(page)
    with app.app_context():
        there = next(one.id for one in sessions.of_user(user.id) if "Android" in one.agent)
    browser.send(f"/account/sessions/{there}/end", csrf_token=token_in(page))
    assert browser.signed_in()
    assert not phone.signed_in()


def test_ending_all_others_leaves_this_one(app: Flask, user: User, browser: Browser) -> None:
    others = [Browser(app), Browser(app)]
    for other in others:
        other.sign_in(user.email)
    browser.send("/account/sessions/end", csrf_token=token_in(browser.get("/account")))
    assert [one.signed_in() for one in (browser, *others)] == [True, False, False]


def test_nobody_ends_another_persons_sign_in(app: Flask, user: User, browser: Browser) -> None:
    stranger = Browser(app)
    stranger.sign_in(member(app).email)
    with app.app_context():
        number = sessions.of_user(user.id)[0].id
    answer = stranger.send(f"/account/sessions/{number}/end", csrf_token=token_in(stranger.get("/account")))
    assert answer.status_code == 404
    assert browser.signed_in()


def test_a_sign_in_nobody_used_for_two_weeks_has_ended(app: Flask, user: User, browser: Browser) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(UserSession).values(last_seen_at=now() - timedelta(days=14, minutes=1)))
    assert not browser.signed_in()


def test_a_confirmed_address_does_not_sign_in_by_itself(app: Flask) -> None:
    browser = Browser(app)
    browser.post("/account/register", email="kofi@example.org", password=PASSWORD)
    answer = browser.get(link(app))
    assert answer.location == "/account/sign-in"
    assert not browser.signed_in()


def test_signing_out_with_an_old_form_asks_again(browser: Browser) -> None:
    page = browser.send("/account/sign-out", csrf_token="old")
    assert page.status_code == 200
    assert "Confirm that you want to sign out." in text_of(page)
    assert browser.signed_in()
    browser.send("/account/sign-out", csrf_token=token_in(page))
    assert not browser.signed_in()


@only_sqlite
def test_over_https_the_cookie_is_bound_to_the_host(migrated, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with (
        migrated.clone(tmp_path) as database,
        application(tmp_path, database.url, MATCHMAKER_URL="https://market.example.org") as app,
    ):
        page = Browser(app).get("/account/sign-in")
    (cookie,) = page.headers.getlist("Set-Cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)


AGAIN = [
    "/account/email",
    "/account/second-factor",
    "/account/recovery-codes",
    "/account/delete",
    "/account/everything.json",
]


@pytest.mark.parametrize("path", AGAIN)
def test_the_password_is_asked_for_again_after_a_quarter_of_an_hour(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 200
    browser.age(16)
    answer = browser.get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/account/again?next=")
    answer = browser.post(answer.location, password=PASSWORD)
    assert answer.location.endswith(path)
    assert browser.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/account/email", "/account/second-factor", "/account/recovery-codes", "/account/delete"]
)
def test_an_old_session_changes_nothing_without_the_password(browser: Browser, user: User, path: str) -> None:
    token = token_in(browser.get("/account"))
    browser.age(16)
    answer = browser.send(path, csrf_token=token, email="new@example.org", setup="authenticator")
    assert answer.location.startswith("/account/again")
    after = stored(browser.app, user)
    assert (after.email, after.tf_primary_method, after.mf_recovery_codes) == (user.email, None, [])


def test_using_the_account_does_not_keep_a_session_fresh(browser: Browser) -> None:
    for _ in range(4):
        browser.get("/account/email")
        browser.age(5)
    assert browser.get("/account/email").status_code == 302


def test_the_password_is_part_of_changing_it(browser: Browser, user: User) -> None:
    page = browser.post(
        "/account/password",
        password="not mine at all",
        new_password=OTHER_PASSWORD,
        new_password_confirm=OTHER_PASSWORD,
    )
    assert "This password is not right." in text_of(page)
    assert stored(browser.app, user).password == user.password
