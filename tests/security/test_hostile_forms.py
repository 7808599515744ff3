"""Forms: they count only when they come from our pages, hold only what they ask for, and lead nowhere else."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from visiting import OTHER_PASSWORD, PASSWORD, Browser, mail, member, set_up_second_factor, stored, text_of, token_in

from models import User, db

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example/account",
    "http://127.0.0.1:8000@evil.example/",
    "\\\\evil.example",
    "/\\evil.example",
    "\t//evil.example",
    " //evil.example",
    "%09//evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/\r\nLocation: https://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "//127.0.0.1:8000.evil.example",
    "/account/../..//evil.example",
]


def leaves(location: str | None) -> bool:
    """Whether a browser that is sent there, as lenient as browsers are, leaves the site or runs a script."""
    if not location:
        return False
    read = "".join(letter for letter in location if letter not in "\t\r\n").strip().replace("\\", "/")
    parts = urlsplit(read)
    own = parts.scheme in ("", "http") and parts.netloc in ("", "127.0.0.1:8000")
    return not own or read.startswith("//") or "\r" in location or "\n" in location


@pytest.mark.parametrize("target", ELSEWHERE)
def test_next_never_leaves(app: Flask, target: str) -> None:
    user = member(app)
    for how in ("address", "form"):
        browser = Browser(app)
        path = f"/account/sign-in?next={quote(target)}" if how == "address" else "/account/sign-in"
        page = browser.get(path)
        fields = {"next": target} if how == "form" else {}
        token = token_in(page)
        answer = browser.send(path, csrf_token=token, email=user.email, password=PASSWORD, **fields)
        assert not leaves(answer.location)
        again = browser.post(f"/account/again?next={quote(target)}", password=PASSWORD) if browser.signed_in() else None
        assert again is None or not leaves(again.location)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_next_never_leaves_after_the_second_factor(app: Flask, target: str) -> None:
    user = member(app)
    browser = Browser(app)
    browser.sign_in(user.email)
    set_up_second_factor(browser)
    other = Browser(app)
    assert not leaves(other.sign_in(user.email, next=target).location)
    assert not leaves(other.get(f"/account/code?next={quote(target)}").location)


def test_next_leads_back_to_where_one_was(app: Flask) -> None:
    user = member(app)
    browser = Browser(app)
    sent = browser.get("/account/delete").location
    assert sent is not None
    assert browser.post(sent, email=user.email, password=PASSWORD).location == "/account/delete"


def test_no_field_but_those_asked_for_counts_in_a_registration(app: Flask) -> None:
    Browser(app).post(
        "/account/register",
        name="Kofi",
        email="kofi@example.org",
        password=PASSWORD,
        role="administrator",
        active="1",
        confirmed_at="2020-01-01",
        organisation_id="1",
        owner="1",
        id="999",
        fs_uniquifier="x",
        tf_primary_method="authenticator",
        roles="administrator",
        is_active="1",
    )
    with app.app_context():
        made = db.session.query(User).filter_by(email="kofi@example.org").one()
        assert (made.role, made.confirmed_at, made.organisation_id, made.owner) == ("member", None, None, False)
        assert made.id != 999
        assert made.tf_primary_method is None
        assert len(made.fs_uniquifier) == 32
    assert Browser(app).sign_in("kofi@example.org").status_code == 200


@pytest.mark.parametrize("lacking", [{}, {"email": "kofi@example.org"}, {"password": PASSWORD}, {"email": "x" * 400}])
def test_what_lacks_is_said_beside_its_field_and_first_of_all(app: Flask, lacking: dict[str, str]) -> None:
    page = Browser(app).post("/account/register", **lacking)
    body = page.get_data(as_text=True)
    assert page.status_code == 200
    assert 'class="error-summary" role="alert"' in body
    for name in {"email", "password"} - {key for key, value in lacking.items() if len(value) < 100}:
        assert f'<a href="#{name}">' in body
        assert f'id="{name}-error"' in body


FORMS = {
    "/account/sign-in": {"email": "?", "password": PASSWORD},
    "/account/register": {"email": "kofi@example.org", "password": PASSWORD},
    "/account/reset": {"email": "?"},
    "/account/confirm": {"email": "?"},
}
OWN_FORMS = {
    "/account/password": {"password": PASSWORD, "new_password": OTHER_PASSWORD, "new_password_confirm": OTHER_PASSWORD},
    "/account/email": {"email": "new@example.org"},
    "/account/second-factor": {"setup": "authenticator"},
    "/account/recovery-codes": {"generate_new_codes": "1"},
    "/account/again": {"password": PASSWORD},
    "/account/sessions/end": {},
    "/account/delete": {},
}


@pytest.mark.parametrize("token", [None, "", "x", "foreign"])
@pytest.mark.parametrize("path", [*FORMS, *OWN_FORMS])
def test_a_form_that_is_not_from_this_session_changes_nothing(app: Flask, path: str, token: str | None) -> None:
    user = member(app)
    browser, second = Browser(app), Browser(app)
    if path in OWN_FORMS:
        browser.sign_in(user.email)
        second.sign_in(user.email)
    other = Browser(app)
    other.sign_in(member(app).email)
    foreign = token_in(other.get("/account"))
    data = {"csrf_token": foreign if token == "foreign" else token} if token is not None else {}
    fields = {name: user.email if value == "?" else value for name, value in {**FORMS, **OWN_FORMS}[path].items()}
    answer = browser.send(path, **data, **fields)
    assert answer.status_code == 400
    page = text_of(answer)
    assert "Go back, load the page again and send it once more." in page
    assert 'href="/"' in page
    assert mail(app) == []
    after = stored(app, user)
    assert (after.password, after.email, after.mf_recovery_codes) == (user.password, user.email, [])
    assert second.signed_in() is (path in OWN_FORMS)


def test_a_name_may_hold_any_script_and_no_more_than_its_column(app: Flask) -> None:
    for number, (name, taken) in enumerate(
        [("王 小明 نور", True), ("<script>alert(1)</script>", True), ("x" * 257, False)]
    ):
        page = Browser(app, f"192.0.2.{number}").post(
            "/account/register", name=name, email=f"p{number}@example.org", password=PASSWORD
        )
        assert (page.status_code == 302) is taken
    assert "Shorten the name to 256 characters." in text_of(page)


@pytest.mark.parametrize("email", ["amina", "a@b@c", "@example.org", "a b@example.org", "a@" + "x" * 300, "a@-"])
def test_an_impossible_address_is_refused_in_words(app: Flask, email: str) -> None:
    page = Browser(app).post("/account/register", email=email, password=PASSWORD)
    assert "Enter a whole e-mail address, such as name@example.org." in text_of(page)


def test_the_same_registration_twice_at_once_makes_one_account(app: Flask) -> None:
    import threading

    browsers = [Browser(app), Browser(app)]
    tokens = [token_in(browser.get("/account/register")) for browser in browsers]
    barrier = threading.Barrier(2)
    answers = []

    def send(browser: Browser, token: str) -> None:
        barrier.wait()
        answer = browser.send("/account/register", csrf_token=token, email="kofi@example.org", password=PASSWORD)
        answers.append((answer.status_code, answer.location))

    threads = [threading.Thread(target=send, args=pair) for pair in zip(browsers, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(302, "/account/check-mail")] * 2
    with app.app_context():
        assert db.session.query(User).filter_by(email="kofi@example.org").count() == 1


def test_fields_help_password_managers_and_phones(app: Flask) -> None:
    user = member(app)
    browser = Browser(app)
    assert 'autocomplete="current-password"' in browser.get("/account/sign-in").get_data(as_text=True)
    assert 'autocomplete="new-password"' in browser.get("/account/register").get_data(as_text=True)
    browser.sign_in(user.email)
    set_up_second_factor(browser)
    other = Browser(app)
    other.sign_in(user.email)
    page = other.get("/account/code").get_data(as_text=True)
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
