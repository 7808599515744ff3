"""The seams of the engine. Whatever implements one of these passes its contract suite in tests/contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .columns import Bits
from .evidence import Evidence
from .types import Document, Encoded, Entry, Hit, Scope, SearchQuery, SearchResult, Vector, Words

Progress = Callable[[int], object]


class Embedder(Protocol):
    """Turns texts into unit vectors with passages. `name` changes whenever the vectors would."""

    name: str

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        """One `Encoded` a text, in order; an empty text gives the zero vector. `progress` hears of texts done."""
        ...


class VectorIndex(Protocol):
    """Unit vectors under integer ids, with the filter columns of their documents."""

    def put(self, entries: Sequence[Entry], vectors: Vector) -> None:
        """Add or replace; `vectors` is `(n, d)`. Raises ValueError on a wrong size, NaN or infinity."""
        ...

    def remove(self, ids: Iterable[int]) -> None:
        """Forget the ids; unknown ones are fine."""
        ...

    def search(self, vector: Vector, mask: Bits, limit: int) -> tuple[NDArray[np.int64], Vector]:
        """Row numbers and cosines of the best `limit` rows under the mask, best first; exact."""
        ...


class KeywordIndex(Protocol):
    """BM25 over title and body."""

    def writer(self) -> AbstractContextManager[KeywordWriter]:
        """The one writer; waits for another to finish, then raises IndexLocked. Commits on leaving without error."""
        ...

    def refresh(self) -> None:
        """See what any process has committed."""
        ...

    def search(self, text: str, scope: Scope, limit: int) -> list[tuple[int, float]]:
        """(id, BM25 score) of the best `limit` documents in the scope that hold any term of the text."""
        ...

    def postings(self, term: str) -> tuple[NDArray[np.int64], Vector]:
        """The ids of all documents, of either kind, that hold the index term, and its BM25 score in each.

        Times how often a query holds each term, these add up to the scores that `search` gives.
        """
        ...

    def holding(self, words: Words) -> NDArray[np.int64]:
        """The ids of all documents, of either kind, whose text is as the words ask; in ascending order."""
        ...

    def vocabulary(self) -> dict[str, int]:
        """Every word of the texts as it is written, in lower case, with the number of documents that hold it."""
        ...

    def ceiling(self, text: str) -> float:
        """The highest score any document could reach for the text: every term, saturated. 0 without known terms."""
        ...

    def terms(self, text: str) -> dict[str, str]:
        """Each word of the text, in lower case, with its index term; stop words are absent."""
        ...

    def frequencies(self, text: str) -> dict[str, int]:
        """How often each index term stands in the text, as far as a search would use it."""
        ...

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """Inverse document frequency of each term the index knows."""
        ...

    def count(self) -> int:
        """How many documents it holds."""
        ...

    def versions(self) -> dict[int, int]:
        """The version of every document, by id."""
        ...


class KeywordWriter(Protocol):
    """Changes that become visible together."""

    def put(self, document: Document) -> None:
        """Add or replace by id."""
        ...

    def remove(self, id: int) -> None:
        """Forget the id; an unknown one is fine."""
        ...


class Engine(Protocol):
    """What pages and commands search with."""

    embedder: Embedder

    def evidence(self, query: SearchQuery, hit: Hit, found: tuple[Document, Encoded | None]) -> Evidence:
        """The words and passages that a hit's score comes from; their points and the rests add up to it."""
        ...

    def search(self, query: SearchQuery) -> SearchResult:
        """Ranked hits; when a leg fails, the other's, with a notice. Raises EngineDown when neither answers."""
        ...
