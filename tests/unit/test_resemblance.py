"""How alike two texts are in their wording."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.resemblance import resemblance, shingles


@given(st.text())
def test_a_text_resembles_itself_wholly(text: str) -> None:
    assert resemblance(shingles(text), shingles(text)) == 1


@given(st.text(), st.text())
def test_resemblance_has_no_direction(one: str, other: str) -> None:
    assert resemblance(shingles(one), shingles(other)) == resemblance(shingles(other), shingles(one))


def test_other_words_do_not_resemble() -> None:
    assert resemblance(shingles("A solar pump for wells"), shingles("Lime kilns that burn rice husks")) == 0


def test_case_and_punctuation_do_not_matter() -> None:
    assert resemblance(shingles("Energie solaire, pour puits!"), shingles("energie solaire pour puits")) == 1


def test_the_same_words_in_another_order_are_another_text() -> None:
    assert resemblance(shingles("pump the water up"), shingles("up the water pump")) == 0


def test_a_changed_word_in_many_leaves_much_in_common() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    assert resemblance(shingles(text), shingles(text.replace("six", "sixty"))) == pytest.approx(7 / 13)
