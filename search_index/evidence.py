"""What a score is made of: words and passages whose points add up to it. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .analysis import K1, occurrences
from .types import Encoded

#: A text a million times as long as others; no score is as low as what it would get.
_LONGEST = 1e6


@dataclass(frozen=True, slots=True)
class MatchedTerm:
    """A word of the found text that is also wanted, and its points of the score."""

    word: str
    points: float


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """A passage of each text, how near they are by themselves, and the points of the score they bring together."""

    wanted: str
    found: str
    cosine: float
    points: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is shown of a score and what is left: all `points` and both rests add up to the score."""

    terms: tuple[MatchedTerm, ...] = ()
    other_terms: float = 0.0
    pairs: tuple[AlignedPair, ...] = ()
    other_pairs: float = 0.0

    @property
    def total(self) -> float:
        """The score that this explains."""
        shown = sum(term.points for term in self.terms) + sum(pair.points for pair in self.pairs)
        return shown + self.other_terms + self.other_pairs


def matched_terms(
    wanted: Mapping[str, int],
    found: tuple[str, Mapping[str, str]],
    weights: Mapping[str, float],
    raw: float,
    points: float,
) -> tuple[MatchedTerm, ...]:
    """The words of the found text whose term is wanted, most points first.

    `wanted` counts terms, `found` is the text and its words' terms, `weights` are inverse document frequencies, `raw`
    the text's BM25 score. The `points` are shared out as the terms share in the score.
    """
    text, term_of = found
    counts: Counter[str] = Counter()
    word_of: dict[str, str] = {}
    for word in occurrences(text):
        term = term_of.get(word)
        if term is not None and term in wanted and term in weights:
            counts[term] += 1
            word_of.setdefault(term, word)
    if not counts or raw <= 0:
        return ()
    most = np.array([wanted[term] * weights[term] for term in counts])
    parts = _saturated(most, np.array(list(counts.values()), float), raw)
    ranked = sorted(zip(counts, (parts * (points / parts.sum())).tolist(), strict=True), key=lambda pair: -pair[1])
    return tuple(MatchedTerm(word_of[term], share) for term, share in ranked)


def _saturated(most: NDArray[np.float64], counts: NDArray[np.float64], raw: float) -> NDArray[np.float64]:
    """Each term's part of a BM25 score (Robertson & Zaragoza 2009, equation 3.15).

    The length of the text enters every part as one number, `length`; the score tells what it is, so that no engine
    needs to give its averages and roundings away.
    """

    def parts(length: float) -> NDArray[np.float64]:
        return most * counts * (K1 + 1) / (counts + length)

    # Here, because it is half of what the start of every command would cost.
    from scipy.optimize import brentq

    if parts(0.0).sum() <= raw:
        return parts(0.0)
    return parts(brentq(lambda length: parts(length).sum() - raw, 0.0, _LONGEST, xtol=1e-6))


def aligned_pairs(
    wanted: tuple[str, Encoded], found: tuple[str, Encoded], points: float, most: int
) -> tuple[AlignedPair, ...]:
    """The pairs of passages that bring the texts together most, no passage of the found text twice.

    The parts of a text add up to its unit vector, so the products of all pairs of passages add up to the cosine;
    `points` are shared out in their proportion.
    """
    (wanted_text, left), (found_text, right) = wanted, found
    if not len(left.parts) or not len(right.parts):
        return ()
    products = left.parts @ right.parts.T
    whole = float(products.sum())
    if whole <= 0 or points <= 0:
        return ()
    norms = np.outer(np.linalg.norm(left.parts, axis=1), np.linalg.norm(right.parts, axis=1))
    nearest = products.argmax(0)
    best = np.argsort(-products.max(0), kind="stable")[:most]
    return tuple(
        AlignedPair(
            wanted_text[slice(*left.spans[i])],
            found_text[slice(*right.spans[j])],
            cosine=float(products[i, j] / (norms[i, j] or 1.0)),
            points=points * float(products[i, j]) / whole,
        )
        for i, j in ((int(nearest[j]), int(j)) for j in best)
        if products[i, j] > 0
    )
