"""Cutting texts into passages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.passages import split

pieces = st.sampled_from(
    [
        *("A pump. ", "Fig. 2 ", "Dr. ", "太阳能。", "مياه؟ ", "3.5 m", "x", "🌞", "…", "?!", '."'),
        *("\n", "\n\n", "  ", "\u3000", "\x00"),
    ]
)
texts = st.one_of(st.text(), st.lists(pieces).map("".join))


def passages(text: str) -> list[str]:
    return [text[start:end] for start, end in split(text)]


@given(texts)
def test_every_visible_character_is_in_exactly_one_passage(text: str) -> None:
    covered = [position for start, end in split(text) for position in range(start, end)]
    assert len(covered) == len(set(covered))
    assert {n for n, character in enumerate(text) if not character.isspace()} <= set(covered)


@given(texts)
def test_passages_are_in_order_and_inside_the_text(text: str) -> None:
    edges = [edge for span in split(text) for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(text) for edge in edges)


@given(texts)
def test_no_passage_is_empty_or_has_outer_space(text: str) -> None:
    assert all(passage and passage == passage.strip() for passage in passages(text))


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t"])
def test_a_text_without_visible_characters_has_no_passages(text: str) -> None:
    assert split(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "It pumps clean water. It needs no fuel at all!",
            ["It pumps clean water.", "It needs no fuel at all!"],
        ),
        ("A heading of its own\nThe text below it.", ["A heading of its own", "The text below it."]),
        (
            "太阳能水泵适用于偏远的农场。它不需要任何燃料也不污染！",
            ["太阳能水泵适用于偏远的农场。", "它不需要任何燃料也不污染！"],
        ),
        (
            "هل تحتاج المزرعة إلى مياه نظيفة؟ نعم تحتاج المزرعة",
            ["هل تحتاج المزرعة إلى مياه نظيفة؟", "نعم تحتاج المزرعة"],
        ),
        ("As Fig. 2 of the report shows.", ["As Fig. 2 of the report shows."]),
        ("It saves 3.5 m of pipe in a day.", ["It saves 3.5 m of pipe in a day."]),
        ("Pump\nKiln", ["Pump", "Kiln"]),
        ('He said "it pumps clean water." Then he left us.', ['He said "it pumps clean water."', "Then he left us."]),
    ],
    ids=["sentences", "heading", "chinese", "arabic", "fragment", "decimal", "short lines", "quotation"],
)
def test_passages_are_sentences_and_headings(text: str, expected: list[str]) -> None:
    assert passages(text) == expected
