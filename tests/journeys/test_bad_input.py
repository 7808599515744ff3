"""Whatever stands in an address, the answer is a clear page or problem, never a fault of ours."""

from __future__ import annotations

import pytest
from catalogue import Market

from matchmaker.api.schemas import MatchPageSchema

QUERIES = [
    "q=%00",
    "q=a%00b%01%7F",
    "q=%FF%FE",
    "q=%ED%A0%80",
    "q=%ZZ%",
    "q=%F0%9F%8C%B1%F0%9F%92%A7",
    "q=the+of+and",
    "q=%E7%9A%84",
    "q=" + "a" * 30_000,
    "q=" + "salt+" * 10_000,
    "q=" + "(" * 5_000,
    "q=title:*+AND+NOT+(OR+%22",
    "q=%27;DROP+TABLE+listing;--",
    "q={{7*7}}{%25x%25}%25(q)s",
    "q=%E2%80%AE%E2%80%8F",
    "q=one&q=two",
    "q[]=x&q",
    "page=-1",
    "page=0",
    "page=abc",
    "page=1000000000",
    "page=" + "9" * 5_000,
    "page=1.5",
    "page=%D9%A3",
    "page=%C2%B2",
    "page=",
    "sort=oldest",
    "sort=",
    "category=none&category=water",
    "category=" + "x" * 10_000,
    "&".join(f"category={number}" for number in range(2_000)),
    "country=%00&country=KEN&country=",
    "trl=0&trl=10&trl=eight",
    "sdg=18&sdg=-1",
    "language=und&language=xx-YY-zz",
    "partnership=%F0%9F%8C%B1",
    "unknown=1&&&=&;",
]
ROUTES = ["/", "/offers", "/needs", "/about", "/offers/1", "/needs/16", "/offers/1/needs", "/needs/16/offers"]
OTHERS = [
    "/healthz",
    "/robots.txt",
    "/sitemap.xml",
    "/sitemap-1.xml",
    "/offers.atom",
    "/needs.atom",
    "/favicon.svg",
    "/static/app.css",
    "/api/v1/openapi.json",
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:24])
def test_a_strange_query_gets_a_page_everywhere(market: Market, query: str) -> None:
    for route in [*ROUTES, *OTHERS]:
        assert market.ask(f"{route}?{query}", follow_redirects=True).status_code == 200


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:24])
def test_a_strange_query_gets_an_answer_of_the_api(market: Market, query: str) -> None:
    response = market.ask(f"/api/v1/search?wanted=need&{query}")
    assert response.status_code == 200
    assert MatchPageSchema().validate(response.get_json()) == {}


@pytest.mark.parametrize("route", [*ROUTES, *OTHERS, "/api/v1/search"])
def test_a_query_of_a_hundred_thousand_letters_is_refused_clearly(market: Market, route: str) -> None:
    assert market.ask(f"{route}?q={'a' * 100_000}").status_code == 414


@pytest.mark.parametrize(
    "address",
    [
        "/offers/0",
        "/offers/-1",
        "/offers/" + "9" * 18,
        "/offers/" + "9" * 31,
        "/offers/" + "9" * 5_000,
        "/offers/1e3",
        "/offers/%D9%A1",
        "/offers/1%00",
        "/offers/%FF",
        "/offers/x",
        "/offers/1/offers",
        "/offers/0/needs",
        "/needs/1/offers",
        "/offer",
        "/static/../app.css",
        "/static/%2e%2e%2f%2e%2e%2f__init__.py",
        "/static/",
        "/static/nothing.css",
        "/static/%00",
        "/bootstrap/static/../../__init__.py",
        "/" + "a" * 5_000,
        "/%00",
        "/.env",
    ],
    ids=lambda address: address[:30],
)
def test_an_address_of_nothing_is_not_found(market: Market, address: str) -> None:
    response = market.ask(address)
    assert response.status_code == 404
    assert "There is n" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("route", [*ROUTES, *OTHERS, "/api/v1/search"])
def test_other_methods_are_refused(market: Market, method: str, route: str) -> None:
    assert market.ask(route, method=method, data=b"\xff\x00").status_code == 405
