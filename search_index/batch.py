"""Many queries at once: what is read of the indexes serves all of them, and a matrix product replaces their scans."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from threading import Lock, local

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from . import fusion
from .analysis import ceiling
from .columns import Bits, Columns
from .local import LocalEngine, depth
from .protocols import KeywordIndex, Progress
from .types import SearchQuery, Vector

#: Queries multiplied at once: over 130,000 listings their products take 130 MB.
BLOCK = 256
#: Places whose scores are fused at once, so that what comes between stays in the processor's cache.
_PIECE = 16_384
#: Groups of listings for each that is asked for, to find scores that so many listings reach.
_GROUPS = 32


@dataclass(frozen=True, slots=True)
class Pair:
    """A listing found for one of the queries, with the score that a search would give it."""

    id: int
    score: float


class _Snapshot:
    """What the engine holds of a kind at one moment, by id, so that searches and changes go on meanwhile."""

    def __init__(self, engine: LocalEngine, kind: str) -> None:
        with engine.vectors.lock:
            index = engine.vectors[kind]
            rows = index.columns.rows(index.columns.alive)
            rows = rows[np.argsort(index.columns.id[rows])]
            self.columns: Columns = index.columns.taken(rows)
            self.vectors = index.of(rows) if len(rows) else np.empty((0, 0), np.float32)
        self.ids = self.columns.id[: self.columns.size]

    def places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each of the ids stands; -1 where it is not held."""
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[places] == ids, places, -1)


@dataclass(frozen=True, slots=True)
class _Posting:
    """Where a term is held in the snapshot, what it scores there, and its weight."""

    places: NDArray[np.int32]
    scores: Vector
    weights: dict[str, float]


class _Room(local):
    """Memory of each thread that is used again: asking for new takes many times as long as filling it."""

    def __init__(self) -> None:
        self._scores, self._places = np.empty(0, np.float32), np.empty(0, np.int32)

    def of(self, size: int) -> tuple[Vector, NDArray[np.int32]]:
        """Room for so many scores and places, until the next call."""
        if size > len(self._scores):
            self._scores, self._places = np.empty(2 * size, np.float32), np.empty(2 * size, np.int32)
        return self._scores[:size], self._places[:size]


class _Words:
    """BM25 of everything in the snapshot at once. Each term is read from the keyword index when it is first met."""

    def __init__(self, keywords: KeywordIndex, snapshot: _Snapshot) -> None:
        self._keywords, self._snapshot = keywords, snapshot
        self._read: dict[str, _Posting] = {}
        self._reading = Lock()
        self._room = _Room()

    def normalised(self, text: str) -> Vector:
        """The normalised BM25 score of each listing for the text."""
        counts = self._keywords.frequencies(text)
        postings = [self._read.get(term) or self._posting(term) for term in counts]
        weights = {term: weight for posting in postings for term, weight in posting.weights.items()}
        # A score is linear in how often the query holds each term, so that these few are normalised instead of it.
        shares = fusion.normalised_bm25(np.array(list(counts.values()), np.float32), ceiling(counts, weights))
        if not counts:
            return np.zeros(len(self._snapshot.ids), np.float32)
        ends = np.cumsum([0, *(len(posting.places) for posting in postings)], dtype=np.int32)
        scores, places = self._room.of(int(ends[-1]))
        np.concatenate([posting.scores for posting in postings], out=scores)
        np.concatenate([posting.places for posting in postings], out=places)
        matrix = csc_array((scores, places, ends), shape=(len(self._snapshot.ids), len(postings)))
        return np.asarray(matrix @ shares)

    def _posting(self, term: str) -> _Posting:
        with self._reading:
            # Another thread may have read it meanwhile.
            if term not in self._read:
                ids, scores = self._keywords.postings(term)
                # Scores are added up much faster where they lie one after the other.
                order = np.argsort(ids)
                places = self._snapshot.places(ids[order])
                held = places >= 0
                weights = self._keywords.weights([term])
                self._read[term] = _Posting(places[held].astype(np.int32), scores[order][held], weights)
            return self._read[term]


