"""How two legs become one score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from search_index import fusion

scores = arrays.arrays(np.float32, st.integers(0, 20), elements=st.floats(0, 100, width=32))


def test_a_cosine_below_zero_counts_as_zero() -> None:
    assert fusion.normalised_cosine(np.array([-1.0, -0.1, 0.0, 0.4], np.float32)).tolist() == pytest.approx(
        [0, 0, 0, 0.4]
    )


@given(scores, st.floats(0.01, 1000))
def test_normalised_bm25_keeps_the_order(bm25: np.ndarray, ceiling: float) -> None:
    normalised = fusion.normalised_bm25(np.sort(bm25), ceiling)
    assert (np.diff(normalised) >= 0).all()


@given(scores, st.floats(0.01, 1000), st.data())
def test_a_normalised_score_does_not_depend_on_other_documents(
    bm25: np.ndarray, ceiling: float, data: st.DataObject
) -> None:
    kept = data.draw(arrays.arrays(np.bool_, bm25.shape))
    assert fusion.normalised_bm25(bm25, ceiling)[kept].tolist() == fusion.normalised_bm25(bm25[kept], ceiling).tolist()


@pytest.mark.parametrize("ceiling", [0.0, -1.0])
def test_without_known_terms_bm25_counts_as_zero(ceiling: float) -> None:
    assert fusion.normalised_bm25(np.array([1.0, 2.0], np.float32), ceiling).tolist() == [0.0, 0.0]


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_combination_lies_between_its_legs(vector: float, keyword: float) -> None:
    combined = float(fusion.convex(np.array([vector]), np.array([keyword]))[0])
    assert min(vector, keyword) - 1e-9 <= combined <= max(vector, keyword) + 1e-9


@given(scores)
def test_ranks_are_every_place_once_best_first(found: np.ndarray) -> None:
    ranks = fusion.ranks(found)
    assert sorted(ranks.tolist()) == list(range(1, len(found) + 1))
    assert (np.diff(found[np.argsort(ranks)]) <= 0).all()


def test_equal_scores_keep_their_order() -> None:
    assert fusion.ranks(np.array([1.0, 2.0, 1.0, 2.0], np.float32)).tolist() == [3, 1, 4, 2]
