"""What rows are filtered, counted and ordered by, in growing arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .types import ALWAYS, FACETS, Entry, Scope

#: One bit a row, little end first, as faiss reads it. Bits past the last row are 0.
Bits = NDArray[np.uint8]

_FIRST_CAPACITY = 1024
#: One row in so many is few.
_FEW = 16
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
        for name in _NUMBERS:
            setattr(self, name, _grown(getattr(self, name), end))
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

    def counts(self, facet: str, rows: NDArray[np.int64]) -> dict[str, int]:
        """How many of the rows hold each code of the facet; codes of none are left out."""
        codes = self._facets[facet]
        return codes.counts_of(rows) if len(rows) * _FEW < self.size else codes.counts(self._only(rows))

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

    def _only(self, rows: NDArray[np.int64]) -> Bits:
        """The mask of these rows."""
        chosen = np.zeros(self.size, np.bool_)
        chosen[rows] = True
        return pack(chosen)

    def taken(self, rows: NDArray[np.int64]) -> Columns:
        """A copy that holds only these rows."""
        out = Columns()
        for name in _NUMBERS:
            setattr(out, name, _grown(getattr(self, name)[rows], _FIRST_CAPACITY))
        out._alive = self._alive.taken(rows)
        out._facets = {facet: codes.taken(rows) for facet, codes in self._facets.items()}
        out.size = len(rows)
        return out


class _Codes:
    """Which rows hold which codes: a line of bits for each code, so that counting is one AND and a population count."""

    def __init__(self) -> None:
        self._line: dict[str, int] = {}
        # Row by row, the lines it is held in and where they end; quicker than bits where few rows are asked for.
        self._lines = np.zeros(_FIRST_CAPACITY, np.int16)
        self._ends = np.zeros(_FIRST_CAPACITY, np.int64)
        self._bits = np.zeros((0, _FIRST_CAPACITY // 8), np.uint8)

    def append(self, start: int, codes: Sequence[tuple[str, ...]]) -> None:
        """Say which codes the rows from `start` on hold."""
        pairs = [
            (self._line.setdefault(code, len(self._line)), row)
            for row, listed in enumerate(codes, start)
            for code in dict.fromkeys(listed)
        ]
        lines, width = self._bits.shape
        needed = (start + len(codes) + 7) // 8
        if len(self._line) > lines or needed > width:
            grown = np.zeros((len(self._line), width if needed <= width else max(needed, 2 * width)), np.uint8)
            grown[:lines, :width] = self._bits
            self._bits = grown
        size = int(self._ends[start - 1]) if start else 0
        self._ends = _grown(self._ends, start + len(codes))
        self._ends[start : start + len(codes)] = size + np.cumsum([len(set(listed)) for listed in codes])
        self._lines = _grown(self._lines, size + len(pairs))
        if pairs:
            line, row = np.array(pairs).T
            self._lines[size : size + len(pairs)] = line
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
        held, lengths = self._held(rows)
        out._lines = _grown(held, max(len(held), 1))
        out._ends = _grown(np.cumsum(lengths), max(len(rows), 1))
        out._bits = np.zeros((len(self._line), (max(len(rows), _FIRST_CAPACITY) + 7) // 8), np.uint8)
        for line, bits in enumerate(self._bits):
            kept = pack(np.unpackbits(bits, bitorder="little").view(np.bool_)[rows])
            out._bits[line, : len(kept)] = kept
        return out

    def _held(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """The lines of the rows, one row after the other, and how many each row has."""
        ends = self._ends[rows]
        starts = np.where(rows > 0, self._ends[rows - 1], 0)
        lengths = ends - starts
        before = np.cumsum(lengths) - lengths
        return self._lines[np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))], lengths

    def counts_of(self, rows: NDArray[np.int64]) -> dict[str, int]:
        """How many of the rows hold each code; codes of none are left out. Takes time in proportion to the rows."""
        return self._named(np.bincount(self._held(rows)[0], minlength=len(self._line)))

    def counts(self, mask: Bits) -> dict[str, int]:
        """The same for the rows of a mask, in proportion to all rows."""
        numbers = np.bitwise_count(self._bits[:, : len(mask)] & mask).sum(1, dtype=np.int64)
        return self._named(numbers)

    def _named(self, numbers: NDArray[np.int64]) -> dict[str, int]:
        return {code: number for code, number in zip(self._line, numbers.tolist(), strict=False) if number}


def pack(rows: NDArray[np.bool_]) -> Bits:
    """One bit for each row."""
    return np.packbits(rows, bitorder="little")


def holds(mask: Bits, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the mask holds each of the rows."""
    return np.asarray(mask[rows >> 3] >> (rows & 7) & 1, np.bool_)


def _grown(old: NDArray[Any], capacity: int) -> NDArray[Any]:
    """The array, or a copy with room for at least so many entries."""
    if capacity <= len(old):
        return old
    new = np.zeros(max(capacity, 2 * len(old)), old.dtype)
    new[: len(old)] = old
    return new
