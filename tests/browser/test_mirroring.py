"""Changing the language in a real browser, and reading from right to left."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from catalogue import BRINE
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

SEARCH = f"/offers?q={quote(BRINE)}"


def middle(part: Locator) -> float:
    """Where the middle of a part is, from the left."""
    box = part.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2


@pytest.mark.parametrize("settings", [{}, {"java_script_enabled": False}], ids=["with script", "without"])
def test_a_reader_changes_the_language_and_stays_where_they_were(page: Page) -> None:
    page.goto("/offers?q=salt&category=water")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    assert page.url.endswith("/offers?q=salt&category=water")
    page.get_by_role("link", name="关于", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("关于 Matchmaker")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("About Matchmaker")


def test_the_language_is_changed_by_keyboard(page: Page) -> None:
    page.goto("/about")
    page.get_by_role("button", name="العربية").focus()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")


@pytest.mark.parametrize("settings", [{"locale": "ar"}])
def test_an_arabic_page_is_laid_out_from_right_to_left(page: Page) -> None:
    page.goto(SEARCH)
    assert middle(page.locator("header.site .brand")) > middle(page.locator("header.site nav").first)
    assert middle(page.locator(".found > aside")) > middle(page.locator(".found > section"))
    facet = page.locator(".facet label").first
    assert middle(facet.locator("input")) > middle(facet.locator(".count"))
    match = page.locator(".match").first
    assert middle(match.locator(".rank")) > middle(match.locator(".body"))


@pytest.mark.parametrize("settings", [{"locale": "ar"}])
def test_what_is_typed_in_latin_letters_keeps_its_own_direction(page: Page) -> None:
    page.goto("/offers")
    box = page.locator("#q")
    expect(box).to_have_css("direction", "rtl")
    box.fill("solar pump")
    expect(box).to_have_css("direction", "ltr")
    page.locator(".syntax summary").click()
    expect(page.get_by_text("-diesel")).to_have_css("direction", "ltr")
