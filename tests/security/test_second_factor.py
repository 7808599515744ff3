"""The second factor: staff cannot do without, and no code passes twice."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from passlib.totp import TOTP
from visiting import (
    OTHER_PASSWORD,
    PASSWORD,
    Browser,
    actions,
    later,
    link,
    mail,
    member,
    set_up_second_factor,
    stored,
    text_of,
    token_in,
)

from matchmaker.policy import SYSTEM
from matchmaker.services import accounts
from models import User
from models.taxonomy import STAFF_ROLES


@pytest.fixture
def user(app: Flask) -> User:
    return member(app)


@pytest.fixture
def device(app: Flask, user: User) -> TOTP:
    """The authenticator of the user, whose codes of this half minute are as good as new."""
    browser = Browser(app)
    browser.sign_in(user.email)
    device = set_up_second_factor(browser)
    later(app, user)
    return device


def recovery_codes(app: Flask, user: User, device: TOTP) -> list[str]:
    browser = Browser(app)
    browser.sign_in(user.email)
    browser.post("/account/code", code=device.generate().token)
    page = browser.post("/account/recovery-codes", generate_new_codes="Make new codes")
    later(app, user)
    return re.findall(r"<li><code>(.*?)</code>", page.get_data(as_text=True))


def half_way(app: Flask, user: User) -> Browser:
    browser = Browser(app)
    answer = browser.sign_in(user.email)
    assert answer.location.startswith("/account/code")
    return browser


def test_the_password_alone_no_longer_opens_the_account(app: Flask, user: User, device: TOTP) -> None:
    browser = half_way(app, user)
    assert not browser.signed_in()
    browser.post("/account/code", code=device.generate().token)
    assert browser.signed_in()


def test_a_wrong_code_opens_nothing(app: Flask, user: User, device: TOTP) -> None:
    browser = half_way(app, user)
    wrong = f"{(int(device.generate().token) + 1) % 10**6:06}"
    assert "This code is not right" in text_of(browser.post("/account/code", code=wrong))
    assert not browser.signed_in()


def test_a_code_passes_once(app: Flask, user: User, device: TOTP) -> None:
    code = device.generate().token
    first, second = half_way(app, user), half_way(app, user)
    first.post("/account/code", code=code)
    second.post("/account/code", code=code)
    assert (first.signed_in(), second.signed_in()) == (True, False)


def both_at_once(app: Flask, user: User, path: str, code: str) -> list[bool]:
    """Two devices send the same code at the same moment."""
    browsers = [half_way(app, user) for _ in range(2)]
    tokens = [token_in(browser.get(path)) for browser in browsers]
    barrier = threading.Barrier(2)

    def send(browser: Browser, token: str) -> None:
        barrier.wait()
        browser.send(path, csrf_token=token, code=code)

    threads = [threading.Thread(target=send, args=pair) for pair in zip(browsers, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(browser.signed_in() for browser in browsers)


def test_of_two_devices_with_one_code_exactly_one_gets_in(app: Flask, user: User, device: TOTP) -> None:
    for _ in range(5):
        assert both_at_once(app, user, "/account/code", device.generate().token) == [False, True]
        later(app, user)


def test_of_two_devices_with_one_recovery_code_exactly_one_gets_in(app: Flask, user: User, device: TOTP) -> None:
    for code in recovery_codes(app, user, device)[:5]:
        assert both_at_once(app, user, "/account/recovery", code) == [False, True]


def test_a_recovery_code_passes_once_however_it_is_typed(app: Flask, user: User, device: TOTP) -> None:
    codes = recovery_codes(app, user, device)
    assert len(codes) == 10
    first, second = half_way(app, user), half_way(app, user)
    first.post("/account/recovery", code=f" {codes[3].upper()} ")
    page = second.post("/account/recovery", code=codes[3])
    assert "was used before" in text_of(page)
    assert (first.signed_in(), second.signed_in()) == (True, False)
    assert len(stored(app, user).mf_recovery_codes) == 9
    assert "user.use_recovery_code" in actions(app)


def test_recovery_codes_are_not_stored_as_they_are_typed(app: Flask, user: User, device: TOTP) -> None:
    codes = recovery_codes(app, user, device)
    assert not set(codes) & set(stored(app, user).mf_recovery_codes)
    assert all(kept.startswith("gAAAA") for kept in stored(app, user).mf_recovery_codes)


def test_the_devices_key_is_stored_locked(app: Flask, user: User, device: TOTP) -> None:
    secret = stored(app, user).tf_totp_secret
    assert secret is not None
    assert device.base32_key not in secret
    assert '"enckey"' in secret


def test_new_recovery_codes_end_the_old_ones(app: Flask, user: User, device: TOTP) -> None:
    old = recovery_codes(app, user, device)
    recovery_codes(app, user, device)
    browser = half_way(app, user)
    browser.post("/account/recovery", code=old[0])
    assert not browser.signed_in()


def test_turning_it_off_is_told_by_mail_and_ends_its_codes(app: Flask, user: User, device: TOTP) -> None:
    recovery_codes(app, user, device)
    browser = half_way(app, user)
    browser.post("/account/code", code=device.generate().token)
    browser.post("/account/second-factor", setup="disable")
    after = stored(app, user)
    assert (after.tf_primary_method, after.tf_totp_secret, after.mf_recovery_codes) == (None, None, [])
    assert mail(app)[-1].subject == "Your second factor was changed"
    assert browser.signed_in()
    assert Browser(app).sign_in(user.email).location == "/account"


def test_a_sign_in_begun_before_does_not_replace_a_second_factor(app: Flask) -> None:
    """Somebody who knew the password of staff once kept the form that sets up the first authenticator."""
    user = member(app, "moderator")
    thief = Browser(app)
    thief.sign_in(user.email)
    page = thief.post("/account/second-factor", setup="authenticator")
    key = re.findall(r"<code>(.*?)</code>", page.get_data(as_text=True))[0]
    owner = Browser(app)
    owner.sign_in(user.email)
    set_up_second_factor(owner)
    before = stored(app, user)
    code = TOTP(key=key.replace("-", ""), format="base32").generate().token
    thief.send("/account/code", csrf_token=token_in(page), code=code)
    assert not thief.signed_in()
    assert stored(app, user).tf_totp_secret == before.tf_totp_secret


def test_a_form_of_another_account_does_not_set_up_a_device_in_an_old_session(app: Flask, user: User) -> None:
    thief = Browser(app)
    thief.sign_in(member(app).email)
    page = thief.post("/account/second-factor", setup="authenticator").get_data(as_text=True)
    key = re.findall(r"<code>(.*?)</code>", page)[0]
    (action,) = re.findall(r'action="(/account/second-factor/[^"]+)"', page)
    stolen = Browser(app)
    stolen.sign_in(user.email)
    token = token_in(stolen.get("/account"))
    stolen.age(16)
    code = TOTP(key=key.replace("-", ""), format="base32").generate().token
    answer = stolen.send(action, csrf_token=token, code=code)
    assert answer.location.startswith("/account/again")
    assert stored(app, user).tf_totp_secret is None


# Staff


@pytest.mark.parametrize("role", STAFF_ROLES)
def test_staff_get_in_only_with_a_second_factor(app: Flask, role: str) -> None:
    user = member(app, role)
    browser = Browser(app)
    assert browser.sign_in(user.email).location == "/account/second-factor"
    assert not browser.signed_in()
    set_up_second_factor(browser)
    assert browser.signed_in()


def test_until_then_no_staff_page_is_there_and_signing_in_leads_to_setting_it_up(app: Flask) -> None:
    user = member(app, "administrator")
    browser = Browser(app)
    browser.sign_in(user.email)
    staff = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/staff") and not rule.arguments}
    assert "/staff" in staff
    assert {browser.get(path).status_code for path in staff} <= {404, 405}
    assert browser.sign_in(user.email).location == "/account/second-factor"


def test_a_session_that_staff_got_without_a_second_factor_opens_nothing(app: Flask) -> None:
    from people import person

    someone = person(app)
    with app.app_context():
        from sqlalchemy import update

        from matchmaker.transaction import transaction
        from models import db

        with transaction():
            db.session.execute(update(User).where(User.id == someone.id).values(role="moderator"))
    assert someone.get("/account").status_code == 302


def test_staff_cannot_turn_it_off(app: Flask) -> None:
    user = member(app, "matchmaker")
    browser = Browser(app)
    browser.sign_in(user.email)
    set_up_second_factor(browser)
    page = browser.get("/account/second-factor")
    assert 'value="disable"' not in page.get_data(as_text=True)
    browser.send("/account/second-factor", csrf_token=token_in(page), setup="disable")
    assert stored(app, user).tf_primary_method == "authenticator"


def reset_by_mail(browser: Browser, user: User) -> None:
    browser.post("/account/reset", email=user.email)
    browser.post(link(browser.app), password=OTHER_PASSWORD, password_confirm=OTHER_PASSWORD)


@pytest.mark.parametrize("way", [reset_by_mail])
def test_a_reset_password_does_not_get_around_it(
    app: Flask, user: User, device: TOTP, way: Callable[[Browser, User], None]
) -> None:
    browser = Browser(app)
    way(browser, user)
    assert browser.sign_in(user.email, OTHER_PASSWORD).location.startswith("/account/code")
    assert not browser.signed_in()


def test_who_lost_device_and_codes_is_let_in_by_an_administrator(app: Flask, user: User, device: TOTP) -> None:
    with app.app_context():
        accounts.reset_second_factor(SYSTEM, user.id)
    browser = Browser(app)
    assert browser.sign_in(user.email, PASSWORD).location == "/account"
