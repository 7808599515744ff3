"""What the engine is compared with: the libraries under it, bare, and the machine's memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
import tantivy
from numpy.typing import NDArray

from search_index.types import Document, Vector

faiss: Any = _faiss
_HEAP = 64_000_000


def copied_gigabytes() -> float:
    """GB/s that numpy copies, the best of five copies of half a GiB; each byte is read and written once."""
    source = np.ones(1 << 26)
    target = np.empty_like(source)
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - begin)
    return source.nbytes / best / 1e9


def bare_vectors(dimension: int) -> Any:
    """An empty half-precision index of faiss that scans every row."""
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def best_rows(halves: NDArray[np.float16], rows: NDArray[np.int64], vector: Vector, limit: int) -> NDArray[np.int64]:
    """Brute force: of the rows those with the highest dot products, best first."""
    scores = halves[rows].astype(np.float32) @ vector
    return rows[np.argsort(-scores, kind="stable")[:limit]]


class BareTantivy:
    """A tantivy index without this project around it."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._schema = index.schema
        self._searcher = index.searcher()

    @classmethod
    def new(cls, folder: Path) -> BareTantivy:
        """An empty index with tantivy's own English analysis."""
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("id", indexed=True, fast=True)
        builder.add_text_field("text", tokenizer_name="en_stem")
        folder.mkdir()
        return cls(tantivy.Index(builder.build(), path=str(folder)))

    @classmethod
    def over(cls, folder: Path) -> BareTantivy:
        """The index that the engine has written to the folder."""
        index = tantivy.Index.open(str(folder))
        index.register_tokenizer("words", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        return cls(index)

    def write(self, documents: Iterable[Document]) -> None:
        """Add the documents, commit, wait for merges and see them."""
        writer = self._index.writer(_HEAP)
        for document in documents:
            writer.add_document(tantivy.Document(id=document.id, text=" ".join(document.text.split())))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, terms: Sequence[str], limit: int) -> Any:
        """The best by BM25 that hold any of the terms."""
        any_term = [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "text", term)) for term in terms]
        return self._searcher.search(tantivy.Query.boolean_query(any_term), limit=limit, count=False)
