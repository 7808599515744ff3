"""Exact vector search in memory: half-precision rows scanned by faiss, filter columns beside them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from .types import FACETS, Document, Filters, Vector

Mask = NDArray[np.bool_]
# faiss describes its C++ signatures to type checkers, not the Python ones it wraps them in.
faiss: Any = _faiss
_FIRST_CAPACITY = 1024


class FaissVectorIndex:
    """Rows are never moved: a replaced or removed listing leaves a dead row behind until `compact` or a restart.

    Dead rows are masked like any filter, so that what is found is exact at every moment. Hold `lock` over reads
    that must agree with each other on what a row number means. The first vectors put in set the dimension.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._row_of: dict[int, int] = {}
        self._columns = _Columns()
        self._index: Any = None

    def __len__(self) -> int:
        return len(self._row_of)

    def put(self, documents: Sequence[Document], vectors: Vector) -> None:
        """See VectorIndex.put."""
        if not documents:
            return
        with self.lock:
            index = self._index or _flat(vectors.shape[-1])
            vectors = _checked(vectors, len(documents), index.d)
            last = {document.id: position for position, document in enumerate(documents)}
            if len(last) < len(documents):
                documents, vectors = [documents[position] for position in last.values()], vectors[list(last.values())]
            self._index = index
            first = self._columns.size
            for offset, document in enumerate(documents):
                self._kill(document.id)
                self._row_of[document.id] = first + offset
            self._columns.append(documents)
            index.add(vectors)
            if self._columns.size > 2 * len(self._row_of) + _FIRST_CAPACITY:
                self.compact()

    def remove(self, ids: Iterable[int]) -> None:
        """See VectorIndex.remove."""
        with self.lock:
            for id in ids:
                self._kill(id)

    def search(self, vector: Vector, mask: Mask, limit: int) -> tuple[NDArray[np.int64], Vector]:
        """See VectorIndex.search."""
        allowed = int(mask.sum())
        if not allowed or self._index is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        query = _checked(vector[None, :], 1, self._index.d)
        packed = np.packbits(mask, bitorder="little")
        selector = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(packed))
        with self.lock:
            scores, rows = self._index.search(query, min(limit, allowed), params=selector)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]

    def cosines(self, vector: Vector, rows: NDArray[np.int64]) -> Vector:
        """The cosine of each of the rows, given in ascending order, with the vector."""
        mask = np.zeros(self._columns.size, np.bool_)
        mask[rows] = True
        found, scores = self.search(vector, mask, len(rows))
        out = np.zeros(len(rows), np.float32)
        out[np.searchsorted(rows, found)] = scores
        return out

    def rows(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """The row of each id; -1 where it is not held."""
        return np.array([self._row_of.get(id, -1) for id in ids], np.int64)

    @property
    def columns(self) -> _Columns:
        """The filter columns, row by row."""
        return self._columns

    def versions(self) -> dict[int, int]:
        """The version of every listing held, by id."""
        with self.lock:
            return {id: int(self._columns.version[row]) for id, row in self._row_of.items()}

    def compact(self) -> None:
        """Let go of the rows of replaced and removed listings; the others get new row numbers."""
        with self.lock:
            if self._index is None:
                return
            rows = np.array(sorted(self._row_of.values()), np.int64)
            index = _flat(self._index.d)
            if len(rows):
                index.add(self._index.reconstruct_batch(rows))
            self._columns = self._columns.taken(rows)
            self._index = index
            self._row_of = {int(id): row for row, id in enumerate(self._columns.id[: len(rows)])}

    def _kill(self, id: int) -> None:
        row = self._row_of.pop(id, None)
        if row is not None:
            self._columns.alive[row] = False


class _Columns:
    """Growing arrays, one entry a row. A facet is held as bits: bit n is its n-th code seen."""

    def __init__(self) -> None:
        self.size = 0
        self.id = np.empty(_FIRST_CAPACITY, np.int64)
        self.version = np.empty(_FIRST_CAPACITY, np.int64)
        self.offer = np.empty(_FIRST_CAPACITY, np.bool_)
        self.alive = np.empty(_FIRST_CAPACITY, np.bool_)
        self.published = np.empty(_FIRST_CAPACITY, np.float64)
        self.codes: dict[str, dict[str, Mask]] = {facet: {} for facet in FACETS}

    def append(self, documents: Sequence[Document]) -> None:
        end = self.size + len(documents)
        self._grow(end)
        for row, document in enumerate(documents, self.size):
            self.id[row] = document.id
            self.version[row] = document.version
            self.offer[row] = document.kind == "offer"
            self.published[row] = document.published
            self.alive[row] = True
            for facet, codes in document.facets.items():
                for code in codes:
                    held = self.codes[facet].get(code)
                    if held is None:
                        held = self.codes[facet][code] = np.zeros(len(self.id), np.bool_)
                    held[row] = True
        self.size = end

    def mask(self, wanted: str, filters: Filters, excluded: frozenset[int]) -> Mask:
        """Which rows are alive, of the wanted kind and pass every filter."""
        size = self.size
        mask: Mask = self.alive[:size] & (self.offer[:size] == (wanted == "offer"))
        for facet, codes in filters.items():
            passing = np.zeros(size, np.bool_)
            for code in codes:
                held = self.codes[facet].get(code)
                if held is not None:
                    passing |= held[:size]
            mask &= passing
        if excluded:
            mask &= ~np.isin(self.id[:size], list(excluded))
        return mask

    def counts(self, facet: str, rows: NDArray[np.int64]) -> dict[str, int]:
        """How many of the rows hold each code of the facet; codes of none are left out."""
        counted = ((code, int(held[rows].sum())) for code, held in list(self.codes[facet].items()))
        return {code: number for code, number in counted if number}

    def taken(self, rows: NDArray[np.int64]) -> _Columns:
        """A copy that holds only these rows."""
        out = _Columns()
        out._grow(len(rows))
        for name in ("id", "version", "offer", "alive", "published"):
            getattr(out, name)[: len(rows)] = getattr(self, name)[rows]
        for facet, held in self.codes.items():
            for code, bits in held.items():
                kept = out.codes[facet][code] = np.zeros(len(out.id), np.bool_)
                kept[: len(rows)] = bits[rows]
        out.size = len(rows)
        return out

    def _grow(self, size: int) -> None:
        if size <= len(self.id):
            return
        capacity = max(size, 2 * len(self.id))

        def grown(old: NDArray[np.generic]) -> NDArray[np.generic]:
            new = np.zeros(capacity, old.dtype)
            new[: len(old)] = old
            return new

        for name in ("id", "version", "offer", "alive", "published"):
            setattr(self, name, grown(getattr(self, name)))
        self.codes = {facet: {code: grown(bits) for code, bits in held.items()} for facet, held in self.codes.items()}  # type: ignore[misc]


def _flat(dimension: int) -> Any:
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def _checked(vectors: Vector, count: int, dimension: int) -> Vector:
    vectors = np.ascontiguousarray(vectors, np.float32)
    if vectors.shape != (count, dimension):
        raise ValueError(f"expected {count} vectors of {dimension} numbers, got an array of {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds NaN or infinity")
    return vectors
