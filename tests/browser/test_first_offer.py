"""From a first visit to being found: with a mouse, without JavaScript, and by keyboard alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from catalogue import Market, opened
from databases import Database
from people import person
from playwright.sync_api import Browser, BrowserContext, Page
from watching import Site, Watch
from werkzeug.serving import make_server

from matchmaker.parts import Parts
from matchmaker.services import indexing, notifying

pytestmark = pytest.mark.browser

PASSWORD = "violet anvil drizzle harbour"
SUMMARY = "Lifts water from shallow wells with the sun, and remembers through the night how deep the well was."


@pytest.fixture
def market(sqlite: Database, tmp_path: Path) -> Iterator[Market]:
    """A marketplace of the test's own."""
    with opened(sqlite, tmp_path) as market:
        yield market


@pytest.fixture
def site(market: Market) -> Iterator[Site]:
    """A server over it."""
    server = make_server("127.0.0.1", 0, market.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.port}", market.numbers)
    server.shutdown()
    thread.join()
    server.server_close()


class Hands(Protocol):
    """How somebody uses a page."""

    def fill(self, label: str, text: str) -> None:
        """Write into the box with this label."""

    def choose(self, label: str, option: str) -> None:
        """Choose an option of the list with this label."""

    def press(self, name: str) -> None:
        """Use the button or link with this name, and wait for what comes of it."""


@dataclass
class Mouse:
    """With a pointer."""

    page: Page

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)

    def press(self, name: str) -> None:
        control = self.page.get_by_role("button", name=name, exact=True)
        (control if control.count() else self.page.get_by_role("link", name=name, exact=True)).first.click()
        self.page.wait_for_load_state()


@dataclass
class Keyboard:
    """By keyboard alone."""

    page: Page

    def _reach(self, name: str) -> None:
        self.page.locator("body").focus()
        for _ in range(150):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate("e => (e = document.activeElement, (e.labels?.[0] ?? e).innerText)")
            if name == (focused or "").strip():
                return
        raise AssertionError(f"Tab never reaches {name!r} on {self.page.url}")

    def fill(self, label: str, text: str) -> None:
        self._reach(label)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        self._reach(label)
        self.page.keyboard.type(option)

    def press(self, name: str) -> None:
        self._reach(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


class Journey:
    """Somebody who posts, the mail they get, and a moderator in a browser of their own."""

    def __init__(self, market: Market, hands: Hands, page: Page) -> None:
        self.market, self.hands, self.page = market, hands, page
        self.parts: Parts = market.app.extensions["matchmaker"]

    def letter(self) -> str:
        """The text of the newest letter, delivered as the worker does it."""
        with self.market.app.app_context():
            notifying.deliver_next(self.parts.mailer, "worker")
        return str(self.parts.mailer.sent[-1].text)  # type: ignore[attr-defined]

    def register(self) -> None:
        """Make an account, open the link in the letter, sign in."""
        self.page.goto("/account/register")
        self.hands.fill("Your name", "Amina Odhiambo")
        self.hands.fill("E-mail address", "amina@bluelight.example")
        self.hands.fill("Password", PASSWORD)
        self.hands.press("Make an account")
        found = re.search(r"http://[^/]+(/account/confirm/\S+)", self.letter())
        assert found
        self.page.goto(found[1])
        self.hands.fill("E-mail address", "amina@bluelight.example")
        self.hands.fill("Password", PASSWORD)
        self.hands.press("Sign in")

    def post(self) -> None:
        """Name the organisation, write the offer in two pages, check it, send it."""
        self.page.goto("/post/offers")
        self.hands.fill("Name", "Blue Light Pumps")
        self.hands.choose("Kind", "Small or medium-sized firm")
        self.hands.choose("Country", "Kenya")
        self.hands.press("Make the organisation")
        self.page.goto("/post/offers")
        self.hands.fill("Title", "Borehole pump that remembers")
        self.hands.fill("Summary", SUMMARY)
        self.hands.press("Save and go on")
        self.hands.press("Where it belongs")
        self.hands.choose("Category", "Farming & forestry")
        self.hands.press("Save and see all pages")
        self.hands.press("Check your answers")
        self.hands.press("Send it to programme staff")

    def decide(self, browser: Browser, site: Site, verdict: str, message: str) -> None:
        """As a moderator in another browser."""
        moderator = person(self.market.app, "moderator")
        context = browser.new_context(base_url=site.address)
        cookie = moderator.client.get_cookie("session")
        assert cookie
        context.add_cookies([{"name": "session", "value": cookie.value, "url": site.address}])
        page = context.new_page()
        page.goto("/staff/moderation")
        page.get_by_role("link", name="Borehole pump that remembers").click()
        if message:
            page.get_by_label("It is not clear what is offered or wanted").check()
            page.get_by_label("Message to whoever posted it").fill(message)
        page.get_by_role("button", name=verdict, exact=True).click()
        page.wait_for_load_state()
        context.close()

    def index(self) -> None:
        """As the worker does it."""
        with self.market.app.app_context():
            indexing.drain(self.parts.engine, "worker")

    def finds(self) -> bool:
        """Whether a visitor's search leads to the offer."""
        return "Borehole pump that remembers" in self.market.ask("/offers?q=pump+for+a+borehole+that+remembers").text


def run(journey: Journey, browser: Browser, site: Site) -> None:
    """Register, confirm, post; staff ask for changes; mend; staff approve; found."""
    journey.register()
    journey.post()
    assert not journey.finds()
    journey.decide(browser, site, "Ask for changes", "Say how deep a well may be.")
    assert "Say how deep a well may be." in journey.letter()
    journey.page.goto("/my/listings")
    journey.hands.press("Borehole pump that remembers")
    journey.hands.press("What it is")
    journey.hands.fill("Summary", f"{SUMMARY} Wells of up to 60 m.")
    journey.hands.press("Save and see all pages")
    journey.hands.press("Check your answers")
    journey.hands.press("Send it to programme staff")
    journey.decide(browser, site, "Approve", "")
    journey.index()
    assert journey.finds()


def test_an_offer_is_posted_mended_approved_and_found(market: Market, page: Page, browser: Browser, site: Site) -> None:
    run(Journey(market, Mouse(page), page), browser, site)


class TestWithoutJavaScript:
    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {"java_script_enabled": False}

    def test_it_all_works(self, market: Market, page: Page, browser: Browser, site: Site) -> None:
        run(Journey(market, Mouse(page), page), browser, site)


def test_it_all_works_by_keyboard_alone(
    market: Market, context: BrowserContext, watch: Watch, browser: Browser, site: Site
) -> None:
    page = context.new_page()
    run(Journey(market, Keyboard(page), page), browser, site)
