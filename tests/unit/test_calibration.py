"""Whether probabilities keep their word."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.services.calibration import Bin, diagram, expected_error, reliability

pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1)
SVG = "{http://www.w3.org/2000/svg}"
BINS = (Bin(30, 0.1, 0.05), Bin(7, 0.9, 1.0))


@given(st.integers(0, 2**32 - 1))
def test_perfectly_calibrated_probabilities_have_hardly_an_error(seed: int) -> None:
    chance = np.random.default_rng(seed)
    probabilities = chance.random(20_000)
    relevant = chance.random(20_000) < probabilities
    assert expected_error(reliability(probabilities, relevant)) < 0.03


def test_boasting_is_measured() -> None:
    relevant = np.arange(100) < 50
    assert expected_error(reliability(np.full(100, 0.95), relevant)) == pytest.approx(0.45)


@given(pairs)
def test_the_error_lies_between_nought_and_one(given_pairs: list[tuple[float, bool]]) -> None:
    probabilities, relevant = (np.array(column) for column in zip(*given_pairs, strict=True))
    assert 0 <= expected_error(reliability(probabilities, relevant)) <= 1


@given(pairs)
def test_every_pair_is_in_one_bin(given_pairs: list[tuple[float, bool]]) -> None:
    probabilities, relevant = (np.array(column) for column in zip(*given_pairs, strict=True))
    assert sum(bin.count for bin in reliability(probabilities, relevant)) == len(given_pairs)


def test_a_probability_of_one_is_in_the_last_bin() -> None:
    assert reliability(np.array([0.95, 1.0]), np.array([True, True])) == (Bin(2, 0.975, 1.0),)


def test_the_diagram_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(diagram(BINS))  # noqa: S314 - our own text
    described = {part.get("id"): part.text or "" for part in root if part.get("id")}
    assert root.get("aria-labelledby") == " ".join(described)
    assert "30 pairs at 0.10: 5% relevant; 7 pairs at 0.90: 100% relevant" in described["desc"]


def test_the_diagram_names_its_axes() -> None:
    texts = {part.text for part in ElementTree.fromstring(diagram(BINS)).iter(f"{SVG}text")}  # noqa: S314
    assert {"Predicted probability", "Share found relevant"} <= texts


def test_the_diagram_tells_its_lines_apart_without_colour() -> None:
    root = ElementTree.fromstring(diagram(BINS))  # noqa: S314
    (line,) = root.iter(f"{SVG}line")
    (polyline,) = root.iter(f"{SVG}polyline")
    assert (bool(line.get("stroke-dasharray")), polyline.get("stroke-dasharray")) == (True, None)
