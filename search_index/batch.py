"""Many queries at once: one matrix product for a block of them instead of one scan each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from . import fusion
from .columns import Columns
from .local import DEPTH, LocalEngine
from .protocols import KeywordIndex, Progress
from .types import SearchQuery, Vector

#: Queries multiplied at once: over 130,000 listings their products take 130 MB.
BLOCK = 256
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """A listing found for one of the queries, with the scores that a search would give it."""

    id: int
    score: float
    cosine: float
    bm25: float


class _Snapshot:
    """What the engine holds of a kind at one moment, so that searches and changes go on meanwhile."""

    def __init__(self, engine: LocalEngine, kind: str) -> None:
        with engine.vectors.lock:
            index = engine.vectors[kind]
            rows = index.columns.rows(index.columns.alive)
            self.columns: Columns = index.columns.taken(rows)
            self.vectors = index.of(rows) if len(rows) else np.empty((0, 0), np.float32)
        self.ids = self.columns.id[: self.columns.size]
        self._by_id = np.argsort(self.ids)

    def places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each of the ids stands; -1 where it is not held."""
        found = np.searchsorted(self.ids, ids, sorter=self._by_id)
        places = self._by_id[np.minimum(found, len(self.ids) - 1)]
        return np.where(self.ids[places] == ids, places, -1)


def search_many(
    engine: LocalEngine, queries: Sequence[SearchQuery], progress: Progress | None = None
) -> Iterator[tuple[Pair, ...]]:
    """For each of the queries, encoded and of one kind, the first `limit` listings that a search would find, in order.

    Offsets, folding and other orders are not for batches. `limit` is at most DEPTH. Raises IndexCorrupt when the
    keyword index is down: what a batch stores must not depend on what happened to be broken.
    """
    if not queries:
        return
    snapshot = _Snapshot(engine, queries[0].scope.wanted)
    keywords = engine.keywords()
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            # While these threads look words up, this one multiplies.
            by_words = pool.map(partial(_by_words, keywords), block)
            cosines = _cosines(snapshot, block)
            for query, cosine, found in zip(block, cosines, by_words, strict=True):
                yield _best(snapshot, keywords, query, cosine, found) if len(snapshot.ids) else ()
                if progress:
                    progress(1)


def _by_words(keywords: KeywordIndex, query: SearchQuery) -> tuple[NDArray[np.int64], Vector, float]:
    found = keywords.search(query.text, query.scope, DEPTH)
    ids = np.array([id for id, _ in found], np.int64)
    return ids, np.array([score for _, score in found], np.float32), keywords.ceiling(query.text)


def _cosines(snapshot: _Snapshot, queries: Sequence[SearchQuery]) -> Vector:
    """One row a query, one column a listing."""
    if not len(snapshot.ids):
        return np.empty((len(queries), 0), np.float32)
    vectors = [query.encoded.vector for query in queries if query.encoded is not None]
    return np.asarray(np.stack(vectors) @ snapshot.vectors.T, np.float32)


def _best(
    snapshot: _Snapshot,
    keywords: KeywordIndex,
    query: SearchQuery,
    cosine: Vector,
    by_words: tuple[NDArray[np.int64], Vector, float],
) -> tuple[Pair, ...]:
    mask = snapshot.columns.mask(query.scope)
    if query.scope.words:
        mask &= snapshot.columns.holding(keywords.holding(query.scope.words))
    passing = snapshot.columns.rows(mask)
    ids, scores, ceiling = by_words
    places = snapshot.places(ids)
    known = np.isin(places, passing)
    bm25 = np.zeros(len(cosine), np.float32)
    bm25[places[known]] = scores[known]

    def fused(places: NDArray[np.int64]) -> Vector:
        by_meaning = fusion.normalised_cosine(cosine[places])
        return fusion.convex(by_meaning, fusion.normalised_bm25(bm25[places], ceiling))

    worded = places[known]
    least = query.least_score
    if len(worded) >= query.limit:
        # What shares no word must be nearer than this to be among the first.
        least = max(least, float(np.partition(fused(worded), -query.limit)[-query.limit]))
    near = passing[cosine[passing] >= least / fusion.VECTOR_WEIGHT - 1e-6]
    chosen = np.union1d(worded, near)
    score = fused(chosen)
    chosen, score = chosen[score >= query.least_score], score[score >= query.least_score]
    order = np.lexsort((snapshot.ids[chosen], -score))[: query.limit]
    return tuple(
        Pair(int(snapshot.ids[place]), float(s), float(cosine[place]), float(bm25[place]))
        for place, s in zip(chosen[order], score[order], strict=True)
    )
