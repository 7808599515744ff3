"""Where words end, in any script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.analysis import fold, forms, is_readable, places, segment, words

LETTERS = st.text(st.sampled_from("aé\u0301İ太陽能ソーラー سौ\u0940كِ\u0640xX_-. \n1²ß🌞\x00"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Solar Pumps, solar pumps!", ["solar", "pumps"]),
        ("太阳能", ["太阳", "阳能"]),
        ("水", ["水"]),
        ("用solar水泵", ["用", "solar", "水泵"]),
        ("ソーラーポンプ", ["ソー", "ーラ", "ラー", "ーポ", "ポン", "ンプ"]),
        ("佐々木", ["佐々", "々木"]),
        ("a_b c-d", ["a", "b", "c", "d"]),
        ("हिन्दी पानी", ["हिन्दी", "पानी"]),
        ("مياه الصرف", ["مياه", "الصرف"]),
        ("CO2 x²", ["co2", "x²"]),
        ("🌞 ?!", []),
        ("", []),
    ],
)
def test_words_are_found_in_order_without_repeats(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_segmented_text_keeps_repeats() -> None:
    assert segment("Pump, pump 太阳能") == "pump pump 太阳 阳能"


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        ("كِتاب", "كتاب"),
        ("كـتاب", "كتاب"),
        ("i\u0307stanbul", "istanbul"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी", "हिन्दी"),
        ("pump", "pump"),
    ],
)
def test_optional_marks_are_folded_and_vowels_of_indic_scripts_are_not(word: str, folded: str) -> None:
    assert fold(word) == folded


@given(st.one_of(st.text(), LETTERS))
def test_the_index_holds_the_folded_words_of_the_text(text: str) -> None:
    assert set(segment(text).split()) == {fold(word) for word in words(text)} - {""}


def test_forms_are_the_segmented_text_its_spellings_and_those_that_folding_may_change() -> None:
    assert forms("Pump, كِتاب pump 太阳能") == ("pump كتاب pump 太阳 阳能", "pump كِتاب 太阳 阳能", "كتاب")


@given(st.one_of(st.text(), LETTERS))
def test_forms_hold_every_word_as_it_is_written(text: str) -> None:
    segmented, spelled, _ = forms(text)
    assert (segmented, spelled.split(" ") if spelled else []) == (segment(text), words(text))


@pytest.mark.parametrize(
    ("word", "readable"), [("co2", True), ("مياه", True), ("x", False), ("½", False), ("太阳", False)]
)
def test_letters_numbers_and_pairs_are_not_readable(word: str, readable: bool) -> None:
    assert is_readable(word) == readable


@given(st.one_of(st.text(), LETTERS))
def test_every_letter_and_digit_is_in_some_word(text: str) -> None:
    assert all(
        any(character in word for word in words(text))
        for character in unicodedata.normalize("NFC", text).lower()
        if character.isascii() and character.isalnum()
    )


@given(st.text(st.characters(codec="ascii")))
def test_segmenting_twice_changes_nothing(text: str) -> None:
    assert segment(segment(text)) == segment(text)


@given(st.one_of(st.text(), LETTERS))
def test_places_are_where_the_words_stand(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert {composed[start:end].lower() for start, end in places(composed)} == set(words(composed))


@given(st.one_of(st.text(), LETTERS))
def test_places_are_in_order(text: str) -> None:
    found = list(places(text))
    assert found == sorted(found)
