"""The default keyword index: tantivy, on disk, one writer, BM25."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import tantivy

from . import tantivy_files
from .analysis import K1, STOP_WORDS, fold, segment, words
from .errors import IndexCorrupt, IndexLocked
from .types import FACETS, Document, Scope

_HEAP = 64_000_000
_KINDS = ("offer", "need")
_LOCK_WAIT = 30.0
#: More terms than any need of two pages has; past it a query is noise or an attack.
MOST_TERMS = 2000


class TantivyKeywordIndex:
    """See KeywordIndex. One instance a process; searches may come from any thread."""

    def __init__(self, folder: Path, lock_wait: float = _LOCK_WAIT) -> None:
        self._folder = folder
        self._lock_wait = lock_wait
        self._analyzer = _analyzer()
        self._term = lru_cache(100_000)(lambda word: next(iter(self._analyzer.analyze(fold(word))), ""))
        # Threads of one process wait here; other processes at tantivy's lock file.
        self._writing = threading.Lock()
        self._schema = _schema()
        with self._reading():
            folder.mkdir(parents=True, exist_ok=True)
            tantivy_files.check(folder)
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._index.register_tokenizer("words", self._analyzer)
            self._index.reload()
            self._searcher = self._index.searcher()

    @contextmanager
    def writer(self) -> Iterator[_Writer]:
        """See KeywordIndex.writer."""
        if not self._writing.acquire(timeout=self._lock_wait):
            raise IndexLocked(_locked(self._folder))
        try:
            writer = self._open_writer()
            try:
                yield _Writer(self._schema, writer)
                with self._reading():
                    writer.commit()
            except BaseException:
                with suppress(ValueError):  # a writer that failed on damaged files cannot roll back either
                    writer.rollback()
                raise
            finally:
                # Waiting lets merges finish and gives the lock file back now, not when memory is collected.
                with self._reading():
                    writer.wait_merging_threads()
        finally:
            self._writing.release()
        self.refresh()

    def refresh(self) -> None:
        """See KeywordIndex.refresh."""
        with self._reading():
            self._index.reload()
            self._searcher = self._index.searcher()

    def search(self, text: str, scope: Scope, limit: int) -> list[tuple[int, float]]:
        """See KeywordIndex.search."""
        searcher = self._searcher
        counts = self._query_terms(text)
        if not counts or not searcher.num_docs:
            return []
        any_term = tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, self._term_query(term, count)) for term, count in counts.items()]
        )
        clauses = [(tantivy.Occur.Must, any_term), (tantivy.Occur.Must, self._filter("kind", (scope.wanted,)))]
        clauses += [(tantivy.Occur.Must, self._filter(facet, codes)) for facet, codes in scope.filters.items()]
        if scope.excluded:
            none = tantivy.Query.term_set_query(self._schema, "id", list(scope.excluded))
            clauses.append((tantivy.Occur.MustNot, none))
        with self._reading():
            found = searcher.search(tantivy.Query.boolean_query(clauses), limit=limit, count=False).hits
            ids = searcher.fast_field_values("id", [address for _, address in found])
        return [(id, score) for id, (score, _) in zip(ids, found, strict=True)]

    def ceiling(self, text: str) -> float:
        """See KeywordIndex.ceiling."""
        counts = self._query_terms(text)
        return sum(counts[term] * weight * (K1 + 1) for term, weight in self.weights(counts).items())

    def terms(self, text: str) -> dict[str, str]:
        """See KeywordIndex.terms."""
        analyzed = ((word, self._term(word)) for word in words(text))
        return {word: term for word, term in analyzed if term}

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """See KeywordIndex.weights."""
        searcher = self._searcher
        with self._reading():
            # BM25 counts deleted documents until they are merged away, num_docs does not; each holds one kind.
            total = sum(searcher.doc_freq("kind", kind) for kind in _KINDS)
            known = [(term, searcher.doc_freq("text", term)) for term in terms]
        return {term: math.log(1 + (total - held + 0.5) / (held + 0.5)) for term, held in known if held}

    def frequencies(self, text: str) -> dict[str, int]:
        """See KeywordIndex.frequencies."""
        return self._query_terms(text)

    def count(self) -> int:
        """See KeywordIndex.count."""
        return int(self._searcher.num_docs)

    def versions(self) -> dict[int, int]:
        """See KeywordIndex.versions."""
        searcher = self._searcher
        if not searcher.num_docs:
            return {}
        with self._reading():
            found = searcher.search(tantivy.Query.all_query(), limit=searcher.num_docs, count=False).hits
            addresses = [address for _, address in found]
            ids = searcher.fast_field_values("id", addresses)
            return dict(zip(ids, searcher.fast_field_values("version", addresses), strict=True))

    def _open_writer(self) -> Any:
        deadline = time.monotonic() + self._lock_wait
        while True:
            try:
                return self._index.writer(_HEAP, num_threads=1)
            except ValueError as error:
                if "lock" not in str(error).lower():
                    raise IndexCorrupt(_corrupt(self._folder, error)) from error
                if time.monotonic() > deadline:
                    raise IndexLocked(_locked(self._folder)) from error
                time.sleep(0.05)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Whatever tantivy says or does about files it cannot read, as IndexCorrupt."""
        try:
            yield
        except (ValueError, OSError) as error:
            raise IndexCorrupt(_corrupt(self._folder, error)) from error
        except BaseException as error:
            # A panic in Rust is no Exception, and its class cannot be imported.
            if type(error).__name__ != "PanicException":
                raise
            raise IndexCorrupt(_corrupt(self._folder, error)) from error

    def _query_terms(self, text: str) -> dict[str, int]:
        return dict(Counter(self._analyzer.analyze(segment(text))).most_common(MOST_TERMS))

    def _term_query(self, term: str, count: int) -> Any:
        query = tantivy.Query.term_query(self._schema, "text", term)
        return query if count == 1 else tantivy.Query.boost_query(query, float(count))

    def _filter(self, field: str, codes: tuple[str, ...]) -> Any:
        """A clause that must hold and adds nothing to the score."""
        return tantivy.Query.const_score_query(tantivy.Query.term_set_query(self._schema, field, list(codes)), 0.0)


class _Writer:
    def __init__(self, schema: Any, writer: Any) -> None:
        self._schema = schema
        self._writer = writer

    def put(self, document: Document) -> None:
        """See KeywordWriter.put."""
        self.remove(document.id)
        stored: dict[str, Any] = {
            "id": document.id,
            "version": document.version,
            "kind": document.kind,
            "text": segment(document.text),
            **{facet: list(codes) for facet, codes in document.facets.items()},
        }
        self._writer.add_document(tantivy.Document(**stored))

    def remove(self, id: int) -> None:
        """See KeywordWriter.remove."""
        self._writer.delete_documents_by_term("id", id)


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", indexed=True, fast=True)
    builder.add_integer_field("version", fast=True)
    builder.add_text_field("text", tokenizer_name="words")
    for name in ("kind", *FACETS):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    return builder.build()


def _analyzer() -> Any:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
        .filter(tantivy.Filter.remove_long(64))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(sorted(STOP_WORDS)))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def _corrupt(folder: Path, error: BaseException) -> str:
    return f"The keyword index in {folder} cannot be read ({error}). Mend it with: matchmaker index rebuild"


def _locked(folder: Path) -> str:
    return f"Another process is writing the keyword index in {folder}. Wait for it to finish, or stop it."
