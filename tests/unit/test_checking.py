"""The automatic checks of a listing's text: what they point at, and what they leave alone."""

from __future__ import annotations

import time

import pytest

from matchmaker.services import checking
from matchmaker.services.checking import Finding
from matchmaker.services.vague_claims import vague_claims
from models import Listing

LONG = "The pump lifts water from shallow wells with nothing but the sun, in every season of the year."


def found(code: str, language: str = "en", **texts: str) -> tuple[str, ...] | None:
    """The items of one finding, None without it."""
    listing = Listing(kind="offer", language=language, **{"title": "Pump", "summary": LONG, **_EMPTY, **texts})
    return next((one.items for one in checking.findings(listing) if one.code == code), None)


_EMPTY = {
    "description": "",
    "problem": "",
    "constraints": "",
    "benefits": [],
    "available_in": [],
    "partnerships": [],
    "keywords": [],
    "ip_status": "unknown",
}


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("An Eco-Friendly pump", ("eco-friendly",)),
        ("It is 100 % green and carbon neutral.", ("100 % green", "carbon neutral")),
        ("100% renewable", ("100% renewable",)),
        ("Net-zero by design", ("net-zero",)),
        ("Ein klimaneutrales, umweltfreundliches Verfahren", ("klimaneutrales", "umweltfreundliches")),
        (
            "Un procédé respectueux de l’environnement, zéro émission",
            ("respectueux de l’environnement", "zéro émission"),
        ),
        ("Una bomba ecológica, carbono neutral", ("ecológica",)),
        (
            "Neutro en carbono y respetuoso con el medio ambiente",
            ("neutro en carbono", "respetuoso con el medio ambiente"),
        ),
        ("这是一种环保的零排放水泵", ("环保", "零排放")),
        ("Saves 60 % of the water against a flood irrigation", ()),
        ("A green house, a carbon filter, a neutral salt", ()),
        ("Our recollection", ()),
    ],
)
def test_vague_claims_are_found_in_five_languages(text: str, claims: tuple[str, ...]) -> None:
    assert vague_claims(text) == claims


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("Write to sales@jua.example.org today.", ("sales@jua.example.org",)),
        ("Call +254 700 123 456 or +49 (30) 1234-567.", ("+254 700 123 456", "+49 (30) 1234-567")),
        ("WhatsApp: 0700 123 456", ("WhatsApp: 0700 123 456",)),
        ("电话：010-6552-9988", ("电话：010-6552-9988",)),
        ("Patents EP1234567 and US20190012345, 1990-2026, 1 234 567 litres", None),
        ("See https://example.org/+12345678901", None),
    ],
)
def test_contact_details_are_found(text: str, items: tuple[str, ...] | None) -> None:
    assert found("contact", description=text) == items


def test_links_are_listed_once_each() -> None:
    text = "[report](https://example.org/a), www.jua.example, and https://example.org/a. <javascript:alert(1)>"
    assert found("links", description=text) == ("https://example.org/a", "www.jua.example")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("BUY OUR SOLAR PUMPS NOW for little", ("BUY OUR SOLAR PUMPS NOW",)),
        ("СОЛНЕЧНЫЙ НАСОС", ("СОЛНЕЧНЫЙ НАСОС",)),
        ("PVC, HDPE and UV lamps by UNIDO", None),
        ("这是一种水泵这是一种水泵 这是一种水泵", None),
        ("مضخة شمسية تعمل بالطاقة", None),
    ],
)
def test_shouting_is_found_and_abbreviations_are_not(text: str, items: tuple[str, ...] | None) -> None:
    assert found("shouting", description=text) == items


ARABIC = "ينتج ماء عذبا من مياه الآبار المالحة بالشمس وحدها"
GREEK = "Η αντλία ανεβάζει νερό από ρηχά πηγάδια με τον ήλιο"


@pytest.mark.parametrize(
    ("tag", "text", "code", "items"),
    [
        ("en", LONG, "language_unsure", ("en",)),
        ("fr", LONG, "language_unsure", ("fr",)),
        ("ar", LONG, "language_differs", ("ar", "latin")),
        ("en", ARABIC, "language_differs", ("en", "arabic")),
        ("ar", ARABIC, "language_unsure", ("ar",)),
        ("el", GREEK, "language_differs", None),
        ("el", GREEK, "language_unsure", None),
        ("zh", "这种水泵只靠太阳就能从浅井里抽水，一年四季都可以使用，不需要电", "language_differs", None),
        ("zh-Hant", "這種水泵只靠太陽就能從淺井裡抽水，一年四季都可以使用，不需要電", "language_differs", None),
        ("sr-Latn", LONG, "language_unsure", ("sr-Latn",)),
        ("und", LONG, "language_unknown", ("und",)),
        ("xx-nonsense", LONG, "language_unknown", ("xx-nonsense",)),
        ("en", "Short", "language_unknown", ("en",)),
        ("en", "12 34 56 78 90 12 34 56 78 90 12 34", "language_unknown", ("en",)),
    ],
)
def test_the_stated_language_is_held_against_the_script(
    tag: str, text: str, code: str, items: tuple[str, ...] | None
) -> None:
    assert found(code, tag, title="·", summary=text) == items


def test_what_is_missing_is_what_the_posting_page_says() -> None:
    missing = found("missing")
    assert missing
    assert "trl" in missing


@pytest.mark.parametrize("filling", ["a ", "A ", "+1", "www.", "a@", "100 % ", "tel ", "a.a@a.", "(", "zero "])
def test_no_text_of_eight_thousand_letters_takes_long(filling: str) -> None:
    begun = time.process_time()
    found("links", description=(filling * 8000)[:8000], problem=(filling * 8000)[:8000])
    assert time.process_time() - begun < 0.5


def test_findings_are_plain_values() -> None:
    assert Finding("links", ("www.jua.example",)) == Finding("links", ("www.jua.example",))
