"""Every error as an answer with a way on: a page for people, JSON under /api/."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, TooManyRequests

from ..errors import Invalid, MatchmakerError
from ..messages import N_
from ..policy import ANONYMOUS
from ..wording import _

log = logging.getLogger(__name__)

_WORDS = {
    400: (N_("This request cannot be read"), N_("Go back and try again, or start from the search.")),
    401: (N_("Sign in first"), N_("This page is for people with an account.")),
    403: (
        N_("This is not for your account"),
        N_("Ask the owner of your organisation, or programme staff, to do it."),
    ),
    404: (
        N_("There is nothing at this address"),
        N_("The address may be mistyped, or the listing was withdrawn. Search for what you need instead."),
    ),
    405: (N_("This address cannot be used that way"), N_("Open it from a link, or start from the search.")),
    409: (N_("This cannot be done as things stand"), N_("Look at what changed, then repeat yours.")),
    413: (N_("What you sent is too large"), N_("Send at most 16 MB at once; split a larger file into parts.")),
    414: (
        N_("The text is too long for an address"),
        N_(
            "Shorten it to its main points and search again. "
            "About 20,000 letters fit, fewer in scripts other than Latin."
        ),
    ),
    422: (N_("Something in this request cannot be used"), N_("Change what is named here and try again.")),
    429: (N_("Too many tries"), N_("Wait a few minutes, then try again.")),
    500: (
        N_("This did not work because of a fault on our side"),
        N_("Nothing of yours was changed. Try again in a few minutes."),
    ),
    503: (
        N_("The listings cannot be read just now"),
        N_("The database does not answer. Try again in half a minute; what you searched for stands in the address."),
    ),
}

#: Somebody pressed a button on a page of an ended session, or on one of another site.
_FOREIGN_FORM = (
    N_("This form cannot be taken any more"),
    N_("Nothing was changed. Go back, load the page again and send it once more. Your browser must allow cookies."),
)

#: Seconds.
_RETRY_AFTER = "30"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong and how to mend it; `fields` maps a field of the request to what is wrong with it."""

    status: int
    title: str
    remedy: str
    fields: dict[str, list[str]] = field(default_factory=dict)


def init_app(app: Flask) -> None:
    """Answer every error with its page or its JSON."""
    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(MatchmakerError, _failed)
    for kind in (DatabaseError, InterfaceError, PoolTimeout):
        app.register_error_handler(kind, _without_database)


def refused(error: HTTPException) -> Response:
    """The answer to an error of HTTP itself, with what its headers say of a way on."""
    status = error.code or 500
    title, remedy = _WORDS.get(status) or _WORDS[400 if status < 500 else 500]
    if isinstance(error, CSRFError):
        title, remedy = _FOREIGN_FORM
    way_on = _(remedy)
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        way_on = _("Wait %(minutes)s min, then try again.", minutes=math.ceil(error.retry_after / 60))
    # webargs leaves what its schemas said, by place and field, in the exception.
    messages: dict[str, dict[str, list[str]]] = getattr(error, "data", {}).get("messages", {})
    fields = {name: said(told) for place in messages.values() for name, told in place.items()}
    answer = _answer(Problem(status, _(title), way_on, fields))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _failed(error: MatchmakerError) -> Response:
    if error.status >= 500:
        log.error("%s", error)
    title, remedy = _WORDS.get(error.status) or _WORDS[400]
    fields = said(error.problems) if isinstance(error, Invalid) else {}
    return _answer(Problem(error.status, _(title), _(error.message if error.status < 500 else remedy), fields))


def said(messages: Any) -> Any:
    """What is wrong with a field in the reader's language; that of a list's items stands under their positions."""
    if isinstance(messages, dict):
        return {name: said(inner) for name, inner in messages.items()}
    return [_(message) for message in messages]


def _without_database(error: SQLAlchemyError) -> Response:
    """Of the errors of a database these say that it is not there; the others are faults of ours."""
    gone = (OperationalError, InterfaceError, PoolTimeout)
    if not isinstance(error, gone) and type(error) is not DatabaseError:
        raise error
    log.error("the database does not answer: %s", str(getattr(error, "orig", None) or error).splitlines()[0])
    title, remedy = _WORDS[503]
    # Who reads the page cannot be looked up.
    g.actor = ANONYMOUS
    answer = _answer(Problem(503, _(title), _(remedy)))
    answer.headers["Retry-After"] = _RETRY_AFTER
    return answer


def _answer(problem: Problem) -> Response:
    if request.path.startswith("/api/"):
        return make_response(jsonify(error=f"{problem.title}. {problem.remedy}", fields=problem.fields), problem.status)
    return make_response(render_template("error.html", problem=problem), problem.status)
