"""Vectors of texts and of their passages, computed once and kept in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_index.passages import split
from search_index.protocols import Embedder
from search_index.types import Vector

Spans = list[tuple[int, int]]
#: A passage is this many sentences.
SENTENCES = 3
#: About what MiniLM reads at once (256 tokens), in characters of English.
WINDOW = 1000


class Encodings:
    """An embedder that remembers in `folder`, by the texts' hash and the model's name."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def whole(self, texts: Sequence[str]) -> Vector:
        """One unit vector a text `(n, d)`, of what the model reads of it."""
        return self._read(texts)[0]

    def late(self, texts: Sequence[str]) -> tuple[Vector, NDArray[np.int64]]:
        """As `passages`, out of the forward pass over the whole text (late chunking, Günther et al. 2024)."""
        _, vectors, starts = self._read(texts)
        return vectors, starts.astype(np.int64)

    def passages(self, texts: Sequence[str]) -> tuple[Vector, NDArray[np.int64]]:
        """The vectors of all passages, each encoded alone, and for each text where its own begin."""
        return self._pieces("passages", texts, sentences)

    def windows(self, texts: Sequence[str]) -> tuple[Vector, NDArray[np.int64]]:
        """As `passages`, cut only where the model would stop reading."""
        return self._pieces("windows", texts, windows)

    def _read(self, texts: Sequence[str]) -> list[Vector]:
        def compute() -> list[Vector]:
            passages: list[Vector] = []
            starts = []
            encodings = self._embedder.encode(texts)
            for encoded in encodings:
                starts.append(len(passages))
                parts = encoded.parts if len(encoded.parts) else encoded.vector[None, :]
                passages += [unit(parts[i : i + SENTENCES].sum(0)) for i in range(0, len(parts), SENTENCES)]
            return [np.stack([encoded.vector for encoded in encodings]), np.stack(passages), np.array(starts)]

        return self._kept("whole", texts, compute)

    def _pieces(self, name: str, texts: Sequence[str], cut: Callable[[str], Spans]) -> tuple[Vector, NDArray[np.int64]]:
        pieces = [[text[start:end] for start, end in cut(text)] or [text] for text in texts]
        starts = np.cumsum([0, *(len(each) for each in pieces[:-1])]).astype(np.int64)
        flat = [piece for each in pieces for piece in each]
        vectors = self._kept(name, flat, lambda: [np.stack([e.vector for e in self._embedder.encode(flat)])])[0]
        return vectors, starts

    def _kept(self, name: str, texts: Sequence[str], compute: Callable[[], list[Vector]]) -> list[Vector]:
        digest = hashlib.sha256("\0".join([self._embedder.name, *texts]).encode()).hexdigest()[:16]
        path = self._folder / f"{name}-{digest}.npz"
        if not path.exists():
            with path.with_suffix(".part").open("wb") as file:
                np.savez(file, *compute())
            path.with_suffix(".part").replace(path)
        with np.load(path) as held:
            return [held[key] for key in held.files]


def sentences(text: str, count: int = SENTENCES) -> Spans:
    """Spans of `count` sentences each, the last perhaps shorter."""
    spans = split(text)
    return [(spans[i][0], spans[min(i + count, len(spans)) - 1][1]) for i in range(0, len(spans), count)]


def windows(text: str, size: int = WINDOW) -> Spans:
    """Spans of as many sentences as fit into `size` characters; a longer sentence stands alone."""
    out: Spans = []
    for start, end in split(text):
        if out and end - out[-1][0] <= size:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def means(vectors: Vector, starts: NDArray[np.int64]) -> Vector:
    """Each text's mean vector, of unit length."""
    return unit(np.add.reduceat(vectors, starts, axis=0))


def best(cosines: Vector, starts: NDArray[np.int64]) -> Vector:
    """The cosines (queries x pieces) of each text's best piece."""
    return np.maximum.reduceat(cosines, starts, axis=1)


def unit(vectors: Vector) -> Vector:
    """The vectors over their lengths; a zero vector stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
