"""What pages say to search engines and to whoever shares a link."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from catalogue import BRINE_PAGE, Market, fill
from databases import counted_queries
from flask import Flask

from matchmaker.policy import SYSTEM
from matchmaker.services import listings

BASE = "http://127.0.0.1:8000"
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]> & \u2028 \u2029 \\u003c/script> \"'",
    "{{ 7 * 7 }} {% raw %}",
]


def linked(page: str) -> dict[str, Any]:
    """The page's one block of linked data."""
    (block,) = re.findall(r'<script type="application/ld\+json" nonce="[^"]+">(.*?)</script>', page, re.DOTALL)
    assert not re.search("[<>&\u2028\u2029]", block)
    read: dict[str, Any] = json.loads(block)
    return read


def meta(page: str, name: str) -> list[str]:
    """What the page says of itself under a name."""
    return [unescape(said) for said in re.findall(rf'<meta (?:name|property)="{name}" content="([^"]*)">', page)]


def canonical(page: str) -> list[str]:
    return re.findall(r'<link rel="canonical" href="([^"]*)">', page)


def test_an_offer_is_a_product_with_who_offers_it_and_where(market: Market) -> None:
    page = linked(market.ask(BRINE_PAGE).text)
    assert (page["@context"], page["@type"], page["inLanguage"]) == ("https://schema.org", "ItemPage", "en")
    assert page["url"] == BASE + BRINE_PAGE
    product = page["mainEntity"]
    assert product["@type"] == "Product"
    assert product["name"] == "Brine recovery from dye baths by loose nanofiltration"
    assert product["category"] == "Water › Wastewater"
    assert product["additionalProperty"][0]["value"] == 8
    assert product["identifier"][0]["value"] == str(market.numbers["brine"])
    offer = product["offers"]
    assert offer["@type"] == "Offer"
    assert (offer["offeredBy"]["name"], offer["offeredBy"]["address"]["addressCountry"]) == ("Jua & Maji Works", "KE")
    assert [country["identifier"] for country in offer["areaServed"]] == ["KE", "BD"]
    assert offer["validFrom"] == page["datePublished"]


def test_a_need_is_a_demand_with_its_deadline_and_who_seeks_it(market: Market) -> None:
    demand = linked(market.ask(market.address("dye house")).text)["mainEntity"]
    assert demand["@type"] == "Demand"
    assert demand["@reverse"]["seeks"]["name"] == "Jua & Maji Works"
    assert demand["validThrough"] == "2027-03-31"
    assert [country["name"] for country in demand["areaServed"]] == ["Bangladesh"]
    product = demand["itemOffered"]
    assert (product["@type"], product["name"]) == ("Product", "A dye house wants its salt back")
    assert product["additionalProperty"][0]["minValue"] == 7


def test_what_is_unknown_is_left_out(market: Market) -> None:
    page = linked(market.ask(market.address("imported")).text)
    product = page["mainEntity"]
    assert {"description", "category", "keywords", "additionalProperty"} & set(product) == set()
    assert {"offeredBy", "areaServed", "validThrough"} & set(product["offers"]) == set()
    assert product["sameAs"] == "https://example.org/7"
    assert "inLanguage" not in linked(market.ask(market.address("hostile")).text)


def test_home_says_how_the_site_is_searched(market: Market) -> None:
    site = linked(market.ask("/").text)
    assert site["@type"] == "WebSite"
    assert site["potentialAction"]["target"]["urlTemplate"] == f"{BASE}/offers?q={{what}}"
    assert site["potentialAction"]["query-input"] == "required name=what"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_ends_the_script_or_an_attribute(app: Flask, text: str) -> None:
    number = fill(app)["brine"]
    with app.app_context():
        version = listings.find(SYSTEM, number).version
        listings.revise(SYSTEM, number, version, {"title": text, "summary": text, "keywords": [text]})
    page = app.test_client().get(f"/offers/{number}", follow_redirects=True).text
    product = linked(page)["mainEntity"]
    assert (product["name"], product["keywords"]) == (text, text)
    assert meta(page, "og:title") == [text]
    assert meta(page, "description") == [" ".join(text.split())]
    assert page.count("<script") == 2


@pytest.mark.parametrize("path", ["/", "/offers", "/needs", "/about", "/needs/16/offers", BRINE_PAGE])
def test_a_page_names_its_one_address(market: Market, path: str) -> None:
    page = market.ask(path).text
    assert canonical(page) == meta(page, "og:url") == [BASE + path]
    assert len(meta(page, "og:title")) == len(meta(page, "og:site_name")) == 1
    assert meta(page, "robots") == []


def test_a_shared_listing_shows_its_title_and_its_summary(market: Market) -> None:
    page = market.ask(BRINE_PAGE + "?utm_source=x").text
    assert canonical(page) == [BASE + BRINE_PAGE]
    assert meta(page, "og:title") == ["Brine recovery from dye baths by loose nanofiltration"]
    assert meta(page, "og:description") == meta(page, "description")
    assert meta(page, "description")[0].startswith("Salt and water of a dye bath")


@pytest.mark.parametrize(
    "path", ["/offers?q=salt", "/offers?category=water", "/needs/16/offers?trl=8", "/offers?page=2"]
)
def test_a_filtered_search_is_not_for_search_engines(market: Market, path: str) -> None:
    page = market.ask(path).text
    assert meta(page, "robots") == ["noindex"]
    assert canonical(page) == []


def test_a_parameter_without_meaning_changes_nothing(market: Market) -> None:
    assert canonical(market.ask("/offers?utm_source=x").text) == [f"{BASE}/offers"]


def test_the_public_address_is_a_setting(app: Flask) -> None:
    app.config["PUBLIC_URL"] = "https://matches.example"
    assert canonical(app.test_client().get("/about").text) == ["https://matches.example/about"]


def test_a_listing_costs_few_queries(market: Market) -> None:
    market.ask(BRINE_PAGE)
    with counted_queries(market.app) as queries:
        market.ask(BRINE_PAGE)
    assert 0 < len(queries) <= 6, queries
