"""The default keyword index: tantivy, on disk, one writer, BM25."""

from __future__ import annotations

import math
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray

from . import tantivy_files
from .analysis import STOP_WORDS, ceiling, fold, forms, is_readable, segment, words
from .errors import IndexCorrupt, IndexLocked
from .types import ALWAYS, FACETS, Document, Scope, Vector, Words

_HEAP = 64_000_000
_KINDS = ("offer", "need")
_SPELLINGS = ("spelled", "folded")
_LOCK_WAIT = 30.0
#: More terms than any need of two pages has; past it a query is noise or an attack.
MOST_TERMS = 2000


class TantivyKeywordIndex:
    """See KeywordIndex. One instance a process; searches may come from any thread."""

    def __init__(self, folder: Path, lock_wait: float = _LOCK_WAIT) -> None:
        self._folder = folder
        self._lock_wait = lock_wait
        self._analyzer = _analyzer()
        self._folding = _folding()
        self._term = lru_cache(100_000)(lambda word: next(iter(self._analyzer.analyze(fold(word))), ""))
        # One search asks for its terms in the scope, again for each filter taken away, and for the ceiling.
        self._frequencies = lru_cache(32)(self._count_terms)
        self._all_ids = lru_cache(1)(lambda searcher: _ids(searcher, tantivy.Query.all_query()))
        # Threads of one process wait here; other processes at tantivy's lock file.
        self._writing = threading.Lock()
        self._schema = _schema()
        with self._reading():
            folder.mkdir(parents=True, exist_ok=True)
            tantivy_files.check(folder)
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._index.register_tokenizer("words", self._analyzer)
            self._index.register_tokenizer("spelled", _spelling().build())
            self._index.register_tokenizer("folding", self._folding)
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
        counts = self._frequencies(text)
        if not counts or not searcher.num_docs:
            return []
        any_term = _any(self._term_query(term, count) for term, count in counts.items())
        required, barred = self._clauses(scope)
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, any_term),
                # What must hold adds nothing to the score.
                *((tantivy.Occur.Must, tantivy.Query.const_score_query(clause, 0.0)) for clause in required),
                *((tantivy.Occur.MustNot, clause) for clause in barred),
            ]
        )
        with self._reading():
            found = searcher.search(query, limit=limit, count=False).hits
            ids = searcher.fast_field_values("id", [address for _, address in found])
        return [(id, score) for id, (score, _) in zip(ids, found, strict=True)]

    def postings(self, term: str) -> tuple[NDArray[np.int64], Vector]:
        """See KeywordIndex.postings."""
        searcher = self._searcher
        if not searcher.num_docs:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        with self._reading():
            most = max(searcher.doc_freq("text", term), 1)
            found = searcher.search(self._term_query(term, 1), limit=most, count=False).hits
            ids = searcher.fast_field_values("id", [address for _, address in found])
        return np.array(ids, np.int64), np.array([score for score, _ in found], np.float32)

    def holding(self, words: Words) -> NDArray[np.int64]:
        """See KeywordIndex.holding."""
        searcher = self._searcher
        required, barred = self._word_clauses(words)
        with self._reading():
            # Nearly all documents are free of what is barred; the others are fewer to read.
            held = _ids(searcher, _all(required)) if required else self._all_ids(searcher)
            return np.setdiff1d(held, _ids(searcher, _any(barred)), assume_unique=True) if barred else held

    def vocabulary(self) -> dict[str, int]:
        """See KeywordIndex.vocabulary."""
        with self._reading():
            # Without a query, what only deleted documents hold would be there too.
            found = self._searcher.terms_with_prefix("spelled", "", filter_query=tantivy.Query.all_query())
        return {word: count for word, count in found if is_readable(word)}

    def ceiling(self, text: str) -> float:
        """See KeywordIndex.ceiling."""
        counts = self._frequencies(text)
        return ceiling(counts, self.weights(counts))

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
        return self._frequencies(text)

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
                if "LockBusy" not in str(error):
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

    def _count_terms(self, text: str) -> dict[str, int]:
        return dict(Counter(self._analyzer.analyze(segment(text))).most_common(MOST_TERMS))

    def _term_query(self, term: str, count: int) -> Any:
        query = tantivy.Query.term_query(self._schema, "text", term)
        return query if count == 1 else tantivy.Query.boost_query(query, float(count))

    def _clauses(self, scope: Scope) -> tuple[list[Any], list[Any]]:
        """What must hold of a document in the scope, and what must not."""
        required, barred = self._word_clauses(scope.words)
        required.append(self._one_of("kind", (scope.wanted,)))
        required += [self._one_of(facet, codes) for facet, codes in scope.filters.items()]
        if scope.published != ALWAYS:
            since, until = map(float, scope.published)
            kind = tantivy.FieldType.Float
            required.append(
                tantivy.Query.range_query(self._schema, "published", kind, since, until, include_upper=False)
            )
        if scope.excluded:
            barred.append(self._one_of("id", scope.excluded))
        return required, barred

    def _word_clauses(self, words: Words) -> tuple[list[Any], list[Any]]:
        """The same for the words alone."""
        required = [*map(self._phrase, words.phrases), *map(self._beginning, words.beginnings)]
        return [*filter(None, required)], [*filter(None, map(self._phrase, words.barred))]

    def _phrase(self, text: str) -> Any:
        """Whether the terms of the text follow each other, stop words keeping their places; None without terms."""
        terms = [(token.position, token.text) for token in self._analyzer.pre_tokenize(segment(text)).tokens]
        if len(terms) > 1:
            return tantivy.Query.phrase_query(self._schema, "text", terms)
        return self._one_of("text", [term for _, term in terms]) if terms else None

    def _beginning(self, text: str) -> Any:
        """Whether some word begins so; of several words the last is a beginning. None without words."""
        *whole, beginning = self._folding.analyze(segment(text)) or [""]
        if not beginning:
            return None
        pattern = re.escape(beginning) + ".*"
        clauses = [_any(self._one_of(field, [word]) for field in _SPELLINGS) for word in whole]
        clauses.append(_any(tantivy.Query.regex_query(self._schema, field, pattern) for field in _SPELLINGS))
        return _all(clauses)

    def _one_of(self, field: str, values: Iterable[str | int]) -> Any:
        return tantivy.Query.term_set_query(self._schema, field, list(values))


