"""What rows are filtered, counted and ordered by, in growing arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .types import ALWAYS, FACETS, Entry, Scope

#: One bit a row, little end first, as faiss reads it. Bits past the last row are 0.
Bits = NDArray[np.uint8]

_FIRST_CAPACITY = 1024
_NUMBERS = {"id": np.int64, "version": np.int64, "published": np.float64, "family": np.int64}


class Columns:
    """One entry a row; rows are appended and die, but never move."""

    id: NDArray[np.int64]
    version: NDArray[np.int64]
    published: NDArray[np.float64]
    family: NDArray[np.int64]

    def __init__(self) -> None:
        self.size = 0
        for name, dtype in _NUMBERS.items():
            setattr(self, name, np.zeros(_FIRST_CAPACITY, dtype))
        self._alive = _Codes()
        self._facets = {facet: _Codes() for facet in FACETS}

    def append(self, entries: Sequence[Entry]) -> None:
        """Add a row for each entry."""
        start, end = self.size, self.size + len(entries)
        capacity = len(self.id)
        if end > capacity:
            for name in _NUMBERS:
                setattr(self, name, _grown(getattr(self, name), max(end, 2 * capacity)))
        self.id[start:end] = [entry.id for entry in entries]
        self.version[start:end] = [entry.version for entry in entries]
        self.published[start:end] = [entry.published for entry in entries]
        self.family[start:end] = [entry.family or -entry.id for entry in entries]
        self._alive.append(start, [(entry.kind,) for entry in entries])
        for facet, codes in self._facets.items():
            codes.append(start, [entry.facets.get(facet, ()) for entry in entries])
        self.size = end

    def kill(self, row: int) -> None:
        """Let no mask hold the row again."""
        self._alive.clear(row)

    def mask(self, scope: Scope) -> Bits:
        """The rows that are alive and in the scope, its words aside."""
        mask = self._alive.any((scope.wanted,), self.size)
        for facet, codes in scope.filters.items():
            mask &= self._facets[facet].any(codes, self.size)
        if scope.published != ALWAYS:
            since, until = scope.published
            published = self.published[: self.size]
            mask &= pack((since <= published) & (published < until))
        if scope.excluded:
            mask &= pack(~np.isin(self.id[: self.size], list(scope.excluded)))
        return mask

    def counts(self, facet: str, mask: Bits) -> dict[str, int]:
        """How many rows of the mask hold each code of the facet; codes of none are left out."""
        return self._facets[facet].counts(mask)

    @property
    def alive(self) -> Bits:
        """The rows that were not killed."""
        return self._alive.any(("offer", "need"), self.size)

    def holding(self, ids: NDArray[np.int64]) -> Bits:
        """The rows of these ids."""
        return pack(np.isin(self.id[: self.size], ids))

    def rows(self, mask: Bits) -> NDArray[np.int64]:
        """The rows of a mask in ascending order."""
        return np.flatnonzero(np.unpackbits(mask, count=self.size, bitorder="little"))

    def only(self, rows: NDArray[np.int64]) -> Bits:
        """The mask of these rows."""
        chosen = np.zeros(self.size, np.bool_)
        chosen[rows] = True
        return pack(chosen)

    def taken(self, rows: NDArray[np.int64]) -> Columns:
        """A copy that holds only these rows."""
        out = Columns()
        for name in _NUMBERS:
            setattr(out, name, _grown(getattr(self, name)[rows], max(len(rows), _FIRST_CAPACITY)))
        out._alive = self._alive.taken(rows)
        out._facets = {facet: codes.taken(rows) for facet, codes in self._facets.items()}
        out.size = len(rows)
        return out


class _Codes:
    """Which rows hold which codes: a line of bits for each code, so that counting is one AND and a population count."""

    def __init__(self) -> None:
        self._line: dict[str, int] = {}
        self._bits = np.zeros((0, _FIRST_CAPACITY // 8), np.uint8)

    def append(self, start: int, codes: Sequence[tuple[str, ...]]) -> None:
        """Say which codes the rows from `start` on hold."""
        pairs = [
            (self._line.setdefault(code, len(self._line)), row)
            for row, listed in enumerate(codes, start)
            for code in listed
        ]
        lines, width = self._bits.shape
        needed = (start + len(codes) + 7) // 8
        if len(self._line) > lines or needed > width:
            grown = np.zeros((len(self._line), width if needed <= width else max(needed, 2 * width)), np.uint8)
            grown[:lines, :width] = self._bits
            self._bits = grown
        if pairs:
            line, row = np.array(pairs).T
            np.bitwise_or.at(self._bits, (line, row >> 3), np.left_shift(1, row & 7).astype(np.uint8))

    def clear(self, row: int) -> None:
        """Let the row hold nothing."""
        self._bits[:, row >> 3] &= ~np.uint8(1 << (row & 7))

    def any(self, codes: Sequence[str], size: int) -> Bits:
        """The rows that hold one of the codes."""
        lines = [self._line[code] for code in codes if code in self._line]
        return np.asarray(np.bitwise_or.reduce(self._bits[lines, : (size + 7) // 8], axis=0), np.uint8)

    def taken(self, rows: NDArray[np.int64]) -> _Codes:
        """A copy that holds only these rows."""
        out = _Codes()
        out._line = dict(self._line)
        out._bits = np.zeros((len(self._line), (max(len(rows), _FIRST_CAPACITY) + 7) // 8), np.uint8)
        for line, bits in enumerate(self._bits):
            kept = pack(np.unpackbits(bits, bitorder="little").view(np.bool_)[rows])
            out._bits[line, : len(kept)] = kept
        return out

    def counts(self, mask: Bits) -> dict[str, int]:
        """How many rows of the mask hold each code; codes of none are left out."""
        numbers = np.bitwise_count(self._bits[:, : len(mask)] & mask).sum(1, dtype=np.int64)
        return {code: int(numbers[line]) for code, line in self._line.items() if numbers[line]}


def pack(rows: NDArray[np.bool_]) -> Bits:
    """One bit for each row."""
    return np.packbits(rows, bitorder="little")


def holds(mask: Bits, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the mask holds each of the rows."""
    return np.asarray(mask[rows >> 3] >> (rows & 7) & 1, np.bool_)


def _grown(old: NDArray[np.generic], capacity: int) -> NDArray[np.generic]:
    new = np.zeros(capacity, old.dtype)
    new[: len(old)] = old
    return new
