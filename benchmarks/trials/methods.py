"""Ways to fuse two legs. Each scores every candidate of a trial `(q, n)` under its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from search_index.fusion import KEYWORD_SCALE, VECTOR_WEIGHT
from search_index.types import Vector

from .legs import Legs

Parameters = tuple[float, ...]
Normalise = Callable[[Legs, Vector], Vector]
WEIGHTS = tuple(round(float(weight), 2) for weight in np.arange(0.0, 1.001, 0.05))
_SLOPES = (-0.4, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.4)
_RRF_K = 60


@dataclass(frozen=True)
class Method:
    """A name, what it is computed with, and the parameters it may choose from.

    `alone` says that a document's score does not depend on the other documents found.
    """

    name: str
    score: Callable[..., Vector]
    grid: Sequence[Parameters] = ((),)
    alone: bool = True


def present(legs: Legs) -> Vector:
    """What search_index.fusion does, with its constants."""
    return at_root(legs, VECTOR_WEIGHT)


def keyword(legs: Legs) -> Vector:
    """The keyword leg alone."""
    return np.where(legs.words.bm25 > 0, legs.words.bm25, -np.inf)


def vector(legs: Legs) -> Vector:
    """The vector leg alone."""
    return np.where(legs.by_vector, np.maximum(legs.cosine, 0), -np.inf)


def at_root(legs: Legs, weight: float | Vector) -> Vector:
    """Cosine beside BM25 over the root of its ceiling. The scale only shifts the best weight: it is for the bands."""
    return powered(legs, weight, 0.5, KEYWORD_SCALE**0.5)


def powered(legs: Legs, weight: float | Vector, power: float, scale: float = 1.0) -> Vector:
    """Cosine beside BM25 over its ceiling to a power: 1 is the ceiling itself, 0 is bare BM25."""
    below = scale * np.maximum(legs.words.ceiling, 1e-9) ** power
    return weight * np.maximum(legs.cosine, 0) + (1 - weight) * legs.words.bm25 / below


def saturated(legs: Legs, weight: float, scale: float) -> Vector:
    """Cosine beside BM25 / (BM25 + root of scale x ceiling), which stays below 1."""
    bm25 = legs.words.bm25
    root = np.sqrt(scale * np.maximum(legs.words.ceiling, 1e-9))
    return weight * np.maximum(legs.cosine, 0) + (1 - weight) * bm25 / (bm25 + root)


def reciprocal_ranks(legs: Legs, weight: float = 0.5) -> Vector:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009), each leg over what it found itself."""
    return weight * _reciprocal(vector(legs)) + (1 - weight) * _reciprocal(keyword(legs))


def normalised_by(normalise: Normalise) -> Callable[[Legs, float], Vector]:
    """A weighted sum of both legs, each normalised over the candidates of its query."""

    def score(legs: Legs, weight: float) -> Vector:
        return weight * normalise(legs, legs.cosine) + (1 - weight) * normalise(legs, legs.words.bm25)

    return score


def by_length(legs: Legs, weight: float, slope: float) -> Vector:
    """The vectors' weight grows by the slope with every fourfold number of terms; 16 is a sentence or two."""
    return at_root(legs, np.clip(weight + slope * np.log2(np.maximum(legs.words.terms, 1) / 16) / 2, 0, 1))


def by_unknown(legs: Legs, weight: float, slope: float) -> Vector:
    """The vectors' weight grows by the slope times the share of the query's terms that the index does not know."""
    return at_root(legs, np.clip(weight + slope * (1 - legs.words.known), 0, 1))


def by_script(legs: Legs, weight: float, slope: float) -> Vector:
    """The vectors' weight grows by the slope times the share of the query's letters outside ASCII."""
    return at_root(legs, np.clip(weight + slope * legs.words.foreign, 0, 1))


def _reciprocal(scores: Vector) -> Vector:
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape, np.float32)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1, dtype=np.float32)[None, :], 1)
    return np.where(np.isfinite(scores), 1 / (_RRF_K + ranks), 0)


def _min_max(legs: Legs, scores: Vector) -> Vector:
    most = np.max(scores, axis=1, keepdims=True, where=legs.found, initial=-np.inf)
    least = np.min(scores, axis=1, keepdims=True, where=legs.found, initial=np.inf)
    return (scores - least) / np.maximum(most - least, 1e-9)


def _over_best(legs: Legs, scores: Vector) -> Vector:
    best = np.max(scores, axis=1, keepdims=True, where=legs.found, initial=0)
    return np.maximum(scores, 0) / np.maximum(best, 1e-9)


def _standard(legs: Legs, scores: Vector) -> Vector:
    mean = np.mean(scores, axis=1, keepdims=True, where=legs.found)
    return (scores - mean) / np.maximum(np.std(scores, axis=1, keepdims=True, where=legs.found), 1e-9)


_ONE = [(weight,) for weight in WEIGHTS]
_TILTED = list(product(WEIGHTS, _SLOPES))
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: BM25 over a power of its ceiling is far from 1, so its weights are spread by ratio.
_RATIOS = [float(1 / (1 + ratio)) for ratio in np.geomspace(0.005, 5, 31)]

PRESENT = Method("present: w = 0.4, BM25 / √(40 · ceiling)", present)
AT_ROOT = Method("BM25 / √(40 · ceiling), weight chosen", at_root, _ONE)
METHODS = (
    Method("reciprocal ranks, k = 60", reciprocal_ranks, alone=False),
    Method("reciprocal ranks, weighted", reciprocal_ranks, _ONE, alone=False),
    Method("each from minimum to maximum", normalised_by(_min_max), _ONE, alone=False),
    Method("each over its best", normalised_by(_over_best), _ONE, alone=False),
    Method("standard scores", normalised_by(_standard), _ONE, alone=False),
    Method("bare BM25", lambda legs, weight: powered(legs, weight, 0.0), [(ratio,) for ratio in _RATIOS]),
    Method("BM25 / ceiling", lambda legs, weight: powered(legs, weight, 1.0), _ONE),
    AT_ROOT,
    Method("BM25 / ceiling^p, p chosen", powered, list(product(_RATIOS, _POWERS))),
    Method("BM25 / (BM25 + √(s · ceiling))", saturated, list(product(WEIGHTS, (20.0, 40.0, 80.0, 160.0, 320.0)))),
    Method("√, weight by the query's length", by_length, _TILTED),
    Method("√, weight by its unknown terms", by_unknown, _TILTED),
    Method("√, weight by its script", by_script, _TILTED),
)
