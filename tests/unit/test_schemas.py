"""The one gate for forms, the API and files."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from matchmaker.schemas import (
    MOST_PAGES,
    NeedSchema,
    OfferSchema,
    OrganisationSchema,
    SearchSchema,
    clean,
    language_tag,
    listing_schema,
)
from models.taxonomy import CATEGORIES, PARTNERSHIPS, SUBCATEGORIES


def offer(**values: Any) -> dict[str, Any]:
    return dict(OfferSchema().load({"title": "Solar pump", **values}))


def need(**values: Any) -> dict[str, Any]:
    return dict(NeedSchema().load({"title": "Solar pump", **values}))


def problems(load: Any, **values: Any) -> set[str]:
    """The fields that are refused."""
    with pytest.raises(ValidationError) as refused:
        load(**values)
    assert isinstance(refused.value.messages, dict)
    return set(refused.value.messages)


class TestClean:
    @given(st.text(st.characters()))
    def test_cleaning_twice_changes_nothing(self, text: str) -> None:
        assert clean(clean(text)) == clean(text)

    @given(st.text(st.characters()))
    def test_a_clean_text_can_be_stored_and_sent(self, text: str) -> None:
        cleaned = clean(text)
        assert cleaned == unicodedata.normalize("NFC", cleaned)
        assert cleaned.encode("utf-8").decode("utf-8") == cleaned
        assert not set(cleaned) & {"\x00", "\r", "\x0b", "\x1b", "\x7f"}

    def test_line_ends_become_one_character(self) -> None:
        assert clean("a\r\nb\rc\nd\te") == "a\nb\nc\nd\te"


class TestListing:
    def test_a_title_is_enough(self) -> None:
        assert offer()["trl"] is None

    def test_what_is_absent_is_unknown(self) -> None:
        loaded = need()
        assert (loaded["category"], loaded["wanted_in"], loaded["ip_status"], loaded["language"]) == (
            None,
            [],
            "unknown",
            "und",
        )

    @pytest.mark.parametrize("title", ["", "  ", "\x00", "!?", "🌞", "x" * 257, None, 3, ["x"]])
    def test_a_title_that_says_nothing_or_too_much_is_refused(self, title: Any) -> None:
        assert problems(offer, title=title) == {"title"}

    @pytest.mark.parametrize("title", ["x" * 256, "太", "7", "  x  "])
    def test_a_title_with_a_letter_or_digit_passes(self, title: str) -> None:
        assert offer(title=title)["title"] == title.strip()

    @pytest.mark.parametrize(("name", "most"), [("summary", 500), ("description", 8000)])
    def test_texts_have_a_greatest_length(self, name: str, most: int) -> None:
        assert len(offer(**{name: "x" * most})[name]) == most
        assert problems(offer, **{name: "x" * (most + 1)}) == {name}

    @pytest.mark.parametrize("level", [1, 9, "7", 7.0, None])
    def test_levels_from_one_to_nine_pass(self, level: Any) -> None:
        assert offer(trl=level)["trl"] == (None if level is None else int(level))

    @pytest.mark.parametrize("level", [0, 10, -1, "x", 3.7, "3.7", 10**30, [], "", True])
    def test_other_levels_are_refused(self, level: Any) -> None:
        assert problems(offer, trl=level) == {"trl"}

    def test_codes_are_read_in_any_case(self) -> None:
        loaded = offer(category="ENERGY", available_in=["ke"], partnerships=["Pilot"])
        assert (loaded["category"], loaded["available_in"], loaded["partnerships"]) == ("energy", ["KE"], ["pilot"])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("category", "magic"), ("subcategory", "magic"), ("ip_kind", "magic"), ("ip_status", "magic")),
            *(("partnerships", ["magic"]), ("available_in", ["XX"]), ("available_in", ["Kenya"]), ("sdgs", [0])),
            *(("sdgs", [18]), ("keywords", ["x" * 65]), ("keywords", list("abcdefghijk")), ("language", "klingonese")),
            *(("ip_as_of", "yesterday"), ("benefits", [{"tag": "magic", "quantity": 1}]), ("anonymous", "perhaps")),
            *(("benefits", [{"tag": "energy-saving", "quantity": "nan"}]), ("keywords", "pump"), ("benefits", ["x"])),
            *(("benefits", [{"tag": "energy-saving", "quantity": float("inf")}]), ("colour", "red")),
        ],
    )
    def test_unknown_codes_and_wrong_forms_are_refused(self, name: str, value: Any) -> None:
        assert problems(offer, **{name: value}) == {name}

    def test_lists_lose_their_repeats_and_keep_their_order(self) -> None:
        assert offer(keywords=["b", "a", "b ", "a"])["keywords"] == ["b", "a"]

    @pytest.mark.parametrize(("category", "subcategory"), [("water", "solar"), (None, "solar")])
    def test_a_subcategory_needs_its_own_category(self, category: str | None, subcategory: str) -> None:
        assert problems(offer, category=category, subcategory=subcategory) == {"subcategory"}

    @pytest.mark.parametrize(("category", "subcategory"), [(c, s) for c, group in SUBCATEGORIES.items() for s in group])
    def test_every_subcategory_passes_with_its_category(self, category: str, subcategory: str) -> None:
        assert offer(category=category, subcategory=subcategory)["subcategory"] == subcategory

    def test_what_only_a_need_says_is_refused_of_an_offer(self) -> None:
        assert problems(offer, deadline="2030-01-01") == {"deadline"}

    def test_what_only_an_offer_says_is_refused_of_a_need(self) -> None:
        assert problems(need, deployed_in=["KE"]) == {"deployed_in"}

    def test_a_budget_is_an_amount_with_its_currency(self) -> None:
        loaded = need(budget_amount="1500.5", budget_currency="eur")
        assert (loaded["budget_amount"], loaded["budget_currency"]) == (Decimal("1500.50"), "EUR")

    @pytest.mark.parametrize("values", [{"budget_amount": "1"}, {"budget_currency": "EUR"}])
    def test_half_a_budget_is_refused(self, values: dict[str, str]) -> None:
        assert problems(need, **values) == {"budget_amount"}

    @pytest.mark.parametrize("amount", ["-1", "nan", "inf", "1e99", "much", True])
    def test_an_impossible_amount_is_refused(self, amount: Any) -> None:
        assert "budget_amount" in problems(need, budget_amount=amount, budget_currency="EUR")

    def test_the_schema_goes_by_the_kind(self) -> None:
        assert (type(listing_schema("offer")), type(listing_schema("need"))) == (OfferSchema, NeedSchema)


class TestOrganisation:
    @pytest.mark.parametrize("name", ["", "   ", "\x00", "x" * 257, None])
    def test_a_name_is_needed(self, name: Any) -> None:
        with pytest.raises(ValidationError):
            OrganisationSchema().load({"name": name})

    def test_a_name_is_enough(self) -> None:
        assert OrganisationSchema().load({"name": " Jua Works "})["name"] == "Jua Works"


class TestLanguage:
    @pytest.mark.parametrize(
        ("tag", "expected"),
        [("en", "en"), ("EN-us", "en-US"), ("zh-hans", "zh-Hans"), ("und", "und"), ("sw-KE", "sw-KE")],
    )
    def test_a_tag_is_spelled_as_usual(self, tag: str, expected: str) -> None:
        assert language_tag(tag) == expected

    @pytest.mark.parametrize(
        "tag", ["", "x", "english", "en_US", "e-n", "xx-invalid-tag-of-some-length", "en-", "-", "é"]
    )
    def test_anything_else_is_refused(self, tag: str) -> None:
        with pytest.raises(ValidationError):
            language_tag(tag)

    @given(st.one_of(st.text(max_size=12), st.from_regex(r"[a-z]{2,3}([-_@.][a-zA-Z0-9]{1,8}){0,3}", fullmatch=True)))
    def test_whatever_passes_fits_its_column(self, tag: str) -> None:
        try:
            found = language_tag(tag)
        except ValidationError:
            return
        assert 2 <= len(found) <= 35
        assert language_tag(found) == found


class Lists(dict[str, list[str]]):
    """Like a MultiDict: every key has a list of values."""

    def to_dict(self, flat: bool = True) -> dict[str, list[str]]:
        return dict(self)


def search(**values: Any) -> dict[str, Any]:
    return dict(SearchSchema().load(Lists({name: v if isinstance(v, list) else [v] for name, v in values.items()})))


class TestSearch:
    def test_an_empty_address_is_a_search_for_everything(self) -> None:
        assert search() == {
            "text": "",
            "filters": {},
            "posted": (None, None),
            "sort": "relevance",
            "page": 1,
            "ignored": (),
        }

    def test_filters_are_read_with_several_codes_each(self) -> None:
        assert search(country=["ke", "TZ", "KE"], trl="7")["filters"] == {"country": ("KE", "TZ"), "trl": ("7",)}

    def test_unknown_codes_are_dropped_and_named(self) -> None:
        loaded = search(category=["magic", next(iter(CATEGORIES))], partnership=[*PARTNERSHIPS][:1])
        assert loaded["ignored"] == ("category: magic",)

    @pytest.mark.parametrize(
        ("page", "expected"),
        [
            ("3", 3),
            ("0", 1),
            ("-1", 1),
            ("x", 1),
            ("", 1),
            ("²", 1),
            ("٣", 1),
            ("9" * 5000, MOST_PAGES),
            ("99999999", MOST_PAGES),
        ],
    )
    def test_a_page_is_a_number_that_exists(self, page: str, expected: int) -> None:
        assert search(page=page)["page"] == expected

    @pytest.mark.parametrize(
        ("sort", "expected"), [("newest", "newest"), ("relevance", "relevance"), ("' OR 1", "relevance")]
    )
    def test_an_unknown_sort_is_relevance(self, sort: str, expected: str) -> None:
        assert search(sort=sort)["sort"] == expected

    @given(
        st.dictionaries(
            st.one_of(
                st.sampled_from(["q", "category", "country", "trl", "sdg", "language", "sort", "page"]), st.text()
            ),
            st.lists(st.text(st.characters()), max_size=3),
        )
    )
    def test_no_address_is_an_error(self, address: dict[str, list[str]]) -> None:
        loaded = SearchSchema().load(Lists(address))
        assert 1 <= loaded["page"] <= MOST_PAGES
        assert loaded["text"] == clean(loaded["text"])


def test_a_level_written_as_spreadsheets_do_is_read() -> None:
    assert listing_schema("offer").load({"title": "Pump", "trl": "3.0"})["trl"] == 3


@pytest.mark.parametrize("quantity", [5e300, -1e308, 1e16])
def test_a_quantity_nobody_could_read_is_refused(quantity: float) -> None:
    benefit = {"tag": "water-saving", "quantity": quantity}
    with pytest.raises(ValidationError, match="larger unit"):
        listing_schema("offer").load({"title": "Pump", "benefits": [benefit]})
