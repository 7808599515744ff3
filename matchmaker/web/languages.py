"""The language of an answer, and the switch in the foot of every page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from babel import Locale, negotiate_locale
from flask import Blueprint, Flask, Response, g, has_request_context, make_response, redirect, request, url_for
from flask_babel import Babel, get_locale

from ..errors import Invalid
from ..messages import N_
from ..translations import Catalogues
from ..wording import ENGLISH

languages = Blueprint("languages", __name__)

COOKIE = "lang"
_YEAR = 365 * 24 * 3600
#: An address on this site. Browsers read two slashes as another host, take backslashes for slashes, skip line ends.
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f\\]*")


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the interface: its code, its BCP-47 tag, its name in itself, and the rules of its figures."""

    code: str
    tag: str
    name: str
    locale: Locale

    @property
    def direction(self) -> str:
        """How it is written: "ltr" or "rtl"."""
        return "rtl" if self.locale.character_order == "right-to-left" else "ltr"


LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "en", "English", ENGLISH),
        Language("zh", "zh-Hans", "简体中文", Locale("zh", "CN", "Hans")),
        Language("ar", "ar", "العربية", Locale("ar")),
    )
}


def init_app(app: Flask) -> None:
    """Answer every request, of pages and API alike, in its reader's language."""
    babel = Babel(app, default_locale=str(ENGLISH), locale_selector=lambda: str(choose().locale))
    babel.domain_instance = Catalogues()
    app.context_processor(_around)
    app.after_request(_say)
    app.register_blueprint(languages)


def choose() -> Language:
    """The reader's language: what they chose here, or else the first their browser asks for that there is, or else
    English. Without a request, as in the worker, it is English."""
    if not has_request_context():
        return LANGUAGES["en"]
    g.language_chosen = True
    if chosen := LANGUAGES.get(request.cookies.get(COOKIE, "")):
        return chosen
    asked = [tag.lower() for tag, quality in request.accept_languages if quality > 0]
    return LANGUAGES[negotiate_locale(asked, LANGUAGES, sep="-") or "en"]


def current() -> Language:
    """The language this answer is in."""
    return LANGUAGES[get_locale().language]


@languages.post("/language")
def switch() -> Response:
    """Remember the language for a year and go back to where the reader was."""
    code = request.form.get("language", "")
    if code not in LANGUAGES:
        raise Invalid(N_("This language is not offered. Use one of: %(codes)s.", codes=", ".join(LANGUAGES)))
    back = request.form.get("next", "")
    address = back if _LOCAL.fullmatch(back) else url_for("public.home")
    answer = make_response(redirect(address, 303))
    answer.set_cookie(COOKIE, code, max_age=_YEAR, secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


def _around() -> dict[str, Any]:
    # Where a form was sent to, there need not be a page to come back to.
    here = request.full_path if request.query_string else request.path
    came = here if request.method == "GET" else url_for("public.home")
    return {"page_language": current(), "languages": LANGUAGES.values(), "here": came}


def _say(response: Response) -> Response:
    """Answers in a language name it, and may be kept only for readers of that language."""
    if "language_chosen" in g:
        response.content_language.add(current().tag)
        response.vary.update(("Accept-Language", "Cookie"))
    return response
