"""Moderating in a real browser: by keyboard, and with the keys switched off."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from databases import Database, application
from moderation import listing
from people import Person, organisation, person
from playwright.sync_api import BrowserContext, Page, expect
from watching import Site
from werkzeug.serving import make_server

from matchmaker.services import listings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def house(sqlite: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Person, dict[str, int]]]:
    """A server with three listings that wait, the address of its pages, and an administrator."""
    folder = tmp_path_factory.mktemp("house")
    with sqlite.clone(folder) as database, application(folder, database.url) as app:
        with app.app_context():
            firm = organisation()
        owner = person(app, organisation_id=firm, owner=True)
        with app.app_context():
            numbers = {name: listing(actor=owner.actor, title=name) for name in ("First", "Second")}
            numbers["Edited"] = listing("published", owner.actor, title="Edited", summary="It saves 20 %.")
            listings.revise(owner.actor, numbers["Edited"], 1, {"summary": "It saves 60 %."})
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.port}", person(app, "administrator"), numbers
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(house: tuple[str, Person, dict[str, int]]) -> Site:
    """Where the reader's browser may go."""
    return Site(house[0], house[2])


@pytest.fixture
def signed_in(context: BrowserContext, page: Page, house: tuple[str, Person, dict[str, int]]) -> Page:
    """A tab of the administrator's browser, with the queue before it."""
    cookie = house[1].client.get_cookie("session")
    assert cookie
    context.add_cookies([{"name": "session", "value": cookie.value, "url": house[0]}])
    page.goto("/staff/moderation")
    return page


def test_keys_lead_through_the_queue_and_to_a_decision(signed_in: Page, site: Site) -> None:
    signed_in.keyboard.press("j")
    expect(signed_in.get_by_role("link", name="First")).to_be_focused()
    signed_in.keyboard.press("j")
    expect(signed_in.get_by_role("link", name="Second")).to_be_focused()
    signed_in.keyboard.press("k")
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url(f"**/staff/moderation/{site.numbers['First']}")
    signed_in.keyboard.press("j")
    signed_in.wait_for_url(f"**/staff/moderation/{site.numbers['Second']}")
    signed_in.keyboard.press("r")
    expect(signed_in.get_by_role("button", name="Reject")).to_be_focused()
    signed_in.get_by_role("checkbox", name="It repeats another listing").check()
    signed_in.keyboard.press("r")
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("status")).to_contain_text("Rejected")
    signed_in.get_by_role("button", name="Take it back").click()
    expect(signed_in.get_by_role("status")).to_contain_text("taken back")


def test_letters_that_are_typed_are_no_keys(signed_in: Page, site: Site) -> None:
    signed_in.goto(f"/staff/moderation/{site.numbers['First']}")
    box = signed_in.get_by_role("textbox", name="Message")
    box.press_sequentially("jack")
    expect(box).to_have_value("jack")
    assert signed_in.url.endswith(f"/{site.numbers['First']}")


def test_keys_can_be_switched_off(signed_in: Page) -> None:
    signed_in.get_by_text("Keys", exact=True).click()
    signed_in.get_by_role("checkbox", name="Keys work").uncheck()
    signed_in.reload()
    signed_in.keyboard.press("j")
    expect(signed_in.get_by_role("link", name="First")).not_to_be_focused()


@pytest.mark.parametrize(
    "settings", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}}]
)
def test_staff_pages_have_no_barrier_and_fit_a_phone(signed_in: Page, site: Site) -> None:
    places = [f"/staff/moderation/{number}" for number in site.numbers.values()]
    for place in ["/staff", "/staff/moderation", *places, "/staff/audit", "/staff/users", "/staff/pieces"]:
        signed_in.goto(place)
        found = Axe().run(signed_in).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], place
        assert signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