class _Writer:
    def __init__(self, schema: Any, writer: Any) -> None:
        self._schema = schema
        self._writer = writer

    def put(self, document: Document) -> None:
        """See KeywordWriter.put."""
        self.remove(document.id)
        text, spelled, folded = forms(document.text)
        stored: dict[str, Any] = {
            "id": document.id,
            "version": document.version,
            "kind": document.kind,
            # An int would end tantivy's thread.
            "published": float(document.published),
            "text": text,
            "spelled": spelled,
            "folded": folded,
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
    builder.add_float_field("published", fast=True)
    builder.add_text_field("text", tokenizer_name="words")
    # Beginnings and spellings cannot be read off the stems.
    builder.add_text_field("spelled", tokenizer_name="spelled", index_option="basic")
    builder.add_text_field("folded", tokenizer_name="folding", index_option="basic")
    for name in ("kind", *FACETS):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    return builder.build()


def _spelling() -> Any:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.remove_long(64))


def _folding() -> Any:
    return _spelling().filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold()).build()


def _analyzer() -> Any:
    return (
        _spelling()
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(sorted(STOP_WORDS)))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def _all(clauses: Iterable[Any]) -> Any:
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, clause) for clause in clauses])


def _any(clauses: Iterable[Any]) -> Any:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, clause) for clause in clauses])


def _ids(searcher: Any, query: Any) -> NDArray[np.int64]:
    """The ids of all documents that answer the query, in ascending order."""
    if not searcher.num_docs:
        return np.empty(0, np.int64)
    ascending = tantivy.Order.Asc
    found = searcher.search(query, searcher.num_docs, count=False, order_by_field="id", order=ascending).hits
    return np.fromiter((id for id, _ in found), np.int64, len(found))


def _corrupt(folder: Path, error: BaseException) -> str:
    return f"The keyword index in {folder} cannot be read ({error}). Mend it with: matchmaker index rebuild"


def _locked(folder: Path) -> str:
    return f"Another process is writing the keyword index in {folder}. Wait for it to finish, or stop it."
