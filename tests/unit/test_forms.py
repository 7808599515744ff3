"""Forms of listings: what a browser sends, what the schemas read, what is shown again."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from matchmaker.schemas import COUNTRIES, listing_schema
from matchmaker.services.posting import PAGES
from matchmaker.web import forms
from models import Listing

ALL = {kind: [name for fields in PAGES[kind].values() for name in fields] for kind in PAGES}


@pytest.fixture(scope="module", autouse=True)
def _page() -> Any:
    """Words are looked up in the language of the page that is answered."""
    app = Flask("forms")
    Babel(app)
    with app.test_request_context():
        yield


def sent(values: dict[str, Any]) -> MultiDict[str, str]:
    """The form a browser sends when these values stand in the boxes."""
    form: MultiDict[str, str] = MultiDict()
    for name, value in values.items():
        if value is True:
            form.add(name, "yes")
        elif isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, dict):
                    for part, text in one.items():
                        form.add(f"{name}-{number}-{part}", text)
                else:
                    form.add(name, one)
        elif value is not False:
            form.add(name, value)
    return form


def read(name: str, **form: str) -> Any:
    return forms.read([name], MultiDict(form))[name]


def test_every_field_of_an_offer_stands_on_one_page_of_the_form() -> None:
    assert sorted(ALL["offer"]) == sorted(listing_schema("offer").fields)


def test_every_field_of_a_need_but_protection_stands_on_one_page_of_the_form() -> None:
    asked = [name for name in listing_schema("need").fields if not name.startswith("ip_")]
    assert sorted(ALL["need"]) == sorted(asked)


@pytest.mark.parametrize("given_names", ["Kenya, Tanzania", "KE;TZ", "kenya\nTZ", "Kenya，tz"])
def test_countries_are_named_as_people_name_them(given_names: str) -> None:
    assert read("wanted_in", wanted_in=given_names) == ["KE", "TZ"]


def test_a_misspelt_country_is_guessed() -> None:
    with pytest.raises(ValidationError, match=r"Tanzanya is not a country we know. Do you mean Tanzania"):
        read("wanted_in", wanted_in="Tanzanya")


def test_what_is_no_country_is_named() -> None:
    with pytest.raises(ValidationError, match=r"Atlantis Deep is not a country we know. Write its name"):
        read("wanted_in", wanted_in="Atlantis Deep")


def test_a_field_brings_its_category_along() -> None:
    values = forms.read(["category", "subcategory"], MultiDict({"category": "", "subcategory": "irrigation"}))
    assert values == {"category": "farming-forestry", "subcategory": "irrigation"}


def test_empty_rows_say_nothing() -> None:
    form = MultiDict({"benefits-0-tag": "", "benefits-1-tag": "water-saving", "benefits-1-quantity": "6"})
    assert forms.read(["benefits"], form)["benefits"] == [
        {"tag": "water-saving", "quantity": "6", "unit": "", "baseline": ""}
    ]


def test_a_problem_in_a_row_names_the_row() -> None:
    error = ValidationError({"benefits": {1: {"tag": ["Unknown."], "quantity": ["No number."]}}})
    assert forms.problems(error) == {"benefits": ["Row 2: Unknown.", "Row 2: No number."]}


_LINE = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
_CODES = st.lists(st.sampled_from(sorted(COUNTRIES)), unique=True, max_size=5)
_OFFER = st.fixed_dictionaries(
    {
        "title": _LINE,
        "summary": _LINE,
        "keywords": st.lists(_LINE, unique=True, max_size=10),
        "available_in": _CODES,
        "deployed_in": _CODES,
        "sdgs": st.lists(st.integers(1, 17), unique=True),
        "partnerships": st.lists(st.sampled_from(["sale", "pilot", "licence"]), unique=True),
        "trl": st.none() | st.integers(1, 9),
        "anonymous": st.booleans(),
        "benefits": st.lists(
            st.fixed_dictionaries(
                {
                    "tag": st.sampled_from(["water-saving", "energy-saving"]),
                    "quantity": st.integers(-1000, 1000),
                    "unit": _LINE,
                    "baseline": _LINE,
                }
            ),
            max_size=4,
            unique_by=str,
        ),
    }
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_OFFER)
def test_a_form_that_is_opened_and_sent_again_changes_nothing(given_values: dict[str, Any]) -> None:
    before = listing_schema("offer").load(given_values)
    boxes = forms.shown(ALL["offer"], Listing(kind="offer", **before))
    after = listing_schema("offer").load(forms.read(ALL["offer"], sent(boxes)))
    assert {name: sorted(value, key=str) if isinstance(value, list) else value for name, value in after.items()} == {
        name: sorted(value, key=str) if isinstance(value, list) else value for name, value in before.items()
    }
