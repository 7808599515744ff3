"""The link in a reminder: one look, one button, no sign-in."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from moderation import letters, listing, read
from people import Person, organisation, person
from sqlalchemy import select

from matchmaker.services import staleness
from models import Mail, db
from models.base import now


@pytest.fixture
def asked(app: Flask) -> tuple[int, str]:
    """A listing whose owner was asked, and the path of the link in the letter."""
    with app.app_context():
        firm = organisation()
    owner: Person = person(app, organisation_id=firm, owner=True)
    with app.app_context():
        id = listing("published", owner.actor, title="Pump <b>&</b>", moment=now() - timedelta(days=170))
        staleness.remind(letters(app), now())
        text = db.session.scalars(select(Mail.text)).one()
    found = re.search(r"(/still-valid/\S+)", text)
    assert found
    return id, found[1]


def press(app: Flask, path: str) -> int:
    """Open the page in a browser without a session, and press its button."""
    browser = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).get_data(as_text=True))
    return browser.post(path, data={"csrf_token": token[1] if token else ""}).status_code


def test_opening_the_link_changes_nothing_and_the_button_confirms(app: Flask, asked: tuple[int, str]) -> None:
    id, path = asked
    with app.app_context():
        before = read(id).confirmed_at
    page = app.test_client().get(path)
    assert page.status_code == 200
    assert "Pump &lt;b&gt;&amp;&lt;/b&gt;" in page.get_data(as_text=True)
    assert "no-store" in page.headers["Cache-Control"]
    with app.app_context():
        assert read(id).confirmed_at == before
    assert press(app, path) == 200
    with app.app_context():
        confirmed = read(id).confirmed_at
    assert confirmed
    assert confirmed > now() - timedelta(minutes=1)


def test_a_used_link_says_that_there_is_nothing_to_do(app: Flask, asked: tuple[int, str]) -> None:
    _id, path = asked
    press(app, path)
    answer = app.test_client().get(path)
    assert answer.status_code == 409
    assert "confirmed already" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path", ["/still-valid/x", "/still-valid/W10.x", "/still-valid/%00", "/still-valid/" + "a" * 5000]
)
def test_a_link_that_is_none_of_ours_leads_nowhere(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.status_code == 404
