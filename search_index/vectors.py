"""Exact vector search in memory: half-precision rows scanned by faiss, filter columns beside them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from .columns import Bits, Columns, holds
from .types import Entry, Vector

# faiss describes its C++ signatures to type checkers, not the Python ones it wraps them in.
faiss: Any = _faiss
#: How many dead rows are kept at least before the index is compacted.
_MOST_DEAD = 1024
#: Rows multiplied at once, so that products stay small in memory.
_BLOCK = 16_384


class Vectors:
    """One vector index a kind, so that a search of offers reads no needs. See VectorIndex for what is not said here."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._of_kind = {kind: FaissVectorIndex(self.lock) for kind in ("offer", "need")}

    def __len__(self) -> int:
        return sum(map(len, self._of_kind.values()))

    def __getitem__(self, kind: str) -> FaissVectorIndex:
        return self._of_kind[kind]

    def put(self, entries: Sequence[Entry], vectors: Vector) -> None:
        """See VectorIndex.put."""
        with self.lock:
            for kind, index in self._of_kind.items():
                places = [place for place, entry in enumerate(entries) if entry.kind == kind]
                # What was of this kind before may be of the other one now.
                index.remove(entry.id for entry in entries if entry.kind != kind)
                index.put([entries[place] for place in places], vectors[places])

    def remove(self, ids: Iterable[int]) -> None:
        """See VectorIndex.remove."""
        ids = list(ids)
        for index in self._of_kind.values():
            index.remove(ids)

    def versions(self) -> dict[int, int]:
        """The version of every listing held, by id."""
        return {id: version for index in self._of_kind.values() for id, version in index.versions().items()}


class FaissVectorIndex:
    """Rows are never moved: a replaced or removed listing leaves a dead row behind until `compact` or a restart.

    Dead rows are masked like any filter, so that what is found is exact at every moment. Hold `lock` over reads
    that must agree with each other on what a row number means. The first vectors put in set the dimension.
    """

    def __init__(self, lock: threading.RLock | None = None) -> None:
        self.lock = lock or threading.RLock()
        self._row_of: dict[int, int] = {}
        self._columns = Columns()
        self._index: Any = None

    def __len__(self) -> int:
        return len(self._row_of)

    def put(self, entries: Sequence[Entry], vectors: Vector) -> None:
        """See VectorIndex.put."""
        if not entries:
            return
        with self.lock:
            index = self._index or _flat(vectors.shape[-1])
            vectors = _checked(vectors, len(entries), index.d)
            last = {entry.id: position for position, entry in enumerate(entries)}
            if len(last) < len(entries):
                entries, vectors = [entries[position] for position in last.values()], vectors[list(last.values())]
            self._index = index
            first = self._columns.size
            for offset, entry in enumerate(entries):
                self._kill(entry.id)
                self._row_of[entry.id] = first + offset
            self._columns.append(entries)
            index.add(vectors)
            if self._columns.size > 2 * len(self._row_of) + _MOST_DEAD:
                self.compact()

    def remove(self, ids: Iterable[int]) -> None:
        """See VectorIndex.remove."""
        with self.lock:
            for id in ids:
                self._kill(id)

    def search(self, vector: Vector, mask: Bits, limit: int) -> tuple[NDArray[np.int64], Vector]:
        """See VectorIndex.search."""
        allowed = int(np.bitwise_count(mask).sum())
        if not allowed or self._index is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        query = _checked(vector[None, :], 1, self._index.d)
        # Bound by memory, which a second thread does not make faster; OpenMP keeps the number for the calling thread.
        faiss.omp_set_num_threads(1)
        with self.lock:
            dead = self._columns.size - len(self)
            if allowed == len(self) and dead <= limit:
                # Reading dead rows too and dropping them takes half as long as asking the mask about every row.
                scores, rows = self._index.search(query, min(limit + dead, self._columns.size))
            else:
                selector = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(mask))
                scores, rows = self._index.search(query, min(limit, allowed), params=selector)
        found = rows[0] >= 0
        found[found] = holds(mask, rows[0][found])
        return rows[0][found][:limit], scores[0][found][:limit]

    def neighbours(self, vectors: Vector, least: float, most: int, excluded: Iterable[int] = ()) -> list[list[int]]:
        """For each of the vectors `(n, d)` the ids of the `most` nearest listings that are at least so near."""
        found: list[list[tuple[float, int]]] = [[] for _ in vectors]
        with self.lock:
            rows = self._columns.rows(self._columns.alive & ~self._columns.holding(np.array(list(excluded))))
            for start in range(0, len(rows), _BLOCK):
                block = rows[start : start + _BLOCK]
                cosines = vectors @ self.of(block).T
                for query in np.flatnonzero((cosines >= least).any(1)):
                    near = np.flatnonzero(cosines[query] >= least)
                    near = near[np.argsort(-cosines[query, near], kind="stable")[:most]]
                    ids = self._columns.id[block[near]].tolist()
                    found[query] += zip((-cosines[query, near]).tolist(), ids, strict=True)
        return [[id for _, id in sorted(pairs)[:most]] for pairs in found]

    def cosines(self, vector: Vector, rows: NDArray[np.int64]) -> Vector:
        """The cosine of each of the rows with the vector."""
        return np.asarray(self.of(rows) @ vector, np.float32) if len(rows) else np.empty(0, np.float32)

    def of(self, rows: NDArray[np.int64]) -> Vector:
        """The vectors of the rows, `(n, d)`, at least one."""
        with self.lock:
            # A view of faiss's own memory, which moves when it grows; faiss itself decodes row by row.
            codes = faiss.rev_swig_ptr(self._index.codes.data(), self._index.codes.size())
            return np.asarray(codes.view(np.float16).reshape(-1, self._index.d)[rows], np.float32)

    def rows(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """The row of each id; -1 where it is not held."""
        return np.fromiter(map(self._row_of.get, ids, repeat(-1)), np.int64, len(ids))

    @property
    def columns(self) -> Columns:
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
                index.add(self.of(rows))
            self._columns = self._columns.taken(rows)
            self._index = index
            self._row_of = {int(id): row for row, id in enumerate(self._columns.id[: len(rows)])}

    def _kill(self, id: int) -> None:
        row = self._row_of.pop(id, None)
        if row is not None:
            self._columns.kill(row)


def _flat(dimension: int) -> Any:
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def _checked(vectors: Vector, count: int, dimension: int) -> Vector:
    vectors = np.ascontiguousarray(vectors, np.float32)
    if vectors.shape != (count, dimension):
        raise ValueError(f"expected {count} vectors of {dimension} numbers, got an array of {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds NaN or infinity")
    return vectors
