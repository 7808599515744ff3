"""Every page that answers a reader, before whoever may see it: in light and dark, from right to left, on a phone.

A route that is not declared here fails the test of the map.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from databases import Database
from flask.testing import FlaskClient
from moderation import listing
from objects import FORMAT, Town, address, inhabited, session_of
from playwright.sync_api import Page
from visiting import Browser, link, member, set_up_second_factor
from watching import Site, Watch
from werkzeug.serving import make_server

from matchmaker.links import Links
from matchmaker.services import listings
from matchmaker.services.posting import PAGES as FORM_PAGES

pytestmark = pytest.mark.browser

_LISTING = "/<kind:kind>/<id:listing_id>"
_IMPORT = "/my/imports/<id:import_id>"
_FIRM = "/organisations/<id:organisation_id>"
#: Who is shown a page, by its rule. Somebody "half-way" has given the password and not yet the code.
PAGES = {
    **dict.fromkeys(
        [
            "/",
            "/about",
            "/<kind:kind>",
            "/<kind:kind>/<name:name>",
            f"{_LISTING}/<kind:wanted>",
            _FIRM,
            "/invitations/<key>",
            "/still-valid/<token>",
            "/account/check-mail",
            "/account/register",
            "/account/sign-in",
            "/account/confirm",
            "/account/reset",
            "/account/reset/<token>",
        ],
        "visitor",
    ),
    **dict.fromkeys(["/account/code", "/account/recovery", "/account/lost-device"], "half-way"),
    "/organisation/new": "loner",
    **dict.fromkeys(
        [
            "/account",
            "/account/delete",
            "/account/password",
            "/account/email",
            "/account/again",
            "/account/second-factor",
            "/account/recovery-codes",
            "/my/listings",
            "/my/imports",
            "/my/imports/new",
            _IMPORT,
            "/post/<kind:kind>",
            f"{_LISTING}/edit",
            f"{_LISTING}/edit/<page>",
            f"{_LISTING}/check",
            f"{_LISTING}/images",
            f"{_LISTING}/versions",
            f"{_LISTING}/versions/<int:version>",
            f"{_FIRM}/edit",
            f"{_FIRM}/members",
        ],
        "owner",
    ),
    **dict.fromkeys(["/staff", "/staff/moderation", "/staff/moderation/<id:listing_id>"], "moderator"),
    **dict.fromkeys(
        ["/staff/audit", "/staff/pieces", "/staff/users", "/staff/users/<id:user_id>"],
        "administrator",
    ),
}
#: They answer with files, with data, or by leading elsewhere.
NO_PAGES = [
    "/<kind:kind>.atom",
    f"/<kind:kind>/results.{FORMAT}",
    "/account/choose-factor",
    "/account/confirm/<token>",
    "/account/email/<token>",
    "/account/everything.json",
    "/account/second-factor/done",
    "/api/v1/completions",
    "/api/v1/openapi.json",
    "/api/v1/search",
    "/bootstrap/static/<path:filename>",
    "/favicon.svg",
    "/healthz",
    "/images/<key>",
    "/metrics",
    f"{_IMPORT}/problems.csv",
    f"/my/imports/template-<kind:kind>.{FORMAT}",
    f"/my/listings.{FORMAT}",
    "/organisation",
    "/readyz",
    "/robots.txt",
    "/sitemap-<id:number>.xml",
    "/sitemap.xml",
    "/staff/audit.csv",
    "/static/<path:filename>",
]
#: Each page of the form of an offer, all of which have one rule.
FORMS = [f"{_LISTING}/edit/<page>".replace("<page>", page) for page in FORM_PAGES["offer"]]
CASES = [*(rule for rule in PAGES if not rule.endswith("<page>")), *FORMS]
#: Whose form, sent empty, is shown again with what has to be mended.
ASKING = [
    "/account/register",
    "/account/sign-in",
    "/account/confirm",
    "/account/reset",
    "/account/reset/<token>",
    "/account/code",
    "/account/recovery",
    "/organisation/new",
    "/account/password",
    "/account/email",
    "/account/again",
    "/my/imports/new",
    "/post/<kind:kind>",
    f"{_LISTING}/edit/what",
    f"{_LISTING}/images",
    f"{_FIRM}/edit",
    f"{_FIRM}/members",
    "/staff/moderation/<id:listing_id>",
]
LIGHT = {"color_scheme": "light"}
DARK = {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}}
ARABIC = {"locale": "ar"}
#: What axe tells, not what it looks for: telling the rest takes most of the time.
ONLY_VIOLATIONS = {"resultTypes": ["violations"]}


@dataclass(frozen=True)
class Tour:
    """A town in which every page has one address, and somebody half-way through signing in."""

    town: Town
    half_way: FlaskClient
    tokens: dict[str, str]
    known: dict[str, str]

    def address(self, rule: str) -> str:
        """Where the page is: the same each time, so that lists of objects stay short."""
        if rule not in self.known:
            filled = rule.replace("<token>", self.tokens.get(rule, ""))
            self.known[rule] = address(self.town, filled, self.town.people["owner"])
        return self.known[rule]

    def cookie(self, rule: str) -> str:
        """The session of whoever is shown the page; "" for a visitor."""
        role = PAGES[f"{_LISTING}/edit/<page>" if rule in FORMS else rule]
        client = self.half_way if role == "half-way" else self.town.people[role].client
        kept = client.get_cookie("session")
        return kept.value if kept else ""


def _tokens(town: Town) -> dict[str, str]:
    """What letters hold, by the rule of the page they lead to."""
    app = town.market.app
    forgetful = member(app)
    Browser(app).post("/account/reset", email=forgetful.email)
    links: Links = app.extensions["matchmaker"].letters.links
    owner = town.people["owner"]
    offer = town.listing()
    with app.app_context():
        confirmed = listings.find(owner.actor, offer).confirmed_at
    assert confirmed
    return {
        "/account/reset/<token>": link(app).rpartition("/")[2],
        "/still-valid/<token>": links.still_valid(offer, owner.id, confirmed).rpartition("/")[2],
    }


def _half_way(town: Town) -> FlaskClient:
    """Of somebody who has a second factor, and has given the password."""
    careful = member(town.market.app)
    first, second = Browser(town.market.app), Browser(town.market.app)
    first.sign_in(careful.email)
    set_up_second_factor(first)
    second.sign_in(careful.email)
    return second.client


@pytest.fixture(scope="module")
def tour(sqlite: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """On one database: a browser sees nothing but pages."""
    with inhabited(sqlite, tmp_path_factory.mktemp("tour")) as town:
        session_of(town, town.people["owner"])
        town.invitation()
        town.bulk_import()
        with town.market.app.app_context():
            waiting = listing(actor=town.people["owner"].actor, summary="Lifts water.", category="water")
        known = {"/staff/moderation/<id:listing_id>": f"/staff/moderation/{waiting}"}
        yield Tour(town, _half_way(town), _tokens(town), known)


@pytest.fixture(scope="module")
def site(tour: Tour) -> Iterator[Site]:
    """A server over the town."""
    server = make_server("127.0.0.1", 0, tour.town.market.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.port}", tour.town.market.numbers)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _unlimited(tour: Tour) -> None:
    """Limits on tries have tests of their own."""
    for limiter in tour.town.market.app.extensions["limiter"]:
        limiter.reset()


def visit(page: Page, tour: Tour, site: Site, rule: str) -> None:
    """Open the page as whoever may see it."""
    if cookie := tour.cookie(rule):
        page.context.add_cookies([{"name": "session", "value": cookie, "url": site.address}])
    answer = page.goto(tour.address(rule))
    assert answer
    assert answer.status == 200
    assert answer.url == site.address + tour.address(rule)


def barriers(page: Page) -> list[tuple[str, str]]:
    """What axe finds to mend, each with the first place."""
    return [
        (one["id"], one["nodes"][0]["html"]) for one in Axe().run(page, options=ONLY_VIOLATIONS).response["violations"]
    ]


def overhang(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


def test_every_route_is_declared(tour: Tour) -> None:
    rules = {rule.rule for rule in tour.town.market.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert rules == {*PAGES, *NO_PAGES}


@pytest.mark.parametrize("rule", NO_PAGES)
def test_what_is_declared_to_be_no_page_shows_none(tour: Tour, rule: str) -> None:
    target = tour.address(rule)
    answers = [who.get(target) for who in tour.town.people.values()]
    assert not [one for one in answers if one.status_code == 200 and one.mimetype == "text/html"]


@pytest.mark.parametrize("settings", [LIGHT, DARK, ARABIC], ids=["light", "dark phone", "ar"])
@pytest.mark.parametrize("rule", CASES)
def test_axe_finds_nothing_to_mend(page: Page, tour: Tour, site: Site, rule: str) -> None:
    visit(page, tour, site, rule)
    assert barriers(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert overhang(page) <= 0


@pytest.mark.parametrize("settings", [LIGHT])
@pytest.mark.parametrize("rule", ASKING)
def test_axe_finds_nothing_to_mend_in_a_form_that_was_sent_empty(
    page: Page, watch: Watch, tour: Tour, site: Site, rule: str
) -> None:
    visit(page, tour, site, rule)
    # The answer may be a refusal, which the browser notes.
    watch.refused = 1
    with page.expect_navigation():
        page.evaluate(EMPTIED)
    assert page.locator("main :is(.error, .error-summary, .notice)").count()
    assert barriers(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert overhang(page) <= 0


#: Sends the page's first form that asks for something, with nothing in it, past what the browser itself would ask for.
EMPTIED = """() => {
  const form = document.querySelector('main form:has(textarea, select, input:not([type="hidden"]))');
  for (const field of form.querySelectorAll('input:not([type="hidden"]), select, textarea')) {
    if (field.type === "checkbox" || field.type === "radio") field.checked = false;
    else if (field.type !== "submit") field.value = "";
  }
  form.noValidate = true;
  form.requestSubmit();
}"""
