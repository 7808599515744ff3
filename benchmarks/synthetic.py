"""A catalogue of any size whose words, vectors and facets behave like real ones.

Its texts recombine sentences of real texts: a listing takes an anchor text and draws sentences from the texts nearest
to it, so that words occur together, and are as rare, as in writing. Its vector is the mean of those texts' vectors
with noise. The same seed gives the same catalogue, block by block, so that a million listings need not fit in memory.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pycountry
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from models.taxonomy import CATEGORIES, PARTNERSHIPS
from search_index.passages import split
from search_index.types import Document, Entry, Filters, Vector

#: Listings in a block.
BLOCK = 10_000
#: A listing's body ends with the sentence that reaches so many words.
WORDS = 100
#: What the noise adds to a vector, as a share of a unit vector's length.
NOISE = 0.4
#: Each code of a facet once, the commonest first where one is commoner than others.
CODES: dict[str, tuple[str, ...]] = {
    "category": tuple(CATEGORIES),
    "country": tuple(sorted(country.alpha_2 for country in pycountry.countries)),
    "trl": tuple(map(str, range(1, 10))),
    "partnership": tuple(PARTNERSHIPS),
    "sdg": tuple(map(str, range(1, 18))),
    "language": ("en", "es", "fr", "zh", "ar", "de", "pt"),
}

#: Facet by facet, the places in CODES that each listing holds, `(n, most)`; -1 where it holds fewer.
Held = dict[str, NDArray[np.int64]]

_NEIGHBOURS = 24
_DRAWN = 24
_LINES = ("title", "name", "sector")
_BODIES = ("objective", "description", "text")


def read_texts(listings: Path, collections: Path) -> list[tuple[str, str]]:
    """Title and body of every text of the folders' CSV files and English collections, each body once."""
    rows: list[dict[str, str]] = []
    for path in sorted(listings.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    for path in sorted(collections.glob("*/corpus.jsonl")):
        with path.open(encoding="utf-8") as file:
            rows += map(json.loads, file)
    found = {_first(row, _BODIES): _first(row, _LINES) for row in rows}
    return [(title, body) for body, title in found.items() if body]


@dataclass(frozen=True)
class Sources:
    """Real texts cut into sentences, with a unit vector each, `(texts, d)`."""

    titles: Sequence[str]
    sentences: Sequence[str]
    #: The number of each text's first sentence, and one past the last of all: `(texts + 1,)`.
    starts: NDArray[np.int64]
    vectors: Vector

    @classmethod
    def of(cls, texts: Sequence[tuple[str, str]], vectors: Vector) -> Sources:
        """Cut the bodies; every one holds a sentence at least."""
        cut = [[body[start:end] for start, end in split(body)] for _, body in texts]
        starts = np.cumsum([0, *map(len, cut)])
        titles = [title or sentences[0] for (title, _), sentences in zip(texts, cut, strict=True)]
        return cls(titles, [sentence for sentences in cut for sentence in sentences], starts, vectors)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Words of each sentence."""
        return np.array([len(sentence.split()) for sentence in self.sentences])

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """The nearest texts of each, itself among them."""
        kept = min(_NEIGHBOURS, len(self.titles))
        return np.argpartition(-(self.vectors @ self.vectors.T), kept - 1, axis=1)[:, :kept]


@dataclass(frozen=True)
class Block:
    """Consecutive listings. Texts and vectors are made when asked for: who fills one index needs only one of them."""

    ids: range
    kinds: Sequence[str]
    held: Held
    published: NDArray[np.float64]
    _texts: Callable[[], list[tuple[str, str]]]
    _vectors: Callable[[], Vector]

    @property
    def entries(self) -> list[Entry]:
        """The listings without their texts."""
        return [
            Entry(id, 1, kind, facets=facets, published=published)
            for id, kind, facets, published in zip(
                self.ids, self.kinds, _spelt(self.held, len(self.ids)), self.published.tolist(), strict=True
            )
        ]

    @property
    def documents(self) -> list[Document]:
        """The listings with their texts."""
        return [
            Document(
                entry.id, 1, entry.kind, title, body, facets=entry.facets, published=entry.published, language="en"
            )
            for entry, (title, body) in zip(self.entries, self._texts(), strict=True)
        ]

    @property
    def vectors(self) -> Vector:
        """Their unit vectors, `(n, d)`."""
        return self._vectors()


def blocks(sources: Sources, listings: int, seed: int = 1) -> Iterator[Block]:
    """The catalogue of so many listings, ids from 1. A smaller one is the beginning of a larger one."""
    for number, first in enumerate(range(0, listings, BLOCK)):
        yield _block(sources, first + 1, min(BLOCK, listings - first), seed, number)


def _block(sources: Sources, first: int, size: int, seed: int, number: int) -> Block:
    # All of a block is drawn at its full size, so that a catalogue's last block begins like a full one.
    random = np.random.default_rng([seed, number])
    anchors = random.integers(len(sources.titles), size=BLOCK)[:size]
    texts = sources.neighbours[
        anchors[:, None], random.integers(sources.neighbours.shape[1], size=(BLOCK, _DRAWN))[:size]
    ]
    counts = np.diff(sources.starts)[texts]
    drawn = sources.starts[texts] + (random.random((BLOCK, _DRAWN))[:size] * counts).astype(np.int64)
    words = sources.lengths[drawn].cumsum(1)
    taken = np.minimum((words < WORDS).sum(1) + 1, _DRAWN)
    kinds = np.where(random.random(BLOCK)[:size] < 0.1, "need", "offer").tolist()
    published = random.integers(1_600_000_000, 1_700_000_000, BLOCK)[:size].astype(np.float64)
    held = {facet: codes[:size] for facet, codes in _facets(random).items()}
    held["category"] = _category(sources)[anchors, None]

    def make_texts() -> list[tuple[str, str]]:
        return [
            (sources.titles[anchor], " ".join([sources.sentences[i] for i in row[:end]]))
            for anchor, row, end in zip(anchors.tolist(), drawn.tolist(), taken.tolist(), strict=True)
        ]

    def make_vectors() -> Vector:
        inside = np.arange(_DRAWN) < taken[:, None]
        ends = np.concatenate([[0], taken.cumsum()])
        shares = csr_matrix(
            (np.repeat(1 / taken, taken).astype(np.float32), texts[inside], ends), shape=(size, len(sources.titles))
        )
        dimension = sources.vectors.shape[1]
        noise = np.random.default_rng([seed, number, 1]).standard_normal((size, dimension), np.float32)
        vectors = shares @ sources.vectors + noise * np.float32(NOISE / np.sqrt(dimension))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    return Block(range(first, first + size), kinds, held, published, make_texts, make_vectors)


def _facets(random: np.random.Generator) -> Held:
    """Countries fall like 1 / (rank + 1): about 10 % hold the first, 1 % the 19th and 0.1 % one near the 200th."""
    return {
        "country": _one(random, CODES["country"], 1 / np.arange(2, len(CODES["country"]) + 2), unknown=0.05),
        "trl": _one(random, CODES["trl"], np.ones(9), unknown=0.3),
        "partnership": _two(random, CODES["partnership"]),
        "sdg": _two(random, CODES["sdg"]),
        "language": _one(random, CODES["language"], 0.3 ** np.arange(len(CODES["language"])), unknown=0.0),
    }


def _one(
    random: np.random.Generator, codes: Sequence[str], weights: NDArray[np.float64], unknown: float
) -> NDArray[np.int64]:
    chosen = random.choice(len(codes), (BLOCK, 1), p=weights / weights.sum())
    return np.where(random.random((BLOCK, 1)) < unknown, -1, chosen)


def _two(random: np.random.Generator, codes: Sequence[str]) -> NDArray[np.int64]:
    """None, one or two different codes."""
    first = random.integers(len(codes), size=BLOCK)
    second = (first + random.integers(1, len(codes), BLOCK)) % len(codes)
    number = random.integers(3, size=BLOCK)
    return np.stack([np.where(number > 0, first, -1), np.where(number > 1, second, -1)], axis=1)


def _category(sources: Sources) -> NDArray[np.int64]:
    """The category of each text: of as many texts spread over the sources, the one it is nearest to."""
    seeds = np.linspace(0, len(sources.titles) - 1, len(CODES["category"])).astype(np.int64)
    return np.argmax(sources.vectors @ sources.vectors[seeds].T, axis=1)


def _spelt(held: Held, size: int) -> list[Filters]:
    """The facets of each listing as the engine takes them; unknown ones are absent."""
    out: list[Filters] = [{} for _ in range(size)]
    for facet, columns in held.items():
        codes = CODES[facet]
        for facets, row in zip(out, columns.tolist(), strict=True):
            if known := tuple([codes[code] for code in row if code >= 0]):
                facets[facet] = known
    return out


def _first(row: dict[str, str], names: Sequence[str]) -> str:
    return next((" ".join(row[name].split()) for name in names if row.get(name)), "")
