"""The pages, as a reader without JavaScript meets them."""

from __future__ import annotations

import re
from html import unescape

import pytest
from catalogue import BRINE, Market, fill
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import RequestEntityTooLarge

from matchmaker.policy import SYSTEM
from matchmaker.services import listings

PAGES = ("/", "/offers", "/needs", "/offers?q=salt", "/about")


def read(market: Market, address: str, status: int = 200) -> str:
    """The markup a reader ends at."""
    response = market.ask(address, follow_redirects=True)
    assert response.status_code == status
    return response.text


def words(markup: str) -> str:
    """What a reader sees: the markup's text with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", markup)))


def links(markup: str, name: str) -> list[str]:
    """Where the links that hold these words lead."""
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', markup, re.DOTALL)
    return [unescape(address) for address, text in found if name in words(text)]


def ids(markup: str) -> list[int]:
    """The listings of a page in their order."""
    return [int(number) for number in re.findall(r'<h\d class="title"[^>]*><a href="/\w+/(\d+)-', markup)]


def test_an_empty_marketplace_says_so_and_shows_a_way_on(client: FlaskClient) -> None:
    home = client.get("/").text
    assert "Nothing is posted yet" in home
    assert links(home, "Read how matches are made") == ["/about"]
    assert "Nothing fits" in client.get("/offers").text
    assert "Nothing fits" in client.get("/offers?q=salt").text


def test_home_asks_one_question_and_shows_totals_and_the_newest(market: Market) -> None:
    home = read(market, "/")
    assert "16 offers 2 open needs from 1 country" in words(home)
    assert len(ids(home)) == 5
    assert ids(home)[0] == market.numbers["imported"]
    assert '<form action="/offers" method="get">' in home


def test_a_described_need_finds_its_offer_first_and_says_why(market: Market) -> None:
    page = read(market, f"/offers?q={BRINE}")
    assert ids(page)[0] == market.numbers["brine"]
    assert "match" in words(page)
    assert "You wrote" in page
    assert "This offer says" in page
    assert re.search(r"<mark>\w*dye\w*</mark>", page)


def test_without_words_the_newest_come_first_and_nothing_is_ranked(market: Market) -> None:
    page = read(market, "/offers")
    assert ids(page) == sorted(ids(page), reverse=True)
    assert 'class="band' not in page
    assert 'class="rank"' not in page


def test_facets_count_narrow_and_are_taken_off_by_their_chips(market: Market) -> None:
    page = read(market, "/offers?country=BD&category=water")
    assert ids(page) == [market.numbers["brine"]]
    assert links(page, "Water") == ["/offers?country=BD"]
    assert links(page, "Bangladesh") == ["/offers?category=water"]
    assert links(page, "Clear all") == ["/offers"]
    assert re.search(r'name="category" value="water" id="category-water" checked', page)
    assert re.search(r'name="category" value="transport" id="category-transport" disabled', page)


def test_values_within_a_facet_are_alternatives(market: Market) -> None:
    both = read(market, "/offers?trl=8&trl=9")
    assert words(both).count("TRL 8") > 1
    assert {*ids(read(market, "/offers?trl=8")), *ids(read(market, "/offers?trl=9"))} == set(ids(both))


def test_long_facets_hide_their_tail_unless_it_is_in_use(market: Market) -> None:
    def tail(page: str) -> str:
        return page[page.index("<legend>Development goal") : page.index("<legend>Language")]

    assert "9 more" in words(tail(read(market, "/offers")))
    assert "<details>" in tail(read(market, "/offers"))
    assert "<details open>" in tail(read(market, "/offers?sdg=17&sdg=6"))


def test_a_filter_nobody_knows_is_named_and_left_out(market: Market) -> None:
    page = read(market, "/offers?country=Atlantis&category=water")
    assert "was left out: country: Atlantis" in page
    assert links(page, "Water") == ["/offers"]


def test_pages_follow_each_other_without_gap_or_repeat(market: Market) -> None:
    first = read(market, "/offers")
    assert links(first, "Next") == ["/offers?page=2"]
    second = read(market, "/offers?page=2")
    assert links(second, "Previous") == ["/offers"]
    found = ids(first) + ids(second)
    assert len(found) == len(set(found)) == 16


def test_a_page_past_the_end_says_so_and_leads_back(market: Market) -> None:
    page = read(market, "/offers?page=99&category=farming-forestry")
    assert "There is no page 99" in page
    assert links(page, "Go to the last page, 2") == ["/offers?category=farming-forestry&page=2"]


def test_a_search_that_finds_nothing_says_what_to_try(market: Market) -> None:
    page = read(market, "/offers?q=xylophone&country=JP")
    assert "Nothing fits" in page
    assert links(page, "Search without filters") == ["/offers?q=xylophone"]


def test_newest_first_is_an_order_of_the_same_results(market: Market) -> None:
    newest = read(market, "/offers?q=solar+pump+for+wells&sort=newest")
    assert ids(newest) == sorted(ids(newest), reverse=True)
    assert '<option value="newest" selected>' in newest


def test_a_long_text_is_cut_with_a_notice(market: Market) -> None:
    assert "Its first 20,000 characters were used" in read(market, f"/offers?q={'salt ' * 5000}")


def test_an_offer_shows_its_facts_and_what_is_not_stated(market: Market) -> None:
    page = read(market, f"/offers/{market.numbers['brine']}")
    text = words(page)
    assert "Water saved: 60 % (conventional dyeing)" in text
    assert "At work in Bangladesh" in text
    assert "Protection Not stated" in text
    assert "Jua & Maji Works Kenya" in text
    assert "Needs it may serve" in text
    assert ids(page) == [market.numbers["dye house"]]


def test_a_need_shows_its_facts_and_its_best_offers_with_reasons(market: Market) -> None:
    page = read(market, f"/needs/{market.numbers['dye house']}")
    text = words(page)
    assert "Budget 165,000.5 USD" in text
    assert "Deadline 31 March 2027" in text
    assert "salt in the effluent: 2 g/l" in text
    assert ids(page)[0] == market.numbers["brine"]
    assert "Fits: TRL 8, and at least 7 is wanted" in text
    assert "Fits: Already at work in Bangladesh" in text
    assert "Unknown: Protection (patents and the like) not stated" in text


def test_all_counterparts_of_a_listing_can_be_filtered(market: Market) -> None:
    address = f"/needs/{market.numbers['dye house']}/offers"
    assert ids(read(market, address))[:2] == [market.numbers["dye house"], market.numbers["brine"]]
    assert market.numbers["brine"] in ids(read(market, f"{address}?category=water"))
    assert market.numbers["brine"] not in ids(read(market, f"{address}?category=transport"))
    assert read(market, f"/offers/{market.numbers['brine']}/needs")


@pytest.mark.parametrize("address", ["/needs/{}/needs", "/needs/{}/water", "/offers/{}"])
def test_a_need_is_found_only_at_its_own_address(market: Market, address: str) -> None:
    read(market, address.format(market.numbers["dye house"]), 404)


def test_markdown_is_rendered_without_what_could_run(market: Market) -> None:
    page = read(market, f"/offers/{market.numbers['brine']}")
    assert "<strong>membrane</strong>" in page
    assert '<a href="https://example.org/report" rel="noopener noreferrer nofollow">' in page
    assert links(page, "a trap") == []
    assert "<script>alert" not in page


@pytest.mark.parametrize("address", ["/offers/{}", "/offers?q=salt+dye+filter", "/offers?page=2"])
def test_markup_in_a_listing_stays_text(market: Market, address: str) -> None:
    page = read(market, address.format(market.numbers["hostile"]))
    assert "<img src=x" not in page
    assert "<b>markup</b>" not in page


def test_markup_in_a_search_stays_text(market: Market) -> None:
    page = read(market, '/offers?q=</textarea><script>alert(1)</script>&category="><script>alert(2)</script>')
    assert "<script>alert" not in page


def test_an_anonymous_listing_does_not_name_its_organisation(market: Market) -> None:
    assert "Anonymous organisation" in read(market, "/offers?q=salt+dye+filter")
    assert "Anonymous organisation" in read(market, f"/offers/{market.numbers['hostile']}")
    assert "Jua" not in read(market, f"/offers/{market.numbers['hostile']}").split("Needs it may serve")[0]


def test_an_arabic_listing_reads_from_right_to_left(market: Market) -> None:
    page = read(market, f"/offers/{market.numbers['arabic']}")
    assert re.search(r'<h1 lang="ar" dir="rtl">', page)
    assert 'Energy saved: <bdi lang="ar" dir="rtl">90 ٪ (التناضح العكسي)</bdi>' in page
    assert '<span class="badge-word blue">Arabic</span>' in read(market, "/offers?language=ar")


def test_an_imported_listing_names_its_source_and_licence(market: Market) -> None:
    page = read(market, f"/offers/{market.numbers['imported']}")
    assert links(page, "open-catalogue") == ["https://example.org/7"]
    assert "Licence: CC BY 4.0" in words(page)
    assert "fictional sample" in page


def test_a_withdrawn_listing_is_gone_at_once(app: Flask, client: FlaskClient) -> None:
    numbers = fill(app)
    with app.app_context():
        listings.withdraw(SYSTEM, numbers["brine"])
    assert client.get(f"/offers/{numbers['brine']}").status_code == 404
    assert numbers["brine"] not in ids(client.get("/offers?q=brine+recovery").text)


@pytest.mark.parametrize("address", PAGES)
def test_every_page_has_a_title_a_heading_and_a_main_part(market: Market, address: str) -> None:
    page = read(market, address)
    assert re.search(r"<title>[^<]+ · Matchmaker</title>", page)
    assert page.count("<h1") == 1
    assert '<main id="main"' in page
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)


@pytest.mark.parametrize("address", [*PAGES, "/healthz", "/robots.txt", "/favicon.svg", "/nowhere"])
def test_head_answers_like_get_without_a_body(market: Market, address: str) -> None:
    head, get = market.ask(address, "HEAD"), market.ask(address)
    assert (head.status_code, head.mimetype, head.data) == (get.status_code, get.mimetype, b"")


@pytest.mark.parametrize("address", [*PAGES, "/nowhere", "/static/app.css", "/api/v1/search"])
def test_every_answer_forbids_what_no_page_needs(market: Market, address: str) -> None:
    headers = market.ask(address).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_scripts_carry_the_nonce_of_their_own_answer_only(market: Market) -> None:
    first, second = market.ask("/"), market.ask("/")
    nonces = [re.search(r'nonce="([^"]+)"', response.text) for response in (first, second)]
    assert nonces[0]
    assert nonces[1]
    assert f"'nonce-{nonces[0][1]}'" in first.headers["Content-Security-Policy"]
    assert nonces[0][1] != nonces[1][1]


def test_static_files_are_kept_for_good_under_an_address_that_names_their_content(market: Market) -> None:
    addresses = re.findall(r'(?:href|src)="([^"]*static/[^"]*)"', read(market, "/"))
    assert len(addresses) == 3
    for address in addresses:
        assert re.search(r"\?v=[0-9a-f]{12}$", address)
        response = market.ask(address)
        assert response.cache_control.immutable
        assert response.cache_control.max_age == 31536000
    assert not market.ask("/static/app.css").cache_control.immutable


def test_text_travels_compressed_when_the_browser_takes_it(market: Market) -> None:
    accepted = {"Accept-Encoding": "gzip"}
    assert market.ask("/offers", headers=accepted).content_encoding == "gzip"
    assert market.ask("/offers").content_encoding is None
    assert market.ask("/static/app.css", headers=accepted).content_encoding == "gzip"


def test_a_page_of_somebody_with_a_session_is_not_compressed(market: Market) -> None:
    client = market.client
    client.set_cookie("session", "anything")
    assert client.get("/offers", headers={"Accept-Encoding": "gzip"}).content_encoding is None


def test_an_address_past_64_kilobytes_says_what_to_do(market: Market) -> None:
    page = read(market, f"/offers?q={'salt+' * 14_000}", 414)
    assert "Shorten it to its main points" in page


def test_another_method_is_refused_with_a_page(market: Market) -> None:
    response = market.ask("/offers", "POST")
    assert response.status_code == 405
    assert response.headers["Allow"]
    assert "cannot be used that way" in response.text


def test_a_fault_of_ours_shows_a_page_and_no_traceback(app: Flask) -> None:
    app.testing = False

    @app.get("/fault")
    def fault() -> str:
        raise ZeroDivisionError("secret detail")

    @app.get("/large")
    def large() -> str:
        raise RequestEntityTooLarge

    page = app.test_client().get("/fault")
    assert page.status_code == 500
    assert "fault on our side" in page.text
    assert "secret" not in page.text
    assert app.test_client().get("/large").status_code == 413


def test_the_health_check_touches_no_database(app: Flask, client: FlaskClient) -> None:
    app.extensions.pop("sqlalchemy")
    assert client.get("/healthz").text == "ok\n"
