"""How a text changed, word by word; and columns out of what JSON holds of them."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.services import auditing
from matchmaker.services.versions import differences, restored


def test_a_word_that_changed_is_shown_gone_and_new() -> None:
    pieces = [(piece.fate, piece.text) for piece in differences("It saves 20 % of water.", "It saves 60 % of water.")]
    assert pieces == [("same", "It saves "), ("gone", "20"), ("new", "60"), ("same", " % of water.")]


@given(st.text(max_size=200), st.text(max_size=200))
def test_both_texts_can_be_put_together_again(before: str, now: str) -> None:
    pieces = differences(before, now)
    assert "".join(piece.text for piece in pieces if piece.fate != "new") == before
    assert "".join(piece.text for piece in pieces if piece.fate != "gone") == now


@pytest.mark.parametrize(("one", "other"), [("a ", "b "), ("a b ", "b a "), ("ab", "ba"), (".,", ",.")])
def test_long_texts_take_no_long_time(one: str, other: str) -> None:
    begun = time.process_time()
    differences((one * 8000)[:8000], (other * 8000)[:8000])
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Pump"),
        ("trl", None),
        ("keywords", ["sun"]),
        ("deadline", date(2027, 3, 31)),
        ("budget_amount", Decimal("165000.50")),
        ("published_at", datetime(2026, 1, 2, 3, 4, 5, 678, UTC)),
        ("published_at", None),
    ],
)
def test_a_column_survives_json(name: str, value: object) -> None:
    assert restored({name: auditing.plain(value)}) == {name: value}
