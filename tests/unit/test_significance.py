"""The paired randomisation test behind the tables of decisions 4 and 6."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks.significance import sign_flip


def test_no_difference_is_never_significant() -> None:
    assert sign_flip([np.zeros(20)], 1000) == 1.0


def test_a_gain_on_every_one_of_many_queries_is_significant() -> None:
    assert sign_flip([np.full(40, 0.1)], 1000) < 0.01


def test_both_directions_count_alike() -> None:
    found = np.random.default_rng(0).normal(0.1, 1, 50)
    assert sign_flip([found], 1000) == sign_flip([-found], 1000)


def test_it_agrees_with_trying_every_outcome() -> None:
    found = np.array([0.4, 0.3, 0.1, -0.2, 0.25, 0.05, 0.3, -0.1])
    every = [abs(np.dot(signs, found)) >= found.sum() - 1e-12 for signs in product((-1, 1), repeat=len(found))]
    assert sign_flip([found]) == pytest.approx(np.mean(every), abs=0.02)


def test_a_large_collection_speaks_no_louder_than_a_small_one() -> None:
    large, small = np.tile([0.01, -0.01, 0.005], 500), np.full(12, -0.2)
    assert sign_flip([large, small], 1000) < 0.01


def test_the_same_differences_give_the_same_p() -> None:
    found = np.random.default_rng(1).normal(0, 1, 30)
    assert sign_flip([found], 500) == sign_flip([found], 500)
