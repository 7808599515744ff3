"""Judged collections as trials: the same documents searched with needs of three lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matchmaker.services.evaluation import Collection
from search_index.protocols import KeywordIndex
from search_index.types import Document

#: A question with fewer relevant documents than this cannot give half of them away.
_LEAST_RELEVANT = 4


@dataclass(frozen=True)
class Trial:
    """Documents numbered from 1, queries, and matrices (queries x documents) of gains and of what may be found."""

    name: str
    documents: tuple[Document, ...]
    queries: tuple[str, ...]
    gains: NDArray[np.float32]
    allowed: NDArray[np.bool_]

    def kept(self, queries: Iterable[int]) -> Trial:
        """The trial with these of its queries only."""
        rows = list(queries)
        return replace(
            self,
            queries=tuple(self.queries[row] for row in rows),
            gains=self.gains[rows],
            allowed=self.allowed[rows],
        )


def as_judged(collection: Collection) -> Trial:
    """The collection's own queries. As in `matchmaker evaluate`, none finds the document of its own id."""
    column = {id: number for number, (id, _, _) in enumerate(collection.documents)}
    gains = np.zeros((len(collection.queries), len(column)), np.float32)
    allowed = np.ones(gains.shape, np.bool_)
    for row, (id, _) in enumerate(collection.queries):
        for document, gain in collection.judged[id].items():
            gains[row, column[document]] = gain
        if id in column:
            allowed[row, column[id]] = False
    documents = tuple(
        Document(n, 1, "offer", title, text) for n, (_, title, text) in enumerate(collection.documents, 1)
    )
    return Trial(collection.name, documents, tuple(text for _, text in collection.queries), gains, allowed)


def lines(trial: Trial) -> Trial:
    """Each need's first line: a sentence or a title."""
    return replace(trial, queries=tuple(text.split("\n", 1)[0] for text in trial.queries))


def few_words(trial: Trial, keywords: KeywordIndex, count: int = 3) -> Trial:
    """The rarest words of each need that the index knows, in their order: what goes into a search box."""

    def rarest(text: str) -> str:
        terms = keywords.terms(text)
        weights = keywords.weights(set(terms.values()))
        best = sorted((word for word in terms if terms[word] in weights), key=lambda word: -weights[terms[word]])
        return " ".join(word for word in terms if word in best[:count])

    short = replace(trial, queries=tuple(rarest(text) for text in trial.queries))
    return short.kept(row for row, text in enumerate(short.queries) if text)


def joined(trial: Trial) -> Trial:
    """Each question followed by half of its relevant documents, which leaves the other half to be found."""
    queries = list(trial.queries)
    gains, allowed = trial.gains.copy(), trial.allowed.copy()
    kept = []
    for row, question in enumerate(queries):
        relevant = np.flatnonzero((gains[row] > 0) & allowed[row])
        if len(relevant) < _LEAST_RELEVANT:
            continue
        given = relevant[: len(relevant) // 2]
        queries[row] = "\n".join([question, *(trial.documents[column].text for column in given)])
        gains[row, given], allowed[row, given] = 0, False
        kept.append(row)
    return replace(trial, queries=tuple(queries), gains=gains, allowed=allowed).kept(kept)


def turned(trial: Trial) -> Trial:
    """Documents as needs and needs as documents; only for documents that some need judges."""
    documents = tuple(Document(n, 1, "offer", text, "") for n, text in enumerate(trial.queries, 1))
    gains = np.ascontiguousarray(trial.gains.T)
    wanted = np.flatnonzero(gains.any(axis=1))
    queries = tuple(document.text for document in trial.documents)
    return Trial(trial.name, documents, queries, gains, np.ascontiguousarray(trial.allowed.T)).kept(wanted)


def unchanged(trial: Trial) -> Trial:
    """The needs as they are, where they are pages already."""
    return trial


#: How each English collection comes by needs of a page or more.
LONG: dict[str, Callable[[Trial], Trial]] = {
    "cordis-titles": turned,
    "cranfield": joined,
    "sample": unchanged,
    "sustainable-tools": joined,
}
