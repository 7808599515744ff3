"""Searching and reading in a real browser: by keyboard, without JavaScript, in light and dark, from right to left."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from catalogue import BRINE
from playwright.sync_api import Page, expect
from watching import Site, Watch

pytestmark = pytest.mark.browser

SEARCH = f"/offers?q={quote(BRINE)}"
WATER = re.compile("^Water")
MOST_WEIGHT = 150 * 1024
LIGHT = {"color_scheme": "light"}
DARK = {"color_scheme": "dark"}
CHINESE = {"locale": "zh-CN"}
ARABIC = {"locale": "ar"}
SMALL = {"viewport": {"width": 320, "height": 640}}
PLACES = {
    "home": "/",
    "search": SEARCH,
    "nothing found": "/offers?q=xylophone&country=JP&trl=1&category=none",
    "offer": "/offers/{brine}",
    "need": "/needs/{dye house}",
    "match list": "/needs/{dye house}/offers?country=KE",
    "right-to-left offer": "/offers/{arabic}",
    "organisation": "/organisations/1",
    "about": "/about",
    "not found": "/nowhere",
}


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("e => (e = document.activeElement, (e.labels?.[0] ?? e).innerText)")
        if name in (focused or ""):
            return
    raise AssertionError(f"Tab never reaches {name!r}")


def describe_need(page: Page) -> None:
    """From home to results as a reader with a keyboard goes."""
    page.goto("/")
    tab_to(page, "In your own words")
    page.keyboard.type(BRINE)
    tab_to(page, "Find offers")
    page.keyboard.press("Enter")
    page.wait_for_url("**/offers?q=*")


def test_a_need_is_described_filtered_and_read_by_keyboard_alone(page: Page) -> None:
    describe_need(page)
    tab_to(page, "Water")
    page.keyboard.press("Space")
    page.wait_for_url("**/offers?*category=water*")
    expect(page.get_by_role("checkbox", name=WATER)).to_be_focused()
    expect(page.get_by_role("checkbox", name=WATER)).to_be_checked()
    tab_to(page, "Brine recovery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Brine recovery")


def test_enter_in_the_search_field_searches(page: Page) -> None:
    page.goto("/offers")
    page.get_by_role("textbox", name="What you need").fill("solar pump")
    page.keyboard.press("Enter")
    page.wait_for_url("**/offers?q=solar+pump")


def test_the_keyboard_can_skip_to_the_content(page: Page) -> None:
    page.goto("/about")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("settings", [{"java_script_enabled": False}])
def test_everything_works_without_javascript(page: Page) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="In your own words").fill(BRINE)
    page.get_by_role("button", name="Find offers").click()
    page.get_by_role("checkbox", name=WATER).check()
    page.get_by_label("Order").select_option("newest first")
    page.get_by_role("button", name="Apply filters").click()
    assert "category=water" in page.url
    assert "sort=newest" in page.url
    page.get_by_role("link", name="Remove filter: Water").click()
    assert "category" not in page.url
    page.get_by_role("link", name="Brine recovery").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Brine recovery")


@pytest.mark.parametrize("settings", [{"viewport": {"width": 390, "height": 844}}])
def test_on_a_phone_filters_are_folded_and_applied_together(page: Page) -> None:
    page.goto(SEARCH)
    expect(page.get_by_role("checkbox", name=WATER)).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_role("checkbox", name=WATER).check()
    page.get_by_role("checkbox", name="TRL 8").check()
    assert page.url.endswith(SEARCH)
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**category=water&trl=8")


@pytest.mark.parametrize("settings", [SMALL, SMALL | CHINESE, SMALL | ARABIC], ids=["en", "zh", "ar"])
@pytest.mark.parametrize("place", PLACES)
def test_no_page_is_wider_than_a_small_screen(page: Page, watch: Watch, site: Site, place: str) -> None:
    visit(page, watch, site, place)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("settings", [LIGHT, DARK, CHINESE, ARABIC], ids=["light", "dark", "zh", "ar"])
@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing_to_mend(page: Page, watch: Watch, site: Site, place: str) -> None:
    visit(page, watch, site, place)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_page_of_search_results_weighs_little(page: Page) -> None:
    weights: list[int] = []
    page.on("requestfinished", lambda request: weights.append(request.sizes()["responseBodySize"]))
    page.goto(SEARCH, wait_until="networkidle")
    assert len(weights) >= 4
    assert sum(weights) <= MOST_WEIGHT


def visit(page: Page, watch: Watch, site: Site, place: str) -> None:
    """Open a place; a missing one complains once, as it should."""
    watch.refused = 1 if place == "not found" else 0
    page.goto(PLACES[place].format(**site.numbers))


def test_a_word_is_completed_by_keyboard(page: Page) -> None:
    page.goto("/offers")
    box = page.get_by_role("textbox", name="What you need")
    box.press_sequentially("dye nanof")
    page.get_by_role("button", name="dye nanofiltration").wait_for()
    box.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("dye nanofiltration ")
    expect(page.get_by_role("list", name="Complete the word")).to_be_hidden()


def test_the_score_of_a_result_can_be_checked(page: Page) -> None:
    page.goto("/offers?q=salty+dye+water")
    page.get_by_text("How the score adds up").first.click()
    table = page.locator("details.points table").first
    points = [float(text) for text in table.locator("tbody .number").all_inner_texts()]
    assert abs(sum(points) - float(table.locator("tfoot .number").inner_text())) < 0.06 * len(points)


@pytest.mark.parametrize("settings", [{"color_scheme": "dark"}])
def test_a_listing_on_paper_is_dark_on_white_and_shows_where_its_links_lead(
    page: Page, watch: Watch, site: Site
) -> None:
    visit(page, watch, site, "offer")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("contentinfo")).to_be_hidden()
    expect(page.get_by_text("http://127.0.0.1:8000/offers/1", exact=True)).to_be_visible()
    expect(page.locator("body")).to_have_css("color", "rgb(23, 33, 29)")
    said = [
        page.locator(link).first.evaluate("e => getComputedStyle(e, '::after').content")
        for link in (".prose a", ".title a")
    ]
    assert said == ['" (https://example.org/report)"', f'" (http://127.0.0.1:8000/needs/{site.numbers["dye house"]})"']


def test_a_search_leads_to_its_feed(page: Page) -> None:
    page.goto(SEARCH)
    feed = page.get_by_role("link", name="Feed of new offers").get_attribute("href")
    assert "<feed" in page.request.get(feed or "").text()
