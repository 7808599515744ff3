"""What goes into the engine and what comes out: frozen values without a database or a web framework behind them."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

#: Facets a search can be narrowed by, in the order pages show them. Each holds string codes.
FACETS = ("category", "country", "trl", "partnership", "sdg", "language", "status")
Filters = dict[str, tuple[str, ...]]
#: Every moment.
ALWAYS = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text's unit vector `(d,)` with its passages.

    `parts` is `(len(spans), d)`: each passage's share of the unit vector, so that `parts.sum(0)` is `vector`, and
    dot products with any other vector add up. `spans` are the passages' `[start, end)` in the text, in characters.
    """

    vector: Vector
    parts: Vector
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is held of a listing beside its vector and its words.

    `facets` maps a facet's name to its codes; an absent one is unknown. `published` is in seconds since 1970. `family`
    is a number that near-duplicates share; 0 stands for a listing that is alone.
    """

    id: int
    version: int
    kind: str
    _: KW_ONLY
    facets: Filters = field(default_factory=dict)
    published: float = 0.0
    family: int = 0


@dataclass(frozen=True, slots=True)
class Document(Entry):
    """A listing as the indexes hold it."""

    title: str
    body: str
    language: str = "und"

    @property
    def text(self) -> str:
        """What is embedded: title and body; evidence spans refer to it."""
        return f"{self.title}\n{self.body}" if self.body else self.title

    def passes(self, filters: Filters) -> bool:
        """Whether the document holds one of the codes of each filtered facet."""
        return all(set(codes) & set(self.facets.get(facet, ())) for facet, codes in filters.items())


@dataclass(frozen=True, slots=True)
class Words:
    """What a listing's text must hold: every phrase, a word for every beginning, and nothing that is barred.

    A phrase or a barred text is one word or several that follow each other, compared as they are indexed: stemmed,
    without stop words.
    """

    phrases: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.phrases or self.beginnings or self.barred)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which listings may be found at all. Both legs apply it before they rank.

    Within one facet values are alternatives, across facets they add up. `published` is `[from, until)` in seconds
    since 1970. `excluded` ids never appear.
    """

    wanted: str
    filters: Filters = field(default_factory=dict)
    published: tuple[float, float] = ALWAYS
    excluded: frozenset[int] = frozenset()
    words: Words = Words()


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search for what the scope allows.

    Without text (and vector) the newest come first. Hits scored below `least_score` never appear. `limit` and `offset`
    page through the hits. `legs` says which legs take part. With `fold`, only the best of each family is a hit of its
    own, and offset and limit count families. Of `fixed` facets no other code can be chosen, so
    none is counted.
    """

    scope: Scope
    text: str = ""
    encoded: Encoded | None = None
    sort: Literal["relevance", "newest"] = "relevance"
    least_score: float = 0.0
    legs: frozenset[Literal["vector", "keyword"]] = frozenset({"vector", "keyword"})
    fold: bool = False
    fixed: frozenset[str] = frozenset()
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True, slots=True)
class LegScore:
    """One leg's view of a hit: rank from 1, raw score (cosine or BM25), and the normalised score that is weighted."""

    rank: int
    raw: float
    normalised: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `score`, the weighted sum of the legs' normalised scores, compares across queries and filters.

    `folded` are the ids of the results that are near-duplicates of it, best first.
    """

    id: int
    score: float
    vector: LegScore | None
    keyword: LegScore | None
    folded: tuple[int, ...] = ()


class Notice(StrEnum):
    """What a search had to do without."""

    NO_VECTORS = "no_vectors"
    NO_KEYWORDS = "no_keywords"
    NO_ENGINE = "no_engine"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of hits, how many there are in all, and exact counts per facet and code over all of them.

    `families` is how many hits of their own there are when near-duplicates are folded, otherwise the same as `total`.
    A facet that is filtered counts what choosing another of its codes would give. `encoded` is the text's, for whoever
    explains the hits.
    """

    hits: tuple[Hit, ...]
    total: int
    families: int
    facets: dict[str, dict[str, int]]
    notices: tuple[Notice, ...] = ()
    encoded: Encoded | None = None
