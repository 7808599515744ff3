from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.services.cells import PARTS, bared, escaped, harmless, harmless_in_workbook, number, split, unescaped

TEXTS = st.text(alphabet=st.sampled_from("ab '=+-@|%;\\\t\r\n＝＋－＠"), max_size=8)


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r", "|", "%", "＝", "＋", "－", "＠", " =", "\n@"])
def test_a_text_that_a_program_would_run_gets_an_apostrophe(mark: str) -> None:
    assert harmless(f"{mark}1+1") == f"'{mark}1+1"


@pytest.mark.parametrize("value", [-5, -0.5, 7, None, "plain", "a=b", "it's", ""])
def test_numbers_and_plain_texts_stay_as_they_are(value: object) -> None:
    assert harmless(value) == value


@given(TEXTS)
def test_a_text_survives_a_csv_file(text: str) -> None:
    assert bared(harmless(text)) == text


@given(TEXTS)
def test_a_text_survives_a_workbook(text: str) -> None:
    assert bared(harmless_in_workbook(text)) == text


@given(TEXTS)
def test_nothing_that_is_written_to_a_csv_file_begins_as_a_formula(text: str) -> None:
    assert not harmless(text).lstrip(" \n").startswith(tuple("=+-@\t\r＝＋－＠"))


@given(st.lists(TEXTS.map(str.strip).filter(bool)))
def test_items_with_separators_in_them_survive_a_cell(items: list[str]) -> None:
    pieces = split("; ".join(map(escaped, items)))
    assert [unescaped(piece) for piece in pieces if piece.strip()] == items


@given(st.lists(st.lists(TEXTS.map(str.strip), min_size=2, max_size=4), min_size=1))
def test_parts_of_items_survive_a_cell(items: list[list[str]]) -> None:
    cell = "; ".join(PARTS.join(map(escaped, parts)) for parts in items)
    assert [[unescaped(part) for part in split(piece, PARTS)] for piece in split(cell)] == items


@pytest.mark.parametrize(
    ("value", "said"), [(60.0, "60"), (0.5, "0.5"), (-2.0, "-2"), (1e300, "1e+300"), (1e-9, "1e-09")]
)
def test_a_number_is_written_so_that_it_reads_back(value: float, said: str) -> None:
    assert number(value) == said
    assert float(said) == value
