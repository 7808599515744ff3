"""People for tests: accounts in every role, and browsers in which they are signed in."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from matchmaker.policy import Actor, actor_of
from matchmaker.services import sessions
from matchmaker.transaction import transaction
from models import Organisation, User, db
from models.base import now
from models.taxonomy import STAFF_ROLES

_numbers = count(1)


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a browser without JavaScript, signed in unless it is a visitor's."""

    id: int
    email: str
    actor: Actor
    client: FlaskClient

    def get(self, address: str, **options: Any) -> TestResponse:
        """The whole answer to a request, with nothing left open."""
        return self.client.get(address, buffered=True, **options)

    def post(self, address: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form as a page of ours would, with its token."""
        return self.client.post(
            address, data={"csrf_token": token(self.client), **(data or {})}, buffered=True, **options
        )


def token(client: FlaskClient) -> str:
    """The token that stands in every form of this browser's session."""
    page = client.get("/account/register", follow_redirects=True).get_data(as_text=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def organisation(name: str = "Jua & Maji Works", **given: Any) -> int:
    """A stored organisation's number."""
    with transaction():
        made = Organisation(name=name, **given)
        db.session.add(made)
        db.session.flush()
        return made.id


def person(app: Flask, role: str = "member", organisation_id: int | None = None, *, owner: bool = False) -> Person:
    """Somebody with a confirmed account, signed in a moment ago. Call it outside an application's context."""
    with app.app_context():
        with transaction():
            user = User(
                email=f"{role}{next(_numbers)}@example.org",
                name=f"A {role}",
                role=role,
                organisation_id=organisation_id,
                owner=owner,
                confirmed_at=now(),
                tf_primary_method="authenticator" if role in STAFF_ROLES else None,
            )
            db.session.add(user)
            db.session.flush()
        key = sessions.begin(user.id, "tests")
        kept = user.id, user.email, actor_of(user), user.fs_uniquifier
    client = app.test_client()
    with client.session_transaction() as session:
        session.update(_user_id=kept[3], _fresh=True, key=key, fs_cc="set", fs_paa=time.time())
    return Person(*kept[:3], client)
