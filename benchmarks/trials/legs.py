"""Both legs' raw scores as matrices (queries x documents), as LocalEngine would see them, and nDCG@10 of a ranking."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.local import DEPTH
from search_index.protocols import KeywordIndex
from search_index.types import Document, Scope, Vector

from .encodings import Encodings
from .needs import Trial


@dataclass(frozen=True)
class Words:
    """The keyword leg: BM25 `(q, n)`, 0 where not found, and columns `(q, 1)` that describe each query.

    `terms` is how many different terms it has, `known` the share of them that the index knows, `foreign` the share
    of its letters outside ASCII.
    """

    bm25: Vector
    ceiling: Vector
    terms: Vector
    known: Vector
    foreign: Vector


@dataclass(frozen=True)
class Legs:
    """A trial's candidates: the best of each leg, with the cosine of every one of them."""

    name: str
    cosine: Vector
    words: Words
    gains: Vector
    allowed: NDArray[np.bool_]

    @cached_property
    def by_vector(self) -> NDArray[np.bool_]:
        """What the vector leg finds."""
        cosine = np.where(self.allowed, self.cosine, -np.inf)
        if cosine.shape[1] <= DEPTH:
            return self.allowed
        least = np.partition(cosine, -DEPTH, axis=1)[:, -DEPTH, None]
        return np.asarray(self.allowed & (cosine >= least))

    @cached_property
    def found(self) -> NDArray[np.bool_]:
        """What either leg finds."""
        return np.asarray(self.by_vector | (self.words.bm25 > 0))

    def seen_with(self, cosine: Vector) -> Legs:
        """The same with another vector leg."""
        return replace(self, cosine=cosine)

    def ndcg(self, scores: Vector) -> Vector:
        """nDCG@10 of each query `(q,)` when candidates are ranked by the scores `(q, n)`; ties by the lower number."""
        return ndcg(np.where(self.found, scores, -np.inf), self.gains)


def ndcg(scores: Vector, gains: Vector, depth: int = 10) -> Vector:
    """nDCG of each row, gains taken as they are; a score of minus infinity is not found."""
    depth = min(depth, scores.shape[1])
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    top = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    top.sort(axis=1)
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, 1)
    reached = np.where(np.isfinite(np.take_along_axis(scores, top, 1)), np.take_along_axis(gains, top, 1), 0)
    ideal = -np.sort(-gains, axis=1)[:, :depth]
    return np.asarray((reached @ discounts) / (ideal @ discounts))


@contextmanager
def keyword_index(documents: tuple[Document, ...]) -> Iterator[KeywordIndex]:
    """A throw-away keyword index of the documents."""
    with tempfile.TemporaryDirectory(prefix="matchmaker-trial-") as folder:
        index = TantivyKeywordIndex(Path(folder))
        with index.writer() as writer:
            for document in documents:
                writer.put(document)
        yield index


def by_words(trial: Trial, index: KeywordIndex) -> Words:
    """The keyword leg of a trial whose documents the index holds."""
    bm25 = np.zeros(trial.gains.shape, np.float32)
    described = np.zeros((4, len(trial.queries), 1), np.float32)
    for row, text in enumerate(trial.queries):
        barred = frozenset((np.flatnonzero(~trial.allowed[row]) + 1).tolist())
        for id, score in index.search(text, Scope("offer", excluded=barred), DEPTH):
            bm25[row, id - 1] = score
        terms = set(index.terms(text).values())
        letters = [letter for letter in text if letter.isalpha()]
        described[:, row, 0] = (
            index.ceiling(text),
            len(terms),
            len(index.weights(terms)) / max(len(terms), 1),
            sum(not letter.isascii() for letter in letters) / max(len(letters), 1),
        )
    return Words(bm25, *described)


def legs_of(trial: Trial, encodings: Encodings) -> Legs:
    """Both legs as the engine has them: one vector a listing, one a need."""
    cosine = encodings.whole(trial.queries) @ encodings.whole([document.text for document in trial.documents]).T
    with keyword_index(trial.documents) as index:
        return Legs(trial.name, cosine, by_words(trial, index), trial.gains, trial.allowed)
