"""What somebody types: the query language, corrections, completions, days, and similar listings."""

from __future__ import annotations

import pytest
from catalogue import Market


def found(market: Market, q: str = "", **parameters: str) -> set[int]:
    """The ids of all offers found."""
    answer = market.ask("/api/v1/search", query_string={"wanted": "offer", "q": q, **parameters}).get_json()
    assert answer["pages"] <= 2
    more = market.ask("/api/v1/search", query_string={"wanted": "offer", "q": q, "page": 2, **parameters}).get_json()
    return {match["listing"]["id"] for match in answer["matches"] + more["matches"]}


def numbers(market: Market, *names: str) -> set[int]:
    return {market.numbers[name] for name in names}


class TestQueryLanguage:
    def test_a_phrase_must_stand_there(self, market: Market) -> None:
        assert found(market, '"harvest of onions"') == numbers(market, "pump 11")

    def test_barred_words_take_listings_away_from_both_legs(self, market: Market) -> None:
        everything = found(market, "solar pump")
        assert found(market, "solar pump -onions") == everything - numbers(market, "pump 11")

    def test_a_beginning_finds_all_its_words(self, market: Market) -> None:
        assert found(market, "nanofil*") == numbers(market, "brine")

    def test_fields_filter(self, market: Market) -> None:
        assert found(market, "country:BD") == numbers(market, "brine")
        assert found(market, "trl:>=9") == found(market, trl="9") != set()

    def test_fields_and_filters_of_the_address_add_up(self, market: Market) -> None:
        assert found(market, "trl:>=8", trl="9") == found(market, trl="9")
        assert found(market, "country:KE", country="BD") == set()

    def test_a_typed_field_leaves_no_other_choice(self, market: Market) -> None:
        answer = market.ask("/api/v1/search", query_string={"wanted": "offer", "q": "country:BD"}).get_json()
        assert answer["facets"]["country"] == {}

    def test_a_phrase_of_stop_words_asks_for_nothing(self, market: Market) -> None:
        assert found(market, '"the"') == found(market, "the")

    def test_conditions_alone_show_what_holds_them(self, market: Market) -> None:
        assert found(market, "-solar") == found(market) - found(market, "solar*")

    @pytest.mark.parametrize(
        "typed", ['"', '""', "-", "*", "country:", "trl:>=", 'a "b', "-*", "posted:13", "::", "(", "\\"]
    )
    def test_a_slip_is_plain_words(self, market: Market, typed: str) -> None:
        for address in ("/offers", "/api/v1/search"):
            assert market.ask(address, query_string={"wanted": "offer", "q": f"solar pump {typed}"}).status_code == 200
        assert numbers(market, "pump 1") <= found(market, f"solar pump wells {typed}")


class TestDays:
    def test_what_was_posted_before_the_first_day_is_left_out(self, market: Market) -> None:
        assert found(market, since="2100-01-01") == set()
        assert found(market, since="2000-01-01", until="2100-01-01") == found(market)
        assert found(market, until="2000-01-01") == set()

    def test_a_day_that_is_none_is_named_and_left_out(self, market: Market) -> None:
        answer = market.ask("/api/v1/search?wanted=offer&since=yesterday").get_json()
        assert [notice["code"] for notice in answer["notices"]] == ["ignored"]

    def test_a_chip_takes_the_days_away(self, market: Market) -> None:
        page = market.ask("/offers?since=2020-01-31&until=2100-01-01").text
        assert "posted 31 January 2020 to 1 January 2100" in page


class TestTyping:
    def test_a_mistyped_word_is_corrected(self, market: Market) -> None:
        page = market.ask("/offers?q=nanofiltrtion+of+dye&country=BD").text
        assert 'href="/offers?q=nanofiltration+of+dye&amp;country=BD"' in page

    def test_a_known_word_is_left_alone(self, market: Market) -> None:
        assert "Did you mean" not in market.ask("/offers?q=nanofiltration").text

    def test_the_last_word_is_completed_from_the_listings(self, market: Market) -> None:
        answer = market.ask("/api/v1/completions?q=dye+nanof").get_json()
        assert answer == {"completions": ["dye nanofiltration"]}

    @pytest.mark.parametrize("typed", ["", " ", "x" * 5000, "\0", "مق", "%", "zzzz"])
    def test_anything_may_be_typed(self, market: Market, typed: str) -> None:
        assert market.ask("/api/v1/completions", query_string={"q": typed}).status_code == 200
