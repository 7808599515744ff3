"""The page behind the link of a reminder: one button, no sign-in."""

from __future__ import annotations

from flask import Blueprint, make_response, render_template
from flask.wrappers import Response

from models import Listing

from ..errors import Conflict
from ..links import Links
from ..parts import current_parts
from ..services import staleness
from ..wording import _

confirming = Blueprint("confirming", __name__)


@confirming.get("/still-valid/<token>")
def ask(token: str) -> Response:
    """Ask. Looking changes nothing: whoever scans mail opens every link."""
    try:
        return _page(staleness.asked_about(_links(), token))
    except Conflict as error:
        return _page(None, _(error.message))


@confirming.post("/still-valid/<token>")
def confirm(token: str) -> Response:
    """Take the answer; it counts once."""
    try:
        return _page(staleness.confirm(_links(), token), done=True)
    except Conflict as error:
        return _page(None, _(error.message))


def _links() -> Links:
    return current_parts().letters.links


def _page(listing: Listing | None, refusal: str = "", *, done: bool = False) -> Response:
    page = render_template("listings/still_valid.html", listing=listing, refusal=refusal, done=done)
    response = make_response(page, 409 if refusal else 200)
    response.cache_control.no_store = True
    return response
