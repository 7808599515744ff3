"""Every listing has one address; all others that name it lead there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from catalogue import BRINE_PAGE, Market, fill
from flask import Flask
from flask.testing import FlaskClient

from matchmaker.policy import SYSTEM
from matchmaker.services import listings
from matchmaker.web.addresses import listing_address

TEMPLATES = Path(__file__).parents[2] / "templates"
TITLES = ["%2F..%2F", "a/b?c#d", "line\nend", "İ ﷺ", "水泵" * 100, "1⃣", "100% سليم", "Ⅷ ½", "x" * 256]


def test_an_address_repeats_the_title(market: Market) -> None:
    assert market.address("brine") == BRINE_PAGE
    assert unquote(market.address("arabic")) == f"/offers/{market.numbers['arabic']}-مقطّر-شمسي-للمياه-المالحة"
    assert market.address("hostile").endswith("-salt-img-src-x-onerror-alert-1-dye-filter")


@pytest.mark.parametrize("name", ["brine", "arabic", "hostile", "dye house", "well", "imported"])
def test_the_right_address_answers_at_once(market: Market, name: str) -> None:
    assert market.ask(market.address(name)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    ["1", "01", "1-", "1-brine", "1-BRINE-recovery", "1-%00", "1-%0A", "1-%FF", "1-a%3Fb", "1-%0d%0aX: y", "1--"],
)
def test_another_address_leads_to_the_right_one(market: Market, wrong: str) -> None:
    answer = market.ask(f"/offers/{wrong}")
    assert (answer.status_code, answer.headers["Location"]) == (301, BRINE_PAGE)
    assert market.ask(f"/offers/{wrong}", "HEAD").status_code == 301


@pytest.mark.parametrize("query", ["a=1&b=%20+%E6%B0%B4&b=", "q=%0d%0aSet-Cookie:x", "q=%ZZ%&&=", "%FF"])
def test_what_was_asked_goes_along(market: Market, query: str) -> None:
    assert market.ask(f"/offers/1?{query}").headers["Location"] == f"{BRINE_PAGE}?{query}"


def test_a_forged_host_leads_nowhere_else(market: Market) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert market.ask("/offers/1", headers=headers).headers["Location"] == BRINE_PAGE
    for address in (BRINE_PAGE, "/", "/offers", "/robots.txt"):
        assert "evil.example" not in market.ask(address, headers=headers).text


@pytest.mark.parametrize("address", ["/offers/999", "/offers/999-brine", "/needs/1", "/needs/1-a", "/offers/1-a/b"])
def test_where_there_is_no_listing_nothing_leads_on(market: Market, address: str) -> None:
    assert market.ask(address).status_code == 404


def test_any_title_has_an_address_that_answers_at_once(app: Flask, client: FlaskClient) -> None:
    number = fill(app)["brine"]
    for title in TITLES:
        with app.test_request_context():
            version = listings.find(SYSTEM, number).version
            address = listing_address(listings.revise(SYSTEM, number, version, {"title": title}))
        assert client.get(address).status_code == 200, title


def test_an_old_title_leads_to_the_new_one_and_is_not_kept(app: Flask, client: FlaskClient) -> None:
    number = fill(app)["brine"]
    with app.app_context():
        listings.revise(SYSTEM, number, 1, {"title": "Another title"})
    answer = client.get(BRINE_PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"/offers/{number}-another-title")
    assert answer.cache_control.no_cache


@pytest.mark.parametrize("page", ["/", "/offers?q=solar+pump", "/needs", "/needs/16/offers", BRINE_PAGE])
def test_pages_link_to_the_right_addresses(market: Market, page: str) -> None:
    links = re.findall(r'href="(/(?:offers|needs)/\d+[^"/]*)"', market.ask(page).text)
    assert links
    for address in links:
        assert market.ask(address).status_code == 200


def test_templates_have_one_way_to_link_to_a_listing() -> None:
    assert [file.name for file in TEMPLATES.rglob("*.html") if "listings.show" in file.read_text("utf-8")] == []
