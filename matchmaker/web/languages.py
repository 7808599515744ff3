"""The language of an answer, and the switch in the foot of every page."""

from __future__ import annotations

import re
from typing import Any

from babel import negotiate_locale
from flask import Blueprint, Flask, Response, g, has_request_context, make_response, redirect, request, url_for
from flask_babel import Babel, get_locale
from flask_security import current_user

from ..errors import Invalid
from ..messages import N_
from ..services import accounts
from ..translations import ENGLISH, LANGUAGES, Catalogues, Language
from .security import actor

languages = Blueprint("languages", __name__)

COOKIE = "lang"
_YEAR = 365 * 24 * 3600
#: An address on this site. Browsers read two slashes as another host, take backslashes for slashes, skip line ends.
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f\\]*")


def init_app(app: Flask) -> None:
    """Answer every request, of pages and API alike, in its reader's language."""
    babel = Babel(app, default_locale=str(ENGLISH.locale), locale_selector=lambda: str(choose().locale))
    babel.domain_instance = Catalogues()
    app.context_processor(_around)
    app.after_request(_say)
    app.register_blueprint(languages)


def choose() -> Language:
    """The reader's language: what they chose in this browser, or else in another, or else the first that this one asks
    for and that there is, or else English. Without a request, as in the worker, it is English."""
    if not has_request_context():
        return ENGLISH
    g.language_chosen = True
    if chosen := LANGUAGES.get(request.cookies.get(COOKIE, "")) or LANGUAGES.get(_of_account()):
        return chosen
    asked = [tag.lower() for tag, quality in request.accept_languages if quality > 0]
    return LANGUAGES[negotiate_locale(asked, LANGUAGES, sep="-") or ENGLISH.code]


def _of_account() -> str:
    return (current_user.locale or "") if actor().known else ""


def current() -> Language:
    """The language this answer is in."""
    return LANGUAGES[get_locale().language]


@languages.post("/language")
def switch() -> Response:
    """Remember the language for a year, with an account for good, and go back to where the reader was."""
    code = request.form.get("language", "")
    if code not in LANGUAGES:
        raise Invalid(N_("This language is not offered. Use one of: %(codes)s.", codes=", ".join(LANGUAGES)))
    if user_id := actor().user_id:
        accounts.set_language(user_id, code)
    back = request.form.get("next", "")
    address = back if _LOCAL.fullmatch(back) else url_for("public.home")
    answer = make_response(redirect(address, 303))
    answer.set_cookie(COOKIE, code, max_age=_YEAR, secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


def here() -> str:
    """The address to come back to. Where a form was sent, there need not be a page."""
    if request.method != "GET":
        return url_for("public.home")
    return request.full_path if request.query_string else request.path


def _around() -> dict[str, Any]:
    return {"page_language": current(), "languages": LANGUAGES.values(), "here": here}


def _say(response: Response) -> Response:
    """Answers in a language name it, and may be kept only for readers of that language."""
    if "language_chosen" in g:
        response.content_language.add(current().tag)
        response.vary.update(("Accept-Language", "Cookie"))
    return response
