"""What seekers type in the search box, read into parts."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.query_language import LONGEST, Parsed, parse
from search_index.types import ALWAYS, Filters, Words

CODES = {
    "country": ["KE", "TZ"],
    "category": ["water", "pollution-waste"],
    "trl": [str(n) for n in range(1, 10)],
    "sdg": [str(n) for n in range(1, 18)],
    "language": ["fr", "zh-Hans"],
    "partnership": ["licence", "r-and-d"],
    "status": ["stale"],
}
PIECES = [
    '"',
    "“",
    "”",
    "«",
    "»",
    "-",
    "*",
    ":",
    "trl",
    "posted",
    "country",
    "KE",
    ">=",
    "2026",
    "7",
    "a",
    "é",
    " ",
    ",",
]
typed = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))


def at(year: int, month: int = 1, day: int = 1) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def parts(text: str) -> tuple[str, Words]:
    parsed = parse(text, CODES)
    assert (parsed.filters, parsed.published) == ({}, ALWAYS)
    return parsed.text, parsed.words


@pytest.mark.parametrize(
    ("text", "plain", "words"),
    [
        ('"solar pump"', "solar pump", Words(phrases=("solar pump",))),
        ("cheap “solar pump” kit", "cheap solar pump kit", Words(phrases=("solar pump",))),
        ("« eau  salée »", "eau salée", Words(phrases=("eau salée",))),
        ('"pump" "pump"', "pump pump", Words(phrases=("pump",))),
        ("pump -diesel", "pump", Words(barred=("diesel",))),
        ("pump -किसानों -e-mobility", "pump", Words(barred=("किसानों", "e-mobility"))),
        ('pump -"hand driven"', "pump", Words(barred=("hand driven",))),
        ("desalin* plant", "desalin plant", Words(beginnings=("desalin",))),
        ("co2* 太阳*", "co2 太阳", Words(beginnings=("co2", "太阳"))),
    ],
)
def test_quotes_minus_and_asterisk_say_what_must_hold(text: str, plain: str, words: Words) -> None:
    assert parts(text) == (plain, words)


@pytest.mark.parametrize(
    "text",
    [
        "solar water pump",
        'a 5" pipe',
        'a "lone quote',
        '"glued"on',
        '"" "!"',
        '“straight"',
        "e-mobility - item",
        "- item",
        "-",
        "--option",
        "-20 °C",
        "-.5",
        "*",
        "-*",
        "a*b",
        "-desal*",
        "https://example.org/trl:7",
        "note: the pump",
        "trl: 7",
        "trl:",
        "trl:ten",
        "trl:0",
        "trl:>=",
        "trl:>=10",
        "trl:6-4",
        "trl:٧",
        "country:XX",
        "country:>=7",
        "colour:red",
        ":",
        "posted:yesterday",
        "posted:2026-02-30",
        "posted:9999",
        "posted:0000",
        "posted:2026-1-1",
        "posted:>=2026-01-31T00:00",
        "",
    ],
)
def test_what_is_not_exactly_right_is_plain_words(text: str) -> None:
    assert parts(text) == (text, Words())


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("country:KE", {"country": ("KE",)}),
        ("Country:ke", {"country": ("KE",)}),
        ("country:ke country:TZ country:KE", {"country": ("KE", "TZ")}),
        ("category:water category:pollution-waste", {"category": ("water", "pollution-waste")}),
        ("language:ZH-hans", {"language": ("zh-Hans",)}),
        ("trl:7", {"trl": ("7",)}),
        ("trl:>=7", {"trl": ("7", "8", "9")}),
        ("trl:<3", {"trl": ("1", "2")}),
        ("trl:4-6", {"trl": ("4", "5", "6")}),
        ("sdg:>16 partnership:licence", {"sdg": ("17",), "partnership": ("licence",)}),
        ("status:stale", {"status": ("stale",)}),
    ],
)
def test_a_field_narrows_and_is_no_word(text: str, filters: Filters) -> None:
    parsed = parse(f"pump {text} kit", CODES)
    assert (parsed.text, parsed.filters) == ("pump kit", filters)


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("posted:2026", (at(2026), at(2027))),
        ("posted:2026-12", (at(2026, 12), at(2027))),
        ("posted:2024-02", (at(2024, 2), at(2024, 3))),
        ("posted:2026-01-31", (at(2026, 1, 31), at(2026, 2, 1))),
        ("posted:>=2026-01-31", (at(2026, 1, 31), math.inf)),
        ("posted:>2026", (at(2027), math.inf)),
        ("posted:<2026-02", (-math.inf, at(2026, 2))),
        ("posted:<=2026-02", (-math.inf, at(2026, 3))),
        ("posted:>=2025 Posted:<2026-07", (at(2025), at(2026, 7))),
    ],
)
def test_a_time_of_posting_is_a_range_of_whole_days(text: str, published: tuple[float, float]) -> None:
    assert parse(text, CODES) == Parsed("", published=published, written=text.lower())


def test_fields_without_codes_are_plain_words() -> None:
    assert parse("country:KE", {}).text == "country:KE"


def test_a_long_text_is_plain_words_altogether() -> None:
    text = 'We look for a "solar pump" -diesel trl:7 desalin*\n' * 10
    assert len(text) > LONGEST
    assert parse(text, CODES) == Parsed(text, written=text)


@pytest.mark.parametrize("piece", ['"', "“", '"a ', '"a"b ', "-", "-a", "trl:", "a*", " ", "x"])
def test_a_million_characters_are_read(piece: str) -> None:
    parse((piece * 1_000_000)[:1_000_000], CODES)


@given(typed)
def test_what_is_written_parses_to_the_same_parts(text: str) -> None:
    parsed = parse(text, CODES)
    assert parse(parsed.written, CODES) == parsed


@given(
    st.lists(st.sampled_from(["solar", "pump", "e-mobility", "5kW", "eau", "太阳能", "don't", "(bio)gas"]), max_size=20)
)
def test_words_without_syntax_stay_as_they_are(words: list[str]) -> None:
    assert parts(" ".join(words)) == (" ".join(words), Words())
