"""People in front of the account pages: their browsers, their mail, their authenticators."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from passlib.totp import TOTP
from werkzeug.test import TestResponse

from matchmaker.mail import MemoryMailer, Message
from matchmaker.services import notifying, sessions
from matchmaker.transaction import transaction
from models import User, db
from models.base import now

PASSWORD = "seven purple zebras dancing"
OTHER_PASSWORD = "eleven quiet rivers upstream"
_numbers = count(1)


@dataclass
class Browser:
    """One device; every form is opened before it is sent, as people do."""

    app: Flask
    address: str = "198.51.100.7"
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()
        self.client.environ_base["REMOTE_ADDR"] = self.address

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, buffered=True, **options)

    def post(self, path: str, **data: Any) -> TestResponse:
        """Send the form of a page."""
        page = self.get(path)
        while page.location:
            page = self.get(page.location)
        return self.send(path, csrf_token=token_in(page), **data)

    def send(self, path: str, **data: Any) -> TestResponse:
        """Send these fields and no others."""
        return self.client.post(path, data=data, buffered=True)

    def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> TestResponse:
        return self.post("/account/sign-in", email=email, password=password, **more)

    def sign_out(self) -> TestResponse:
        return self.send("/account/sign-out", csrf_token=token_in(self.get("/account")))

    def signed_in(self) -> bool:
        return self.get("/account").status_code == 200

    def cookie(self) -> str:
        found = self.client.get_cookie("session")
        assert found
        return found.value

    def with_cookie(self, value: str) -> Browser:
        """Another device that was given this cookie."""
        other = Browser(self.app, "203.0.113.9")
        other.client.set_cookie("session", value)
        return other

    def age(self, minutes: int) -> None:
        """Let so much time pass since the password was given."""
        with self.client.session_transaction() as session:
            session["fs_paa"] -= minutes * 60


def token_in(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.get_data(as_text=True))
    assert found, page.get_data(as_text=True)
    return found[1]


def text_of(page: TestResponse) -> str:
    """A page without what differs at every visit."""
    body = unescape(page.get_data(as_text=True))
    return re.sub(r'(csrf_token"[^>]*value|nonce)="[^"]+"', "", re.sub(r"quote [0-9a-f]+", "", body))


def member(app: Flask, role: str = "member", *, confirmed: bool = True, **more: Any) -> User:
    """Somebody with an account and PASSWORD."""
    with app.app_context(), transaction():
        made = User(
            email=f"person{next(_numbers)}@example.org",
            name="Amina Otieno",
            role=role,
            password=hashed(app),
            confirmed_at=now() if confirmed else None,
            **more,
        )
        db.session.add(made)
        db.session.flush()
        db.session.expunge(made)
        return made


_hashes: list[str] = []


def hashed(app: Flask) -> str:
    """PASSWORD as it is stored."""
    from flask_security import hash_password

    if not _hashes:
        with app.app_context():
            _hashes.append(hash_password(PASSWORD))
    return _hashes[0]


def stored(app: Flask, user: User) -> User:
    """The account as it stands in the database."""
    with app.app_context():
        found = db.session.get_one(User, user.id)
        db.session.expunge(found)
        return found


def mail(app: Flask) -> list[Message]:
    """All letters that were sent so far, what was owed delivered."""
    mailer: MemoryMailer = app.extensions["matchmaker"].mailer
    with app.app_context():
        while notifying.deliver_next(mailer, "tests"):
            pass
    return mailer.sent


def link(app: Flask, part: str = "/account/") -> str:
    """The path of the last letter's link."""
    found = re.search(rf"https?://[^/\s]+({part}\S+)", mail(app)[-1].text)
    assert found, mail(app)[-1].text
    return found[1]


def set_up_second_factor(browser: Browser) -> TOTP:
    """Set up an authenticator with the form that the browser is led to."""
    page = browser.post("/account/second-factor", setup="authenticator")
    body = page.get_data(as_text=True)
    action = r'action="(/account/(?:second-factor/|code)[^"]*)"'
    key, target = re.findall(r"<code>(.*?)</code>", body), re.findall(action, body)
    device = TOTP(key=key[0].replace("-", ""), format="base32")
    answer = browser.send(target[0], csrf_token=token_in(page), code=device.generate().token)
    assert answer.status_code == 302, text_of(answer)
    return device


def later(app: Flask, user: User) -> None:
    """Let the codes used so far be of another half minute."""
    with app.app_context(), transaction():
        db.session.get_one(User, user.id).tf_last_counter = None


def actions(app: Flask) -> list[str]:
    """What the audit trail tells, oldest first."""
    from models import AuditEntry

    with app.app_context():
        return [entry.action for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]


def sign_ins(app: Flask, user: User) -> int:
    with app.app_context():
        return len(sessions.of_user(user.id))
