"""The API gives what the pages show."""

from __future__ import annotations

import re
from typing import Any

import pytest
from catalogue import BRINE, Market

from matchmaker.api.schemas import MatchPageSchema


def get(market: Market, status: int = 200, **parameters: Any) -> dict[str, Any]:
    """The API's answer to a search."""
    response = market.ask("/api/v1/search", query_string=parameters)
    assert response.status_code == status
    assert response.is_json
    answer: dict[str, Any] = response.get_json()
    return answer


def ids(answer: dict[str, Any]) -> list[int]:
    """The listings of an answer in their order."""
    return [match["listing"]["id"] for match in answer["matches"]]


def ids_of_page(market: Market, address: str, **parameters: Any) -> list[int]:
    """The listings of a page's results in their order."""
    page = market.ask(address, query_string=parameters).text
    results = page[page.index('aria-label="Results"') :]
    return [int(number) for number in re.findall(r'<h\d class="title"[^>]*><a href="/\w+/(\d+)-', results)]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"q": BRINE},
        {"q": "solar pump for wells", "trl": ["7", "8"], "country": "ke"},
        {"q": "solar pump for wells", "sort": "newest"},
        {"q": "solar pump for wells", "page": "2"},
        {"q": "مياه مالحة"},
        {"page": "2", "category": "farming-forestry"},
        {"q": "salt", "country": "Atlantis"},
    ],
)
def test_page_and_api_give_the_same_listings_in_the_same_order(market: Market, parameters: dict[str, Any]) -> None:
    for kind in ("offer", "need"):
        assert ids(get(market, wanted=kind, **parameters)) == ids_of_page(market, f"/{kind}s", **parameters)


def test_a_stored_listing_has_the_same_counterparts_on_its_page(market: Market) -> None:
    need = market.numbers["dye house"]
    answer = get(market, wanted="offer", listing=need)
    assert ids(answer)[0] == market.numbers["brine"]
    assert ids(answer) == ids_of_page(market, f"/needs/{need}/offers")


def test_an_answer_is_what_its_description_says(market: Market) -> None:
    answer = get(market, wanted="offer", listing=market.numbers["dye house"])
    assert MatchPageSchema().validate(answer) == {}
    match = answer["matches"][0]
    assert set(match) == {"rank", "score", "band", "listing", "legs", "reasons", "evidence", "folded", "more_folded"}
    assert set(match["legs"]["vector"]) == {"rank", "raw", "normalised"}
    evidence = match["evidence"]
    assert set(evidence["pairs"][0]) == {"wanted", "found", "cosine", "points"}
    shown = sum(item["points"] for item in evidence["terms"] + evidence["pairs"])
    assert shown + evidence["other_terms"] + evidence["other_pairs"] == pytest.approx(match["score"])
    assert {"fact": "trl", "verdict": "fits", "wanted": ["7"], "offered": ["8"]}.items() <= next(
        reason for reason in match["reasons"] if reason["fact"] == "trl"
    ).items()
    assert all(reason["text"] for reason in match["reasons"])


def test_without_words_nothing_is_scored(market: Market) -> None:
    answer = get(market, wanted="offer")
    assert (answer["total"], answer["page"], answer["pages"]) == (16, 1, 2)
    assert {match["score"] for match in answer["matches"]} == {None}
    assert answer["facets"]["category"] == {"farming-forestry": 12, "water": 2}


def test_an_anonymous_listing_does_not_name_its_organisation(market: Market) -> None:
    answer = get(market, wanted="offer", q="salt dye filter")
    listing = next(m["listing"] for m in answer["matches"] if m["listing"]["id"] == market.numbers["hostile"])
    assert (listing["anonymous"], listing["organisation"], listing["country"]) == (True, None, None)


def test_what_was_left_out_is_said(market: Market) -> None:
    answer = get(market, wanted="offer", q="salt " * 5000, country="Atlantis")
    assert [notice["code"] for notice in answer["notices"]] == ["text_cut", "ignored"]
    assert "country: Atlantis" in answer["notices"][1]["text"]


@pytest.mark.parametrize(
    ("parameters", "status", "fields"),
    [
        ({}, 422, {"wanted"}),
        ({"wanted": "both"}, 422, {"wanted"}),
        ({"wanted": "offer", "listing": "x"}, 422, {"listing"}),
        ({"wanted": "offer", "listing": "99999"}, 404, set()),
        ({"wanted": "offer", "listing": "1" * 30}, 404, set()),
        ({"wanted": "offer", "listing": "0"}, 404, set()),
        ({"wanted": "offer", "listing": "1"}, 422, {"wanted"}),
        ({"wanted": "need", "listing": "1", "q": "salt"}, 422, {"q"}),
    ],
)
def test_a_wrong_request_says_what_is_wrong(
    market: Market, parameters: dict[str, str], status: int, fields: set[str]
) -> None:
    answer = get(market, status, **parameters)
    assert set(answer) == {"error", "fields"}
    assert answer["error"]
    assert set(answer["fields"]) == fields


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/api/v1/nothing", 404), ("POST", "/api/v1/search", 405), ("GET", f"/api/v1/search?q={'a' * 70000}", 414)],
)
def test_every_error_under_the_api_is_json(market: Market, method: str, address: str, status: int) -> None:
    response = market.ask(address, method=method)
    assert response.status_code == status
    assert set(response.get_json()) == {"error", "fields"}


def test_the_description_names_every_parameter_and_answer(market: Market) -> None:
    description = market.ask("/api/v1/openapi.json").get_json()
    assert set(description["paths"]) == {"/api/v1/search", "/api/v1/completions"}
    operation = description["paths"]["/api/v1/search"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    facets = {"category", "country", "trl", "partnership", "sdg", "language", "status"}
    assert names == {"wanted", "listing", "q", "since", "until", "sort", "page"} | facets
    assert set(operation["responses"]) == {"200", "422", "default"}
    assert set(description["components"]["schemas"]["Problem"]["properties"]) == {"error", "fields"}
