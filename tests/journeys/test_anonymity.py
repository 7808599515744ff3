"""An anonymous listing gives away nowhere who stands behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from catalogue import fill
from flask import Flask
from flask.testing import FlaskClient
from people import person

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import indexing, listings
from matchmaker.services.listings import Imported, Origin
from matchmaker.transaction import transaction
from matchmaker.web.addresses import listing_address

#: None of these stands in the listing's own words; its organisation is in Iceland.
SECRETS = ("Jökull", "J\\u00f6kull", "Iceland", '"IS"', "country=IS", "firm.example", "EP1234567")


@dataclass(frozen=True)
class Hidden:
    """Two listings of one organisation that does not want to be known."""

    client: FlaskClient
    pages: dict[str, str]


@pytest.fixture
def hidden(app: Flask) -> Hidden:
    """Both listings, found by everybody."""
    fill(app)
    parts: Parts = app.extensions["matchmaker"]
    pages = {}
    with app.test_request_context():
        for kind in ("offer", "need"):
            given = {
                "title": f"Geyser heat, a quiet {kind}",
                "summary": "Heat of a geyser dries fish in a closed cabinet.",
                "anonymous": True,
                "ip_kind": "patent",
                "ip_publications": ["EP1234567"],
            }
            origin = Origin("a-catalogue", kind, f"https://firm.example/{kind}", "CC BY 4.0", "h")
            with transaction():
                firm = listings.organisation_named("Jökull hf.", "sme", "IS")
                values = listing_schema(kind).load(given)
                listings.put_imported(SYSTEM, kind, origin.source, [Imported(values, firm, origin)])
            pages[kind] = listing_address(listings.newest(kind, 1)[0])
        indexing.drain(parts.engine, "tests")
    return Hidden(app.test_client(), pages)


def check(client: FlaskClient, address: str) -> str:
    """What stands there, which must hold no secret."""
    answer = client.get(address)
    assert answer.status_code == 200
    assert [secret for secret in SECRETS if secret in answer.text] == []
    return answer.text


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_its_own_page_names_nobody(hidden: Hidden, kind: str) -> None:
    page = check(hidden.client, hidden.pages[kind])
    assert "Anonymous organisation" in page
    assert "Organization" not in page


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_lists_and_counterparts_name_nobody(hidden: Hidden, kind: str) -> None:
    other = "need" if kind == "offer" else "offer"
    number = hidden.pages[kind].partition("-")[0]
    for address in ("/", f"/{kind}s", f"/{kind}s?q=geyser+heat", f"{number}/{other}s"):
        assert f"a quiet {kind}" in check(hidden.client, address)


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_its_feeds_name_nobody(hidden: Hidden, kind: str) -> None:
    for query in ("", "?q=geyser+heat"):
        feed = check(hidden.client, f"/{kind}s.atom{query}")
        assert "<name>Anonymous organisation</name>" in feed
        assert hidden.pages[kind] in feed


def test_the_map_of_the_site_names_nobody(hidden: Hidden) -> None:
    assert hidden.pages["need"] in check(hidden.client, "/sitemap-1.xml")


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_the_api_names_nobody(hidden: Hidden, kind: str) -> None:
    found = json.loads(check(hidden.client, f"/api/v1/search?wanted={kind}&q=geyser+heat"))["matches"][0]["listing"]
    assert (found["anonymous"], found["organisation"], found["country"]) == (True, None, None)


@pytest.mark.parametrize("address", ["/offers?country=IS", "/needs?country=IS", "/offers?q=geyser+country:IS"])
def test_no_filter_finds_it_by_the_country_of_its_organisation(hidden: Hidden, address: str) -> None:
    assert "a quiet " not in hidden.client.get(address).text


def test_no_completion_knows_its_organisation(hidden: Hidden) -> None:
    assert check(hidden.client, "/api/v1/completions?q=j%C3%B6k")


def test_staff_read_who_it_is_but_what_machines_read_stays_silent(app: Flask, hidden: Hidden) -> None:
    page = person(app, "moderator").get(hidden.pages["offer"]).text
    head, body = page.split("</head>")
    assert [secret for secret in SECRETS if secret in head] == []
    for told in ("Jökull", "Iceland", "firm.example", "EP1234567"):
        assert told in body


def test_a_feed_is_the_same_for_everybody(app: Flask, hidden: Hidden) -> None:
    assert person(app, "moderator").get("/offers.atom").text == hidden.client.get("/offers.atom").text
