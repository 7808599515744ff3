"""Completing and correcting what is typed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.analysis import places
from search_index.vocabulary import MOST_UNKNOWN, Vocabulary

COUNTS = {
    "solar": 900,
    "solution": 40,
    "soil": 70,
    "water": 800,
    "waste": 300,
    "pump": 120,
    "pumps": 200,
    "desalination": 30,
    "filter": 90,
    "filtre": 5,
    "énergie": 60,
    "energy": 700,
    "éolienne": 12,
    "membrane": 44,
    "brine": 9,
    "bride": 1,
    "مياه": 8,
    "किसानों": 6,
}


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(COUNTS)


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("so", ("solar", "soil", "solution")),
        ("SOL", ("solar", "solution")),
        ("cheap solar pu", ("cheap solar pumps", "cheap solar pump")),
        ("pump", ("pumps",)),
        ("ener", ("energy", "énergie")),
        ("éner", ("energy", "énergie")),
        ("e\u0301olien", ("éolienne",)),
        ('"solar wat', ('"solar water',)),
        ("مي", ("مياه",)),
        ("किसा", ("किसानों",)),
        ("desalination", ()),
        ("xyz", ()),
        ("solar ", ()),
        ("solar-", ()),
        ("", ()),
    ],
)
def test_the_last_word_is_completed_with_the_most_frequent_first(
    vocabulary: Vocabulary, text: str, completed: tuple[str, ...]
) -> None:
    assert vocabulary.complete(text) == completed


def test_the_value_of_a_field_is_not_completed(vocabulary: Vocabulary) -> None:
    assert vocabulary.complete("pump country:so") == ()


def test_no_more_completions_than_asked_for(vocabulary: Vocabulary) -> None:
    assert vocabulary.complete("s", most=2) == ("solar", "soil")


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("watre", "water"),
        ("solr pumps", "solar pumps"),
        ("desallinaton of watter!", "desalination of water!"),
        ("Membrene", "Membrane"),
        ("eoliene", "éolienne"),
        ('"solar wster" -brin', '"solar water" -brine'),
        ("énergiee", "énergie"),
        ("bribe", "brine"),
    ],
)
def test_an_unknown_word_becomes_a_frequent_one_close_by(vocabulary: Vocabulary, text: str, corrected: str) -> None:
    assert vocabulary.correct(text) == corrected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "solar water pump",
        "Eolienne",
        "xylophone",
        "wat sol",
        "WATRE",
        "wat3r",
        "CO2-watre",
        "country:watre",
        "https://watre.org/solr",
        "about which",
        "membranes",
        "filtering",
        "太阳能",
        "🌞 ?!",
    ],
)
def test_what_is_known_short_a_code_or_far_from_all_stays(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.correct(text) is None


def test_a_text_of_many_unknown_words_is_another_language(vocabulary: Vocabulary) -> None:
    assert vocabulary.correct("watre " * (MOST_UNKNOWN + 1)) is None


def test_an_empty_vocabulary_knows_nothing_better() -> None:
    assert (Vocabulary({}).complete("so"), Vocabulary({}).correct("watre")) == ((), None)


def words_of(text: str) -> list[str]:
    composed = unicodedata.normalize("NFC", text)
    return [composed[start:end] for start, end in places(composed)]


@given(st.one_of(st.text(), st.lists(st.sampled_from([*COUNTS, "watre", "trl:7", " ", "x"])).map(" ".join)))
def test_completing_and_correcting_keep_the_other_words(text: str) -> None:
    vocabulary = Vocabulary(COUNTS)
    kept = words_of(text)[:-1]
    assert all(words_of(completed)[:-1] == kept for completed in vocabulary.complete(text))
    assert len(words_of(vocabulary.correct(text) or text)) == len(words_of(text))
