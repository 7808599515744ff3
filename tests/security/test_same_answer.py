"""Nobody learns from a form whether an address has an account: the same page, the same work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from argon2 import low_level
from flask import Flask
from sqlalchemy import event
from visiting import PASSWORD, Browser, mail, member, text_of

from models import db

STRANGER = "nobody@example.org"
Form = Callable[[Browser, str], object]


@dataclass
class Work:
    """What takes time: slow hashes, and what a transaction writes to the disk for good."""

    hashes: int = 0
    commits: int = 0
    writes: int = 0


@contextmanager
def counted(app: Flask) -> Iterator[Work]:
    """Counts what the application really does meanwhile."""
    work = Work()

    def slow(method: Callable[..., object]) -> Callable[..., object]:
        def count(*given: object, **named: object) -> object:
            work.hashes += 1
            return method(*given, **named)

        return count

    def commit(*_: object) -> None:
        work.commits += 1

    def execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        work.writes += statement.split(None, 1)[0] in ("INSERT", "UPDATE", "DELETE")

    with app.app_context():
        engine = db.engine
    with pytest.MonkeyPatch.context() as patch:
        for name in ("hash_secret", "verify_secret"):
            patch.setattr(low_level, name, slow(getattr(low_level, name)))
        event.listen(engine, "commit", commit)
        event.listen(engine, "before_cursor_execute", execute)
        yield work
        event.remove(engine, "commit", commit)
        event.remove(engine, "before_cursor_execute", execute)


def sign_in(browser: Browser, email: str) -> object:
    return browser.sign_in(email, "quite another long password")


def ask_reset(browser: Browser, email: str) -> object:
    return browser.post("/account/reset", email=email)


def ask_confirmation(browser: Browser, email: str) -> object:
    return browser.post("/account/confirm", email=email)


def register(browser: Browser, email: str) -> object:
    return browser.post("/account/register", name="Kofi", email=email, password=PASSWORD)


def seen(app: Flask, form: Form, email: str) -> tuple[object, Work]:
    """What a visitor sees, and what it cost, the pages they are led to included."""
    browser = Browser(app)
    browser.get("/account/sign-in")
    with counted(app) as work:
        answer = form(browser, email)
    shown = [(answer.status_code, answer.location, text_of(answer).replace(email, "ADDRESS"))]  # type: ignore[attr-defined]
    if answer.location:  # type: ignore[attr-defined]
        page = browser.get(answer.location)  # type: ignore[attr-defined]
        shown.append((page.status_code, page.location, text_of(page).replace(email, "ADDRESS")))
    return shown, work


@pytest.mark.parametrize("form", [sign_in, ask_reset, ask_confirmation, register])
@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "unconfirmed"])
def test_an_address_with_an_account_is_answered_like_one_without(app: Flask, form: Form, confirmed: bool) -> None:
    user = member(app, confirmed=confirmed)
    known, known_work = seen(app, form, user.email)
    unknown, unknown_work = seen(app, form, STRANGER)
    assert known == unknown
    assert (known_work.hashes, known_work.commits) == (unknown_work.hashes, unknown_work.commits)


@pytest.mark.parametrize("form", [ask_reset, ask_confirmation])
def test_a_letter_asked_for_costs_one_transaction_and_no_hash(app: Flask, form: Form) -> None:
    _, work = seen(app, form, STRANGER)
    assert work == Work(hashes=0, commits=1, writes=2)


@pytest.mark.parametrize("form", [ask_reset, ask_confirmation, register])
@pytest.mark.parametrize("confirmed", [True, False])
def test_every_address_gets_one_letter(app: Flask, form: Form, confirmed: bool) -> None:
    user = member(app, confirmed=confirmed)
    form(Browser(app), user.email)
    form(Browser(app), STRANGER)
    assert [letter.recipient for letter in mail(app)] == [user.email, STRANGER]


def test_a_wrong_password_costs_as_much_as_an_unknown_address(app: Flask) -> None:
    user = member(app)
    assert seen(app, sign_in, user.email)[1] == seen(app, sign_in, STRANGER)[1] == Work(hashes=1)


def test_who_knows_the_password_learns_that_the_address_is_not_confirmed(app: Flask) -> None:
    user = member(app, confirmed=False)
    page = text_of(Browser(app).sign_in(user.email))
    assert "Confirm your address first" in page
    assert "is not right" not in page


def test_another_persons_address_cannot_be_found_out_by_changing_to_it(app: Flask) -> None:
    user, other = member(app), member(app)
    pages = []
    for address in (other.email, STRANGER):
        browser = Browser(app)
        browser.sign_in(user.email)
        pages.append(text_of(browser.post("/account/email", email=address)).replace(address, "ADDRESS"))
    assert pages[0] == pages[1]
    assert [letter.recipient for letter in mail(app)] == [STRANGER]
