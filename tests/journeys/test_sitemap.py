"""The map of the site, as a search engine reads it."""

from __future__ import annotations

from datetime import datetime
from xml.etree.ElementTree import Element

import pytest
from catalogue import Market, fill
from databases import counted_queries
from defusedxml.ElementTree import fromstring
from flask import Flask
from flask.testing import FlaskClient

from matchmaker.policy import SYSTEM
from matchmaker.services import directory, listings

BASE = "http://127.0.0.1:8000"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def read(client: FlaskClient, address: str, root: str) -> Element:
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    found: Element = fromstring(answer.data)
    assert found.tag == MAP + root
    return found


def places(client: FlaskClient, address: str, root: str = "urlset") -> list[str]:
    """The paths that a part of the map names."""
    found = [place.text or "" for place in read(client, address, root).iter(f"{MAP}loc")]
    assert all(place.startswith(f"{BASE}/") and len(place) < 2048 and place.isascii() for place in found)
    return [place.removeprefix(BASE) for place in found]


def test_robots_are_shown_the_map(market: Market) -> None:
    assert f"\nSitemap: {BASE}/sitemap.xml\n" in market.ask("/robots.txt").text


def test_the_map_names_every_public_listing_once_and_all_other_pages(market: Market) -> None:
    named = [
        place for part in places(market.client, "/sitemap.xml", "sitemapindex") for place in places(market.client, part)
    ]
    assert named[:4] == ["/", "/offers", "/needs", "/about"]
    assert sorted(named[4:]) == sorted(market.address(name) for name in market.numbers)
    for place in named:
        answer = market.ask(place)
        assert (answer.status_code, "noindex" in answer.text) == (200, False)


def test_every_listing_says_when_it_was_confirmed(app: Flask, client: FlaskClient) -> None:
    number = fill(app)["brine"]
    confirmed = datetime.fromisoformat("2030-01-02T03:04:05+00:00")
    with app.app_context():
        listings.revise(SYSTEM, number, 1, {"confirmed_at": confirmed})
    said = [day.text or "" for day in read(client, "/sitemap-1.xml", "urlset").iter(f"{MAP}lastmod")]
    assert len(said) == 18
    assert all(datetime.fromisoformat(moment).tzinfo for moment in said)
    assert said[0] == "2030-01-02T03:04:05+00:00"


def test_withdrawn_listings_and_drafts_are_not_named(app: Flask, client: FlaskClient) -> None:
    number = fill(app)["brine"]
    with app.app_context():
        listings.withdraw(SYSTEM, number)
    assert not [place for place in places(client, "/sitemap-1.xml") if "brine" in place]


def test_listings_are_spread_over_parts_by_their_number(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = fill(app)
    with app.app_context():
        for name in [name for name in numbers if 6 <= numbers[name] <= 10]:
            listings.withdraw(SYSTEM, numbers[name])
    monkeypatch.setattr(directory, "PART", 5)
    parts = places(client, "/sitemap.xml", "sitemapindex")
    assert parts == [f"/sitemap-{number}.xml" for number in (0, 1, 3, 4)]
    assert [len(places(client, part)) for part in parts] == [4, 5, 5, 3]


def test_an_empty_marketplace_has_a_map_of_its_own_pages(client: FlaskClient) -> None:
    assert places(client, "/sitemap.xml", "sitemapindex") == ["/sitemap-0.xml"]


@pytest.mark.parametrize("part", ["2", "999999", "9" * 19, "-1", "x", "1x", "%D9%A1"])
def test_a_part_that_is_not_there_is_not_found(market: Market, part: str) -> None:
    assert market.ask(f"/sitemap-{part}.xml").status_code == 404


def test_a_map_travels_compressed(market: Market) -> None:
    answer = market.ask("/sitemap-1.xml", headers={"Accept-Encoding": "gzip"})
    assert answer.content_encoding == "gzip"


@pytest.mark.parametrize("address", ["/sitemap.xml", "/sitemap-1.xml"])
def test_the_map_costs_one_query(market: Market, address: str) -> None:
    with counted_queries(market.app) as queries:
        market.ask(address)
    assert len(queries) == 1, queries
