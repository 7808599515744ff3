"""Passwords: how they are stored, and which are refused wherever a new one is set."""

from __future__ import annotations

import random
import time

import pytest
from flask import Flask
from people import organisation
from visiting import OTHER_PASSWORD, PASSWORD, Browser, link, mail, member, stored, text_of

from matchmaker.passwords import hard_to_guess

EASY = "This password is easy to guess"


def test_only_an_argon2id_hash_is_stored(app: Flask) -> None:
    Browser(app).post("/account/register", email="kofi@example.org", password=PASSWORD)
    with app.app_context():
        from matchmaker.services import accounts

        kept = accounts.named("kofi@example.org").password
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("password1234", id="common"),
        pytest.param("qwertyuiop123", id="a row of keys"),
        pytest.param("matchmaker2026!", id="our name"),
        pytest.param("M4tchmaker-Matchmaker", id="our name twice"),
        pytest.param("wanjikukamau1987", id="their own name"),
        pytest.param("Kamau Wanjiku 2026", id="their own name in parts"),
        pytest.param("w.kamau@sunfields.example", id="their address"),
        pytest.param("sunfields12345", id="the domain of their address"),
        pytest.param("aaaaaaaaaaaaaaaa", id="one letter"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused(app: Flask, password: str) -> None:
    page = Browser(app).post(
        "/account/register", name="Wanjiku Kamau", email="w.kamau@sunfields.example", password=password
    )
    assert page.status_code == 200
    assert EASY in text_of(page)
    assert mail(app) == []


@pytest.mark.parametrize("password", ["", "elevenchars", "x1!" * 43])
def test_a_password_too_short_or_too_long_is_refused(app: Flask, password: str) -> None:
    page = Browser(app).post("/account/register", email="kofi@example.org", password=password)
    assert page.status_code == 200
    assert ("Use 12 to 128 characters." if password else "Enter a password.") in text_of(page)


def test_the_organisations_name_is_refused_in_a_change(app: Flask) -> None:
    with app.app_context():
        number = organisation("Blue Heron Pumps")
    user = member(app, organisation_id=number)
    browser = Browser(app)
    browser.sign_in(user.email)
    page = _change(browser, "Blue-Heron-Pumps-2026")
    assert EASY in text_of(page)
    assert _change(browser, OTHER_PASSWORD).status_code == 302


def test_the_organisations_name_is_refused_in_a_reset(app: Flask) -> None:
    with app.app_context():
        number = organisation("Blue Heron Pumps")
    user = member(app, organisation_id=number)
    browser = Browser(app)
    browser.post("/account/reset", email=user.email)
    page = browser.post(link(app), password="blueheronpumps1", password_confirm="blueheronpumps1")
    assert EASY in text_of(page)
    assert stored(app, user).password == user.password


def test_the_password_one_has_already_is_refused(app: Flask) -> None:
    user = member(app)
    browser = Browser(app)
    browser.sign_in(user.email)
    assert "This is the password you have now." in text_of(_change(browser, PASSWORD))


def _change(browser: Browser, password: str):  # type: ignore[no-untyped-def]
    return browser.post("/account/password", password=PASSWORD, new_password=password, new_password_confirm=password)


@pytest.mark.parametrize(
    "password", [PASSWORD, "Amina rides seven purple zebras", "Tr0ub4dor&3 zqpv wm", "ღვინო თბილისში 17 ჭიქა"]
)
def test_a_password_that_is_hard_to_guess_passes(password: str) -> None:
    assert hard_to_guess(password, ["Amina Otieno", "amina@example.org"])


def test_no_password_takes_long_to_judge() -> None:
    chooser = random.Random(3)
    passwords = ["4@8({[<369&#!1/|0$5+7%2" * 6, *("".join(chooser.choices("ab4@8({[<", k=128)) for _ in range(3))]
    started = time.process_time()
    for password in passwords:
        hard_to_guess(password[:128], ["Amina Otieno"])
    assert time.process_time() - started < 4
