"""The engine of one process: vectors in memory, keywords on disk, fused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from . import fusion
from .columns import Bits, holds
from .errors import EngineDown, IndexCorrupt, IndexLocked, ModelUnusable
from .generations import Generations
from .protocols import Embedder, KeywordIndex
from .types import FACETS, Document, Encoded, Entry, Hit, LegScore, Notice, Scope, SearchQuery, SearchResult, Vector
from .vectors import FaissVectorIndex

log = logging.getLogger(__name__)

#: How many of its best each leg brings to the fusion.
DEPTH = 1000


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What both legs found, row by row in parallel arrays."""

    rows: NDArray[np.int64]
    cosine: Vector
    bm25: Vector
    ceiling: float
    score: Vector

    def above(self, least: float) -> _Candidates:
        keep = self.score >= least
        return _Candidates(self.rows[keep], self.cosine[keep], self.bm25[keep], self.ceiling, self.score[keep])


class LocalEngine:
    """See Engine. The vector index is filled through `load`; `write` changes the keyword index for every process."""

    def __init__(
        self, embedder: Embedder, generations: Generations, open_keywords: Callable[[Path], KeywordIndex]
    ) -> None:
        self.embedder = embedder
        self.generations = generations
        self._open_keywords = open_keywords
        self._opening = Lock()
        self._keywords: tuple[Path, KeywordIndex] | None = None
        self.vectors = FaissVectorIndex()
        #: Whoever keeps the vectors in step with where they are stored; the engine only carries it.
        self.follower: object = None

    def keywords(self) -> KeywordIndex:
        """The keyword index in use; opened again when another generation took over. Raises IndexCorrupt."""
        folder = self.generations.current()
        held = self._keywords
        if held is None or held[0] != folder:
            with self._opening:
                # Another thread may have opened it meanwhile.
                held = self._keywords
                if held is None or held[0] != folder:
                    held = self._keywords = (folder, self._open_keywords(folder))
        return held[1]

    def empty_twin(self, folder: Path) -> LocalEngine:
        """An engine of the same parts that holds nothing yet, its keyword index in another folder."""
        return LocalEngine(self.embedder, Generations(folder), self._open_keywords)

    def load(self, entries: Sequence[Entry], vectors: Vector, removed: Iterable[int] = ()) -> None:
        """Put listings and their vectors `(n, d)` in this process's memory and forget the removed ids."""
        self.vectors.put(entries, vectors)
        self.vectors.remove(removed)

    def write(self, documents: Iterable[Document], removed: Iterable[int] = ()) -> None:
        """Change the keyword index in one commit. Raises IndexLocked or IndexCorrupt."""
        with self.keywords().writer() as writer:
            for document in documents:
                writer.put(document)
            for id in removed:
                writer.remove(id)

    def rebuild(self, documents: Iterable[Document], expected: Callable[[], dict[int, int]]) -> int:
        """Write a new generation, compare its (id, version) pairs with the expected ones, then use it.

        Returns how many documents it holds. Raises IndexCorrupt, and leaves the old one in use, when they differ.
        """
        folder = self.generations.new()
        try:
            fresh = self._open_keywords(folder)
            with fresh.writer() as writer:
                for document in documents:
                    writer.put(document)
            held = fresh.versions()
            if held != expected():
                raise IndexCorrupt("The rebuilt keyword index does not agree with the database. Run the rebuild again.")
            self.generations.use(folder)
        except BaseException:
            self.generations.discard(folder)
            raise
        return len(held)

    def terms(self, text: str) -> dict[str, str]:
        """See KeywordIndex.terms; empty while the keyword index is down."""
        try:
            return self.keywords().terms(text)
        except IndexCorrupt as error:
            log.error("no terms: %s", error)
            return {}

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """See KeywordIndex.weights; empty while the keyword index is down."""
        try:
            return self.keywords().weights(terms)
        except IndexCorrupt as error:
            log.error("no term weights: %s", error)
            return {}

    def search(self, query: SearchQuery) -> SearchResult:
        """See Engine.search."""
        if not query.text and query.encoded is None:
            with self.vectors.lock:
                return self._browse(query)
        notices: list[Notice] = []
        if "vector" not in query.legs:
            query = replace(query, encoded=None)
        elif query.encoded is None:
            query = replace(query, encoded=self._encode(query.text, notices))
        with self.vectors.lock:
            found = self._candidates(query, query.scope, notices)
            only = self.vectors.columns.only
            facets = self._facets(
                query.scope, only(found.rows), lambda scope: only(self._candidates(query, scope, notices).rows)
            )
            hits = self._hits(query, found)
        return SearchResult(hits, len(found.rows), facets, tuple(dict.fromkeys(notices)), query.encoded)

    def _encode(self, text: str, notices: list[Notice]) -> Encoded | None:
        try:
            return self.embedder.encode([text])[0]
        except (ModelUnusable, RuntimeError) as error:
            log.error("encoding failed: %s", error)
            notices.append(Notice.NO_VECTORS)
            return None

    def _candidates(self, query: SearchQuery, scope: Scope, notices: list[Notice]) -> _Candidates:
        """The best of both legs under the filters, scored, above the least strength asked for."""
        columns = self.vectors.columns
        mask = columns.mask(scope)
        by_keyword = self._keyword_leg(query, scope, notices)
        if query.encoded is not None and query.encoded.vector.any():
            vector_rows, cosines = self.vectors.search(query.encoded.vector, mask, DEPTH)
        else:
            vector_rows, cosines = np.empty(0, np.int64), np.empty(0, np.float32)
        keyword_rows = self.vectors.rows(list(by_keyword))
        known = keyword_rows >= 0
        # The keyword index may run ahead of this process's memory, or behind it: the mask has the last word.
        known[known] = holds(mask, keyword_rows[known])
        scores = np.fromiter(by_keyword.values(), np.float32, len(by_keyword))[known]
        keyword_rows = keyword_rows[known]
        rows = np.union1d(vector_rows, keyword_rows)
        bm25 = np.zeros(len(rows), np.float32)
        bm25[np.searchsorted(rows, keyword_rows)] = scores
        cosine = np.zeros(len(rows), np.float32)
        cosine[np.searchsorted(rows, vector_rows)] = cosines
        if query.encoded is not None:
            words_only = np.setdiff1d(keyword_rows, vector_rows)
            cosine[np.searchsorted(rows, words_only)] = self.vectors.cosines(query.encoded.vector, words_only)
        ceiling = self.keywords().ceiling(query.text) if len(keyword_rows) else 0.0
        score = fusion.convex(fusion.normalised_cosine(cosine), fusion.normalised_bm25(bm25, ceiling))
        found = _Candidates(rows, cosine, bm25, ceiling, score)
        # With one leg down scores are low throughout, and its best is better than nothing.
        return found if notices else found.above(query.least_score)

    def _keyword_leg(self, query: SearchQuery, scope: Scope, notices: list[Notice]) -> dict[int, float]:
        if not query.text or "keyword" not in query.legs:
            return {}
        try:
            keywords = self.keywords()
            if len(self.vectors) and not keywords.count():
                raise IndexCorrupt("The keyword index is empty. Mend it with: matchmaker index rebuild")
            return dict(keywords.search(query.text, scope, DEPTH))
        except (IndexCorrupt, IndexLocked, OSError) as error:
            log.error("keyword search failed: %s", error)
            if query.encoded is None:
                raise EngineDown("Neither the model nor the keyword index answers.") from error
            notices.append(Notice.NO_KEYWORDS)
            return {}

    def _browse(self, query: SearchQuery) -> SearchResult:
        """Everything under the filters, newest first."""
        columns = self.vectors.columns

        mask = columns.mask(query.scope)
        rows = columns.rows(mask)
        facets = self._facets(query.scope, mask, columns.mask)
        order = np.lexsort((columns.id[rows], -columns.published[rows]))
        page = rows[order][query.offset : query.offset + query.limit]
        hits = tuple(Hit(int(id), 0.0, None, None) for id in columns.id[page])
        return SearchResult(hits, len(rows), facets)

    def _facets(self, scope: Scope, found: Bits, find: Callable[[Scope], Bits]) -> dict[str, dict[str, int]]:
        counted = {}
        for facet in FACETS:
            others = {name: codes for name, codes in scope.filters.items() if name != facet}
            rows = find(replace(scope, filters=others)) if facet in scope.filters else found
            counted[facet] = self.vectors.columns.counts(facet, rows)
        return counted

    def _hits(self, query: SearchQuery, found: _Candidates) -> tuple[Hit, ...]:
        columns = self.vectors.columns
        key = -columns.published[found.rows] if query.sort == "newest" else -found.score
        # Equal scores are ordered by id, so that a page looks the same in every process.
        order = np.lexsort((columns.id[found.rows], key))[query.offset : query.offset + query.limit]
        cosine_rank, bm25_rank = fusion.ranks(found.cosine), fusion.ranks(found.bm25)
        cosine = fusion.normalised_cosine(found.cosine)
        bm25 = fusion.normalised_bm25(found.bm25, found.ceiling)
        return tuple(
            Hit(
                id=int(columns.id[found.rows[i]]),
                score=float(found.score[i]),
                vector=LegScore(int(cosine_rank[i]), float(found.cosine[i]), float(cosine[i]))
                if query.encoded is not None
                else None,
                keyword=LegScore(int(bm25_rank[i]), float(found.bm25[i]), float(bm25[i]))
                if found.bm25[i] > 0
                else None,
            )
            for i in order
        )
