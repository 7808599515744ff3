"""Feeds of what is new, as a feed reader takes them."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from catalogue import BRINE_PAGE, Market, fill
from databases import counted_queries
from defusedxml.ElementTree import fromstring
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.http import parse_date

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import indexing, listings

BASE = "http://127.0.0.1:8000"
ATOM = "{http://www.w3.org/2005/Atom}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
TAG = re.compile(r"tag:127\.0\.0\.1,2026:[!-~]+")


def read(client: FlaskClient, address: str) -> Element:
    """The feed at the address."""
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "application/atom+xml")
    root: Element = fromstring(answer.data)
    assert root.tag == f"{ATOM}feed"
    return root


def one(parent: Element, path: str) -> str:
    """The text of the one element there."""
    (found,) = parent.findall("/".join(ATOM + tag for tag in path.split("/")))
    return found.text or ""


def links(parent: Element) -> dict[str, str]:
    """Where the links of each kind lead."""
    return {link.attrib["rel"]: link.attrib["href"] for link in parent.findall(f"{ATOM}link")}


def entries(feed: Element) -> list[Element]:
    return feed.findall(f"{ATOM}entry")


def numbers(feed: Element) -> list[int]:
    return [int(one(entry, "id").rpartition("/")[2]) for entry in entries(feed)]


def publish(app: Flask, **values: Any) -> int:
    """One more offer, found at once."""
    parts: Parts = app.extensions["matchmaker"]
    with app.app_context():
        number = listings.publish(SYSTEM, "offer", listing_schema("offer").load(values)).id
        indexing.drain(parts.engine, "tests")
    return number


@pytest.mark.parametrize(
    "address", ["/offers.atom", "/needs.atom", "/offers.atom?q=solar+pump&trl=8", "/offers.atom?q=xylophone&country=JP"]
)
def test_a_feed_has_all_that_atom_requires(market: Market, address: str) -> None:
    feed = read(market.client, address)
    assert TAG.fullmatch(one(feed, "id"))
    assert one(feed, "title").startswith("New ")
    assert one(feed, "author/name") == "Matchmaker"
    assert datetime.fromisoformat(one(feed, "updated")).tzinfo
    assert links(feed) == {"self": BASE + address, "alternate": BASE + address.replace(".atom", "")}
    for entry in entries(feed):
        assert TAG.fullmatch(one(entry, "id"))
        assert one(entry, "title")
        assert one(entry, "author/name")
        assert datetime.fromisoformat(one(entry, "published")) <= datetime.fromisoformat(one(entry, "updated"))
        assert datetime.fromisoformat(one(entry, "updated")) <= datetime.fromisoformat(one(feed, "updated"))
    names = [one(entry, "id") for entry in entries(feed)]
    assert len(names) == len(set(names))


def test_an_entry_says_what_its_listing_says(market: Market) -> None:
    (entry,) = (e for e in entries(read(market.client, "/offers.atom?category=water")) if "Brine" in one(e, "title"))
    assert links(entry)["alternate"] == BASE + BRINE_PAGE
    assert one(entry, "summary").startswith("Salt and water of a dye bath")
    assert one(entry, "author/name") == "Jua & Maji Works"
    (category,) = entry.findall(f"{ATOM}category")
    assert category.attrib == {"term": "water", "label": "Water"}
    assert entry.attrib[LANGUAGE] == "en"


def test_a_fictional_listing_is_called_so(market: Market) -> None:
    entry = entries(read(market.client, "/offers.atom"))[0]
    assert one(entry, "author/name") == "Organisation not stated"
    assert [category.attrib["label"] for category in entry.findall(f"{ATOM}category")] == ["fictional sample"]


def test_every_entry_leads_to_a_page(market: Market) -> None:
    for entry in entries(read(market.client, "/offers.atom")):
        assert market.ask(links(entry)["alternate"].removeprefix(BASE)).status_code == 200


def test_what_is_newest_comes_first_whatever_order_or_page_is_asked_for(market: Market) -> None:
    plain = read(market.client, "/offers.atom")
    assert numbers(plain) == sorted(numbers(plain), reverse=True)
    assert len(numbers(plain)) == 16
    other = read(market.client, "/offers.atom?sort=newest&page=7")
    assert (numbers(other), one(other, "id")) == (numbers(plain), one(plain, "id"))


def test_a_feed_finds_what_its_search_finds(market: Market) -> None:
    page = market.ask("/offers?q=solar+pump&sort=newest&trl=8&trl=7").text
    feed = read(market.client, "/offers.atom?q=solar+pump&trl=8&trl=7")
    assert numbers(feed) == [int(n) for n in re.findall(r'class="title"[^>]*><a href="/offers/(\d+)', page)]
    assert one(feed, "title") == "New offers: solar pump · TRL 8 · TRL 7"


def test_a_search_leads_to_its_feed(market: Market) -> None:
    page = market.ask("/needs?q=salt+%26+%E6%B0%B4&category=water&page=2&sort=newest").text
    (feed,) = re.findall(r'<link rel="alternate" type="application/atom\+xml" href="([^"]*)"', page)
    assert re.findall(r'<a href="([^"]*)"[^>]*>Feed of new needs</a>', page) == [feed]
    assert unescape(feed) == "/needs.atom?q=salt+%26+%E6%B0%B4&category=water"
    read(market.client, unescape(feed))


def test_a_filter_nobody_knows_is_named(market: Market) -> None:
    assert "country: Atlantis" in one(read(market.client, "/offers.atom?country=Atlantis"), "subtitle")


def test_a_reader_that_has_it_all_gets_nothing_again(market: Market) -> None:
    first = market.ask("/offers.atom")
    assert first.last_modified
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
        {"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"},
    ):
        again = market.ask("/offers.atom", headers=headers)
        assert (again.status_code, again.data) == (304, b"")
    assert market.ask("/offers.atom", headers={"If-None-Match": '"other"'}).status_code == 200
    packed = market.ask("/offers.atom", headers={"Accept-Encoding": "gzip"})
    assert (packed.content_encoding, packed.headers["ETag"]) == ("gzip", first.headers["ETag"])


def test_a_new_listing_makes_a_new_feed_and_a_withdrawn_one_too(app: Flask, client: FlaskClient) -> None:
    fill(app)
    first = client.get("/offers.atom")
    number = publish(app, title="Wind mill for salt works")
    second = client.get("/offers.atom", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert number in numbers(read(client, "/offers.atom"))
    with app.app_context():
        listings.withdraw(SYSTEM, number)
    third = client.get("/offers.atom", headers={"If-None-Match": second.headers["ETag"]})
    assert third.status_code == 200
    assert number not in numbers(read(client, "/offers.atom"))


def test_an_entry_keeps_its_name_when_its_title_changes(app: Flask, client: FlaskClient) -> None:
    number = fill(app)["imported"]
    before = entries(read(client, "/offers.atom"))[0]
    with app.app_context():
        listings.revise(SYSTEM, number, 1, {"title": "Another title"})
    after = entries(read(client, "/offers.atom"))[0]
    assert one(before, "id") == one(after, "id")
    assert links(after)["alternate"] == f"{BASE}/offers/{number}-another-title"


def test_text_that_xml_cannot_hold_spoils_no_feed(app: Flask, client: FlaskClient) -> None:
    number = publish(app, title="Salt pan")
    with app.app_context():
        hostile = "]]> <b>&amp;</b> \x0b\x1f\ufffe \u2028 <!--"
        listings.revise(SYSTEM, number, 1, {"title": hostile, "summary": hostile})
    (entry,) = entries(read(client, "/offers.atom"))
    assert one(entry, "title") == "]]> <b>&amp;</b>  \u2028 <!--"
    assert client.get("/sitemap-1.xml").status_code == 200


@pytest.mark.parametrize("query", ["q=%00%0B%EF%BF%BE", "q=%ED%A0%80", "q=]]><!--", "country=%01", "page=x&sort=%FF"])
def test_a_strange_question_gets_a_whole_feed(market: Market, query: str) -> None:
    read(market.client, f"/offers.atom?{query}")


def test_an_empty_marketplace_has_an_empty_feed(client: FlaskClient) -> None:
    feed = read(client, "/offers.atom")
    assert entries(feed) == []
    assert parse_date(client.get("/offers.atom").headers["Last-Modified"])


def test_a_feed_costs_few_queries(market: Market) -> None:
    market.ask("/offers.atom")
    with counted_queries(market.app) as queries:
        market.ask("/offers.atom")
    assert 0 < len(queries) <= 3, queries
