"""Learning from verdicts: a new ranker is fitted, measured on needs it has not seen, and used only if it wins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from search_index import fusion
from search_index.local import LocalEngine

from ..errors import Invalid
from . import calibration, comparing, ranking
from .calibration import Bin
from .evaluation import ndcg
from .following import Reader
from .ranking import FEATURES, Figures, Ranker, Training
from .verdicts import Verdicts

FOLDS = 5
#: Fewer needs that tell a relevant offer from another would leave a fold with next to nothing to be measured on.
LEAST_NEEDS = 20
#: A difference as likely as this by chance alone is no win.
SIGNIFICANCE = 0.05
FLIPS = 9999

Progress = Callable[[str, int, int], None]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Pairs in rows: need and offer ids `(n,)`, grades 0–2 `(n,)`, features `(n, len(FEATURES))`."""

    needs: NDArray[np.int64]
    offers: NDArray[np.int64]
    grades: NDArray[np.int64]
    features: Array
    fingerprint: str

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Grades of 1 and above."""
        return self.grades > 0


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of training: the new ranker, whether it won and was put in use, and the figures it is judged by."""

    ranker: Ranker
    won: bool
    against: str
    skipped: int
    bins: tuple[Bin, ...]
    diagram: Path


def train(engine: LocalEngine, instance: Path, verdicts: Verdicts, progress: Progress = lambda *_: None) -> Trained:
    """Fit a ranker to the verdicts and put it in use in the instance folder if it beats what is used now.

    That is the present ranker, or the fused score while there is none for the engine's model. Pairs of listings that
    are no longer indexed are skipped. The reliability diagram goes to ranker.svg, or to ranker.refused.svg. Raises
    Invalid when the verdicts are too few, RankerUnusable when the present ranker cannot be read.
    """
    present = ranking.current(instance)
    if present and present.trained.embedder != engine.embedder.name:
        present = None
    Reader.of(engine).pull()
    judged = judge(engine, verdicts, progress)
    check(judged)
    probabilities = cross_validated(judged)
    bins = calibration.reliability(probabilities, judged.relevant)
    scores = {"fused score": fused(judged), "new ranker": probabilities}
    if present:
        scores["present ranker"] = ranking.probability(present, judged.features)
    against = "present ranker" if present else "fused score"
    gains = {name: per_need(judged, score) for name, score in scores.items()}
    won, p_value = wins(gains["new ranker"], gains[against])
    figures = Figures(
        ndcg_at_10={name: round(float(values.mean()), 4) for name, values in gains.items()},
        needs=len(gains["new ranker"]),
        p=round(p_value, 4),
        ece=round(calibration.expected_error(bins), 4),
    )
    ranker = fit(judged, engine.embedder.name, figures)
    diagram = instance / ("ranker.svg" if won else "ranker.refused.svg")
    if won:
        ranking.replace(instance, ranker)
    diagram.write_text(calibration.diagram(bins), "utf-8")
    return Trained(ranker, won, against, len(verdicts.grades) - len(judged.grades), bins, diagram)


def judge(engine: LocalEngine, verdicts: Verdicts, progress: Progress = lambda *_: None) -> Judged:
    """The verdicts on pairs that are indexed, in the order of their ids, with their features."""
    judged_of: dict[int, list[int]] = {}
    for need, offer in verdicts.grades:
        judged_of.setdefault(need, []).append(offer)
    rows, features, versions = [], [], []
    for need, offers in judged_of.items():
        found = comparing.compare(engine, verdicts.listings[need], [verdicts.listings[offer] for offer in offers])
        for offer in offers:
            if offer in found:
                rows.append((need, offer, verdicts.grades[need, offer]))
                features.append(found[offer])
                versions.append([verdicts.listings[id].version for id in (need, offer)])
        progress("needs", 1, len(judged_of))
    need_ids, offer_ids, grades = np.array(rows, np.int64).reshape(-1, 3).T
    told = json.dumps(list(zip(rows, versions, strict=True)))
    fingerprint = hashlib.sha256(told.encode()).hexdigest()
    return Judged(need_ids, offer_ids, grades, np.array(features).reshape(-1, len(FEATURES)), fingerprint)


def check(judged: Judged) -> None:
    """Raise Invalid when the verdicts cannot teach a ranker or prove that it is better."""
    relevant = judged.relevant
    if not len(relevant):
        raise Invalid("No verdict is about two listings that are indexed. Add some, or run: matchmaker setup")
    if relevant.all() or not relevant.any():
        only = "relevant" if relevant.all() else "not relevant"
        raise Invalid(f"All {len(relevant)} usable verdicts say {only}. Add verdicts of the other kind.")
    mixed = sum(0 < relevant[rows].mean() < 1 for rows in _by_need(judged))
    if mixed < LEAST_NEEDS:
        raise Invalid(
            f"Only {mixed} needs have both a relevant offer and one that is not; {LEAST_NEEDS} are needed. "
            "Add verdicts on other needs."
        )


def cross_validated(judged: Judged) -> Array:
    """The probability of each pair `(n,)` by a model that has seen no verdict on its need."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(
        _model(), judged.features, judged.relevant, groups=judged.needs, cv=folds, method="predict_proba"
    )
    return np.asarray(predicted[:, 1])


def fused(judged: Judged) -> Array:
    """The plain fused score of each pair `(n,)`."""
    cosine, bm25 = (judged.features[:, FEATURES.index(name)].astype(np.float32) for name in ("cosine", "bm25"))
    return fusion.convex(cosine, bm25).astype(np.float64)


def per_need(judged: Judged, scores: Array) -> Array:
    """nDCG@10 over the judged offers of each need that has a relevant one; equal scores are ordered by id."""
    out = []
    for rows in _by_need(judged):
        gains = {str(judged.offers[row]): int(judged.grades[row]) for row in rows if judged.grades[row]}
        if gains:
            order = rows[np.argsort(-scores[rows], kind="stable")]
            out.append(ndcg([str(judged.offers[row]) for row in order], gains))
    return np.array(out)


def wins(new: Array, old: Array) -> tuple[bool, float]:
    """Whether the new per-need measures beat the old by more than chance, and how probable chance is.

    A two-sided paired randomisation test on the mean difference, flipping signs (Smucker, Allan & Carterette 2007).
    """
    tested = permutation_test(
        (new - old,), np.mean, permutation_type="samples", n_resamples=FLIPS, vectorized=True, rng=0
    )
    p_value = float(tested.pvalue)
    return bool(p_value < SIGNIFICANCE and new.mean() > old.mean()), p_value


def fit(judged: Judged, embedder: str, figures: Figures) -> Ranker:
    """The ranker all verdicts make together, with where it comes from."""
    scaler, model = (step for _, step in _model().fit(judged.features, judged.relevant).steps)
    training = Training(
        date=datetime.now(UTC).date().isoformat(),
        embedder=embedder,
        fingerprint=judged.fingerprint,
        needs=len(np.unique(judged.needs)),
        pairs=len(judged.needs),
        relevant=int(judged.relevant.sum()),
        figures=figures,
    )
    means, scales, coefficients = (tuple(map(float, row)) for row in (scaler.mean_, scaler.scale_, model.coef_[0]))
    return Ranker(means, scales, coefficients, float(model.intercept_[0]), training)


def _model() -> Pipeline:
    # Logistic loss is calibrated by itself; docs/decisions/0007 has what Platt's and isotonic scaling would add.
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _by_need(judged: Judged) -> Iterator[NDArray[np.int64]]:
    """The row numbers of each need."""
    for need in np.unique(judged.needs):
        yield np.flatnonzero(judged.needs == need)
