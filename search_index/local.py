"""The engine of one process: vectors in memory, keywords on disk, fused."""

from __future__ import annotations

import contextvars
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from . import fusion
from .columns import Bits, holds
from .errors import EngineDown, IndexCorrupt, IndexLocked, ModelUnusable
from .evidence import AlignedPair, Evidence, MatchedTerm, aligned_pairs, matched_terms
from .generations import Generations
from .patience import Patience, Stalled
from .protocols import Embedder, KeywordIndex
from .rebuilding import catch_up, put
from .types import FACETS, Document, Encoded, Entry, Hit, LegScore, Notice, Scope, SearchQuery, SearchResult, Vector
from .vectors import Vectors
from .vocabulary import Vocabulary

log = logging.getLogger(__name__)

#: How many of its best each leg brings to the fusion.
DEPTH = 1000


#: How many words and pairs of passages are shown of a score.
MOST_TERMS = 8
MOST_PAIRS = 3
_VOCABULARY_LASTS = 600.0
#: Seconds that a query's encode may take; it takes milliseconds.
ENCODE_LIMIT = 2.0
#: Where words are looked up while the caller scans vectors; both leave the interpreter to others.
_LEGS = ThreadPoolExecutor(os.cpu_count(), "words")


@dataclass(frozen=True, slots=True)
class _Folded:
    """A page of families: the place of each one's best among the ordered rows, and the rows of the others."""

    page: NDArray[np.int64]
    others: Sequence[NDArray[np.int64]]
    families: int


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
        self._counting = Lock()
        self._vocabulary: tuple[float, Vocabulary] | None = None
        self.vectors = Vectors()
        self.encode_limit = ENCODE_LIMIT
        self._patience = Patience()
        #: Hears how many seconds an "encode" or a whole "search" took.
        self.observe: Callable[[str, float], object] = lambda _what, _seconds: None
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
        put(self.keywords(), documents, removed)

    def reopen(self) -> None:
        """Read the keyword index from the disk anew, its checksums compared. Raises IndexCorrupt."""
        with self._opening:
            self._keywords = None
        self.keywords()

    def rebuild(
        self,
        documents: Callable[[Sequence[int] | None], Iterable[Document]],
        expected: Callable[[], dict[int, int]],
    ) -> int:
        """Write a new generation, bring it up to the expected (id, version) pairs, then use it.

        `documents` gives all of them, or those of some ids, as they are at that moment; what changes meanwhile is
        written again. Returns how many documents it holds. Raises IndexCorrupt, and leaves the old one in use, when
        writing a document anew does not bring it to its version.
        """
        folder = self.generations.new()
        try:
            fresh = self._open_keywords(folder)
            put(fresh, documents(None))
            catch_up(fresh, documents, expected)
            held = fresh.count()
            self.generations.use(folder)
        except BaseException:
            self.generations.discard(folder)
            raise
        return held

    def terms(self, text: str) -> dict[str, str]:
        """See KeywordIndex.terms; empty while the keyword index is down."""
        try:
            return self.keywords().terms(text)
        except (IndexCorrupt, OSError) as error:
            log.error("no terms: %s", error)
            return {}

    def frequencies(self, text: str) -> dict[str, int]:
        """See KeywordIndex.frequencies; empty while the keyword index is down."""
        try:
            return self.keywords().frequencies(text)
        except (IndexCorrupt, OSError) as error:
            log.error("no frequencies: %s", error)
            return {}

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """See KeywordIndex.weights; empty while the keyword index is down."""
        try:
            return self.keywords().weights(terms)
        except (IndexCorrupt, OSError) as error:
            log.error("no term weights: %s", error)
            return {}

    def vocabulary(self) -> Vocabulary:
        """The words of all listings, counted anew at most every ten minutes; none while the keyword index is down."""
        with self._counting:
            if self._vocabulary is None or time.monotonic() - self._vocabulary[0] > _VOCABULARY_LASTS:
                try:
                    counted = Vocabulary(self.keywords().vocabulary())
                except (IndexCorrupt, OSError) as error:
                    log.error("words not counted: %s", error)
                    return Vocabulary({})
                self._vocabulary = (time.monotonic(), counted)
            return self._vocabulary[1]

    def encode(self, text: str) -> Encoded:
        """A query's vectors. Raises ModelUnusable, also when the model does not answer in time."""
        begun = time.perf_counter()
        try:
            return self._patience.run(lambda: self.embedder.encode([text])[0], self.encode_limit)
        except Stalled as error:
            raise ModelUnusable(f"The model does not answer. {error}") from error
        finally:
            self.observe("encode", time.perf_counter() - begun)

    def search(self, query: SearchQuery) -> SearchResult:
        """See Engine.search."""
        begun = time.perf_counter()
        try:
            return self._search(query)
        finally:
            self.observe("search", time.perf_counter() - begun)

    def _search(self, query: SearchQuery) -> SearchResult:
        notices: list[Notice] = []
        if not query.text and query.encoded is None:
            with self.vectors.lock:
                return self._browse(query, notices)
        if "vector" not in query.legs:
            query = replace(query, encoded=None)
        elif query.encoded is None:
            query = replace(query, encoded=self._encode(query.text, notices))
        with self.vectors.lock:
            found = self._candidates(query, query.scope, notices)
            facets = self._facets(query, found.rows, lambda scope: self._candidates(query, scope, notices).rows)
            order = self._order(query, found.rows, found.score)
            folded = self._folded(query, found.rows[order])
            hits = self._hits(query, found, order[folded.page], folded.others)
        return SearchResult(
            hits, len(found.rows), folded.families, facets, tuple(dict.fromkeys(notices)), query.encoded
        )

    def evidence(self, query: SearchQuery, hit: Hit, found: tuple[Document, Encoded | None]) -> Evidence:
        """What the hit's score is made of, from the document and its vectors as they are stored.

        Three pairs of passages and eight words are shown; the rests make the points add up to the score.
        """
        document, encoded = found
        pairs: tuple[AlignedPair, ...] = ()
        by_meaning = fusion.VECTOR_WEIGHT * hit.vector.normalised if hit.vector else 0.0
        if by_meaning and query.encoded is not None and encoded is not None:
            pairs = aligned_pairs((query.text, query.encoded), (document.text, encoded), by_meaning, MOST_PAIRS)
        terms: tuple[MatchedTerm, ...] = ()
        by_words = (1 - fusion.VECTOR_WEIGHT) * hit.keyword.normalised if hit.keyword else 0.0
        if hit.keyword:
            wanted = self.frequencies(query.text)
            term_of = self.terms(document.text)
            weights = self.weights(wanted.keys() & set(term_of.values()))
            terms = matched_terms(wanted, (document.text, term_of), weights, hit.keyword.raw, by_words)[:MOST_TERMS]
        return Evidence(
            terms,
            by_words - sum(term.points for term in terms),
            pairs,
            by_meaning - sum(pair.points for pair in pairs),
        )

    def _encode(self, text: str, notices: list[Notice]) -> Encoded | None:
        try:
            return self.encode(text)
        except (ModelUnusable, RuntimeError) as error:
            log.error("encoding failed: %s", error)
            notices.append(Notice.NO_VECTORS)
            return None

    def _candidates(self, query: SearchQuery, scope: Scope, notices: list[Notice]) -> _Candidates:
        """The best of both legs under the filters, scored, above the least strength asked for."""
        index = self.vectors[scope.wanted]
        mask = self._mask(scope, notices)
        # The context tells whose request a log line belongs to.
        run = contextvars.copy_context().run
        leg = _LEGS.submit(run, self._keyword_leg, query, scope, depth(scope, mask), notices)
        if query.encoded is not None and query.encoded.vector.any():
            near, cosines = index.search(query.encoded.vector, mask, depth(scope, mask))
        else:
            near, cosines = np.empty(0, np.int64), np.empty(0, np.float32)
        order = np.argsort(near)
        near, cosines = near[order], cosines[order]
        by_keyword, ceiling = leg.result()
        keyword_rows = index.rows(list(by_keyword))
        known = keyword_rows >= 0
        # The keyword index may run ahead of this process's memory, or behind it: the mask has the last word.
        known[known] = holds(mask, keyword_rows[known])
        scores = np.fromiter(by_keyword.values(), np.float32, len(known))[known]
        keyword_rows = keyword_rows[known]
        places = np.searchsorted(near, keyword_rows)
        both = np.zeros(len(places), np.bool_)
        inside = places < len(near)
        both[inside] = near[places[inside]] == keyword_rows[inside]
        words_only = keyword_rows[~both]
        rows = np.concatenate([near, words_only])
        bm25 = np.zeros(len(rows), np.float32)
        bm25[places[both]], bm25[len(near) :] = scores[both], scores[~both]
        cosine = np.zeros(len(rows), np.float32)
        cosine[: len(near)] = cosines
        if query.encoded is not None:
            cosine[len(near) :] = index.cosines(query.encoded.vector, words_only)
        score = fusion.convex(fusion.normalised_cosine(cosine), fusion.normalised_bm25(bm25, ceiling))
        found = _Candidates(rows, cosine, bm25, ceiling, score)
        # With one leg down scores are low throughout, and its best is better than nothing.
        return found if notices else found.above(query.least_score)

    def _keyword_leg(
        self, query: SearchQuery, scope: Scope, depth: int, notices: list[Notice]
    ) -> tuple[dict[int, float], float]:
        """The BM25 scores of its best, by id, and the highest score there could be."""
        if not query.text or "keyword" not in query.legs:
            return {}, 0.0
        try:
            keywords = self.keywords()
            if len(self.vectors) and not keywords.count():
                raise IndexCorrupt("The keyword index is empty. Mend it with: matchmaker index rebuild")
            found = dict(keywords.search(query.text, scope, depth))
            return found, keywords.ceiling(query.text) if found else 0.0
        except (IndexCorrupt, IndexLocked, OSError) as error:
            log.error("keyword search failed: %s", error)
            if query.encoded is None:
                raise EngineDown("Neither the model nor the keyword index answers.") from error
            notices.append(Notice.NO_KEYWORDS)
            return {}, 0.0

    def _browse(self, query: SearchQuery, notices: list[Notice]) -> SearchResult:
        """Everything in the scope, newest first."""

        columns = self.vectors[query.scope.wanted].columns

        def passing(scope: Scope) -> NDArray[np.int64]:
            return columns.rows(self._mask(scope, notices))

        rows = passing(query.scope)
        facets = self._facets(query, rows, passing)
        rows = rows[self._order(query, rows, None)]
        folded = self._folded(query, rows)
        hits = tuple(
            Hit(int(columns.id[row]), 0.0, None, None, tuple(columns.id[others].tolist()))
            for row, others in zip(rows[folded.page], folded.others, strict=True)
        )
        return SearchResult(hits, len(rows), folded.families, facets, tuple(dict.fromkeys(notices)))

    def _mask(self, scope: Scope, notices: list[Notice]) -> Bits:
        """The rows in the scope; what texts must hold is left out, with a notice, while the keyword index is down."""
        columns = self.vectors[scope.wanted].columns
        mask = columns.mask(scope)
        if scope.words:
            try:
                mask &= columns.holding(self.keywords().holding(scope.words))
            except (IndexCorrupt, OSError) as error:
                log.error("words not looked up: %s", error)
                notices.append(Notice.NO_KEYWORDS)
        return mask

    def _order(self, query: SearchQuery, rows: NDArray[np.int64], score: Vector | None) -> NDArray[np.int64]:
        columns = self.vectors[query.scope.wanted].columns
        key = -columns.published[rows] if score is None or query.sort == "newest" else -score
        # Equals are ordered by id, so that a page looks the same in every process.
        return np.lexsort((columns.id[rows], key))

    def _folded(self, query: SearchQuery, rows: NDArray[np.int64]) -> _Folded:
        """The page's places among the ordered rows, and for each the rows folded under it."""
        page = slice(query.offset, query.offset + query.limit)
        if not query.fold:
            places = np.arange(len(rows))[page]
            return _Folded(places, tuple(rows[:0] for _ in places), len(rows))
        family = self.vectors[query.scope.wanted].columns.family[rows]
        _, first = np.unique(family, return_index=True)
        leaders = np.sort(first)
        places = leaders[page]
        others = tuple(rows[np.flatnonzero(family == family[place])[1:]] for place in places)
        return _Folded(places, others, len(leaders))

    def _facets(
        self, query: SearchQuery, found: NDArray[np.int64], find: Callable[[Scope], NDArray[np.int64]]
    ) -> dict[str, dict[str, int]]:
        scope = query.scope
        counted: dict[str, dict[str, int]] = {}
        for facet in FACETS:
            if facet in query.fixed:
                counted[facet] = {}
                continue
            others = {name: codes for name, codes in scope.filters.items() if name != facet}
            rows = find(replace(scope, filters=others)) if facet in scope.filters else found
            counted[facet] = self.vectors[scope.wanted].columns.counts(facet, rows)
        return counted

    def _hits(
        self,
        query: SearchQuery,
        found: _Candidates,
        places: NDArray[np.int64],
        folded: Sequence[NDArray[np.int64]],
    ) -> tuple[Hit, ...]:
        columns = self.vectors[query.scope.wanted].columns
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
                folded=tuple(columns.id[others].tolist()),
            )
            for i, others in zip(places, folded, strict=True)
        )


def depth(scope: Scope, mask: Bits) -> int:
    """How many a leg brings: whoever says what must stand there wants all that holds it, else the best."""
    return max(DEPTH, int(np.bitwise_count(mask).sum())) if scope.words.phrases or scope.words.beginnings else DEPTH
