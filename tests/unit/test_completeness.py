"""What a listing leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from matchmaker.services.completeness import GAPS, gaps
from matchmaker.services.posting import PAGES
from matchmaker.wording import gap
from models import Listing

WORDS = "Salt and water of the dye bath go back to the next bath while the colour stays behind. " * 4
WHOLE: dict[str, dict[str, Any]] = {
    "offer": {
        "description": WORDS,
        "category": "water",
        "benefits": [{"tag": "water-saving", "quantity": 60, "unit": "%", "baseline": "conventional dyeing"}],
        "trl": 8,
        "available_in": ["KE"],
        "ip_status": "granted",
        "partnerships": ["sale"],
        "language": "en",
        "keywords": ["dye"],
    },
    "need": {
        "description": WORDS,
        "problem": "The river takes no more salt.",
        "category": "water",
        "targets": [{"name": "salt", "quantity": 2, "unit": "g/l"}],
        "wanted_in": ["KE"],
        "trl": 7,
        "partnerships": ["sale"],
        "language": "en",
        "deadline": "2027-03-31",
    },
}
EMPTY: dict[str, Any] = {
    "summary": "",
    "description": "",
    "problem": "",
    "language": "und",
    "keywords": [],
    "benefits": [],
    "targets": [],
    "partnerships": [],
    "available_in": [],
    "wanted_in": [],
    "ip_status": "unknown",
}


def listing(kind: str, **values: Any) -> Listing:
    return Listing(kind=kind, title="T", **{**EMPTY, **values})


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_an_empty_listing_lacks_everything(kind: str) -> None:
    assert tuple(name for name, _ in gaps(listing(kind))) == GAPS[kind]


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_a_whole_listing_lacks_nothing(kind: str) -> None:
    assert gaps(listing(kind, **WHOLE[kind])) == ()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in WHOLE for name in WHOLE[kind]])
def test_each_thing_left_out_is_one_gap(kind: str, name: str) -> None:
    left_out = {key: value for key, value in WHOLE[kind].items() if key != name}
    assert len(gaps(listing(kind, **left_out))) == 1


def test_a_number_without_what_it_is_measured_against_is_no_advantage() -> None:
    vague = [{"tag": "water-saving", "quantity": 60, "unit": "%", "baseline": ""}]
    assert "advantage" in dict(gaps(listing("offer", **WHOLE["offer"] | {"benefits": vague})))


def test_a_text_without_spaces_is_measured_by_its_letters() -> None:
    chinese = "染缸里的盐和水回到下一缸，颜色留在后面。" * 20
    assert "few_words" not in dict(gaps(listing("offer", **WHOLE["offer"] | {"description": chinese})))


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_every_gap_is_filled_on_a_page_of_the_form(kind: str) -> None:
    assert {page for _, page in gaps(listing(kind))} <= set(PAGES[kind])


@pytest.mark.parametrize("name", sorted({name for names in GAPS.values() for name in names}))
def test_every_gap_says_what_it_costs(name: str) -> None:
    assert all(gap(name))
