"""Fitting, cross-validation and the test a new ranker must win, on made-up pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaker.errors import Invalid
from matchmaker.services import ranking, training
from matchmaker.services.ranking import FEATURES, Figures
from matchmaker.services.training import Judged

FIGURES = Figures({}, 0, 1.0, 0.0)


def judged(needs: int = 24, offers: int = 8, seed: int = 0, follow: str | None = "trl_fits") -> Judged:
    """Random evidence; verdicts follow one feature, or nothing at all."""
    chance = np.random.default_rng(seed)
    features = chance.random((needs * offers, len(FEATURES)))
    features[:, 6:] = features[:, 6:] > 0.5
    at = np.arange(needs * offers)
    # Two offers of every need are sure to differ.
    fits = np.where(at % offers < 2, at % offers, chance.random(len(at)) > 0.5)
    if follow:
        features[:, FEATURES.index(follow)] = fits
    return Judged(at // offers, at, fits.astype(np.int64), features, "f" * 64)


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_training_is_deterministic(seed: int) -> None:
    pairs = judged(seed=seed)
    assert training.fit(pairs, "m", FIGURES) == training.fit(pairs, "m", FIGURES)
    assert (training.cross_validated(pairs) == training.cross_validated(pairs)).all()


def test_the_fitted_numbers_are_the_models_own() -> None:
    pairs = judged()
    made = ranking.probability(training.fit(pairs, "m", FIGURES), pairs.features)
    model = training._model().fit(pairs.features, pairs.relevant)
    assert made == pytest.approx(model.predict_proba(pairs.features)[:, 1])


def test_a_ranker_that_saw_the_rule_beats_the_fused_score() -> None:
    pairs = judged()
    new = training.per_need(pairs, training.cross_validated(pairs))
    won, p_value = training.wins(new, training.per_need(pairs, training.fused(pairs)))
    assert (won, p_value < 0.01) == (True, True)


def test_verdicts_that_follow_nothing_teach_nothing() -> None:
    pairs = judged(follow=None)
    new = training.per_need(pairs, training.cross_validated(pairs))
    assert not training.wins(new, training.per_need(pairs, training.fused(pairs)))[0]


def test_a_need_is_never_predicted_by_a_model_that_saw_it() -> None:
    # Every need has a feature of its own that gives its verdicts away, to whoever has seen others of them.
    size = len(FEATURES)
    needs = np.repeat(np.arange(size), 10)
    grades = needs % 2
    pairs = Judged(needs, np.arange(len(needs)), grades, np.eye(size)[needs], "f" * 64)
    assert np.corrcoef(training.cross_validated(pairs), grades)[0, 1] < 0.3


@given(st.lists(st.floats(0, 1), min_size=20, max_size=30))
@settings(max_examples=20)
def test_nothing_beats_itself(measures: list[float]) -> None:
    assert not training.wins(np.array(measures), np.array(measures))[0]


def test_a_worse_ranker_does_not_win_however_sure_the_difference() -> None:
    won, p_value = training.wins(np.full(30, 0.2), np.full(30, 0.8))
    assert (won, p_value < 0.001) == (False, True)


def test_ten_equal_gains_are_tested_exactly() -> None:
    # Of the 2^10 ways to flip the signs, two are as extreme.
    assert training.wins(np.full(10, 0.8), np.full(10, 0.2))[1] == pytest.approx(2 / 2**10)


def test_needs_without_a_relevant_offer_are_not_measured() -> None:
    pairs = Judged(
        np.array([1, 1, 2]), np.array([5, 6, 5]), np.array([0, 2, 0]), np.zeros((3, len(FEATURES))), "f" * 64
    )
    assert training.per_need(pairs, np.array([0.1, 0.9, 0.5])).tolist() == [1.0]


def test_folds_have_both_kinds_even_when_few_large_needs_have_one() -> None:
    mixed = judged()
    large = np.repeat(np.arange(100, 104), 500)
    features = np.vstack([mixed.features, np.random.default_rng(1).random((len(large), len(FEATURES)))])
    pairs = Judged(
        np.concatenate([mixed.needs, large]),
        np.arange(len(features)),
        np.concatenate([mixed.grades, np.zeros(len(large), np.int64)]),
        features,
        "f" * 64,
    )
    assert np.isfinite(training.cross_validated(pairs)).all()


@pytest.mark.parametrize(
    ("grades", "said"), [(np.zeros(40), "not relevant"), (np.ones(40), "say relevant"), (np.zeros(0), "No verdict")]
)
def test_verdicts_of_one_kind_are_refused(grades: np.ndarray, said: str) -> None:
    size = len(grades)
    pairs = Judged(np.arange(size), np.arange(size), grades.astype(np.int64), np.zeros((size, len(FEATURES))), "f")
    with pytest.raises(Invalid, match=said):
        training.check(pairs)


def test_too_few_needs_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(Invalid, match=r"Only 19 needs .* 20 are needed"):
        training.check(judged(needs=19))