def search_many(
    engine: LocalEngine, queries: Iterable[SearchQuery], progress: Progress | None = None
) -> Iterator[tuple[Pair, ...]]:
    """For each of the queries, encoded and of one kind, the first `limit` listings that a search would find, in order.

    Offsets, folding and other orders are not for batches. `limit` is at most DEPTH. Queries are taken a block at a
    time. Raises IndexCorrupt when the keyword index is down: what a batch stores must not depend on what happened to
    be broken.
    """
    queries = iter(queries)
    first = next(queries, None)
    if first is None:
        return
    snapshot = _Snapshot(engine, first.scope.wanted)
    keywords = engine.keywords()
    words = _Words(keywords, snapshot)

    def best(query: SearchQuery, cosine: Vector) -> tuple[Pair, ...]:
        if not len(cosine):
            return ()
        mask = snapshot.columns.mask(query.scope)
        if query.scope.words:
            mask &= snapshot.columns.holding(keywords.holding(query.scope.words))
        return _best(snapshot, mask, query, cosine, words.normalised(query.text))

    queries = chain([first], queries)
    found: Iterator[tuple[Pair, ...]] = iter(())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while block := list(islice(queries, BLOCK)):
            # Meanwhile threads are at the block before.
            cosines = _cosines(snapshot, block)
            yield from _counted(found, progress)
            found = pool.map(best, block, cosines)
        yield from _counted(found, progress)


def _counted(found: Iterator[tuple[Pair, ...]], progress: Progress | None) -> Iterator[tuple[Pair, ...]]:
    for pairs in found:
        yield pairs
        if progress:
            progress(1)


def _cosines(snapshot: _Snapshot, queries: list[SearchQuery]) -> Vector:
    """One row a query, one column a listing."""
    if not len(snapshot.ids):
        return np.empty((len(queries), 0), np.float32)
    vectors = [query.encoded.vector for query in queries if query.encoded is not None]
    return np.asarray(np.stack(vectors) @ snapshot.vectors.T, np.float32)


def _best(snapshot: _Snapshot, mask: Bits, query: SearchQuery, cosine: Vector, bm25: Vector) -> tuple[Pair, ...]:
    out = np.unpackbits(mask, count=len(cosine), bitorder="little") == 0
    bm25[out] = 0
    score = _fused(cosine, bm25, out)
    first = _first(score, query)
    deepest = depth(query.scope, mask)
    if np.count_nonzero(bm25 > bm25[first].min(initial=np.inf, where=bm25[first] > 0)) >= deepest:
        # Some of them stand past what the keyword leg brings, and their words count nothing.
        bm25[bm25 < np.partition(bm25, -deepest)[-deepest]] = 0
        score = _fused(cosine, bm25, out)
        first = _first(score, query)
    first = first[np.lexsort((snapshot.ids[first], -score[first]))][: query.limit]
    return tuple(map(Pair, snapshot.ids[first].tolist(), score[first].tolist()))


def _fused(cosine: Vector, bm25: Vector, out: NDArray[np.bool_]) -> Vector:
    """The score of each listing, below zero for what is out of the scope; `bm25` is normalised."""
    score = np.empty_like(cosine)
    for start in range(0, len(score), _PIECE):
        piece = slice(start, start + _PIECE)
        score[piece] = fusion.convex(fusion.normalised_cosine(cosine[piece]), bm25[piece])
    score[out] = -1.0
    return score


def _first(score: Vector, query: SearchQuery) -> NDArray[np.int64]:
    """Places of the `limit` best, and of those that score nearly as well, in the scope and not below the least."""
    least, groups = max(query.least_score, 0.0), _GROUPS * query.limit
    if len(score) >= 2 * groups:
        # As many groups as are asked for have a best that reaches this.
        best = score[: len(score) // groups * groups].reshape(-1, groups).max(0)
        least = max(least, float(np.partition(best, -query.limit)[-query.limit]))
    return np.flatnonzero(score >= least)
