"""The keyword index in pure Python: Whoosh (whoosh-reloaded), for places where tantivy's wheel does not run."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from whoosh import fields, index, query, scoring
from whoosh.analysis import CharsetFilter, LowercaseFilter, RegexTokenizer, StemFilter, StopFilter
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import BufferFile
from whoosh.support.charset import accent_map

from .analysis import K1, STOP_WORDS, ceiling, fold, forms, is_readable, segment, words
from .errors import IndexCorrupt, IndexLocked
from .types import ALWAYS, FACETS, Document, Scope, Vector, Words

_LOCK_WAIT = 30.0
#: Whoosh takes time in proportion to its terms; the rarest of a long need carry its meaning.
MOST_TERMS = 256
_SPELLINGS = ("spelled", "folded")
_BM25 = scoring.BM25F(B=0.75, K1=K1)


class WhooshKeywordIndex:
    """See KeywordIndex. One instance a process; searches may come from any thread.

    Its files carry no checksums: a file cut off or overwritten is noticed, a single flipped bit may not be.
    """

    def __init__(self, folder: Path, lock_wait: float = _LOCK_WAIT) -> None:
        self._folder = folder
        self._lock_wait = lock_wait
        self._writing = threading.Lock()
        # Whoosh's readers seek and read in two steps, so that threads would read each other's places.
        self._seeking = threading.RLock()
        with self._reading():
            folder.mkdir(parents=True, exist_ok=True)
            self._index = _opened(folder)
            self._searcher = self._index.searcher(weighting=_BM25)

    @contextmanager
    def writer(self) -> Iterator[_Writer]:
        """See KeywordIndex.writer."""
        if not self._writing.acquire(timeout=self._lock_wait):
            raise IndexLocked(self._locked())
        try:
            writer = self._open_writer()
            try:
                yield _Writer(writer)
            except BaseException:
                writer.cancel()
                raise
            with self._reading():
                writer.commit()
        finally:
            self._writing.release()
        self.refresh()

    def refresh(self) -> None:
        """See KeywordIndex.refresh."""
        with self._reading():
            if not self._searcher.up_to_date():
                # Whoosh's own refresh() fails on a reader that was opened while the index was empty.
                self._searcher = self._index.searcher(weighting=_BM25)

    def search(self, text: str, scope: Scope, limit: int) -> list[tuple[int, float]]:
        """See KeywordIndex.search."""
        searcher = self._searcher
        counts = self.frequencies(text)
        if not counts:
            return []
        passing: Any = query.And([query.Term("kind", scope.wanted), *_limits(scope)])
        barred = query.Or([query.Term("id", str(id)) for id in scope.excluded]) if scope.excluded else None
        any_term = query.Or([query.Term("text", term, boost=float(count)) for term, count in counts.items()])
        with self._seeking, self._reading():
            if scope.words:
                passing = _holding(searcher.reader(), scope.words).intersection(searcher.docs_for_query(passing))
                # Whoosh takes an empty filter for none.
                if not passing:
                    return []
            found = searcher.search(any_term, limit=limit, filter=passing, mask=barred, scored=True)
            return [(int(hit["id"]), float(hit.score)) for hit in found]

    def postings(self, term: str) -> tuple[NDArray[np.int64], Vector]:
        """See KeywordIndex.postings."""
        searcher = self._searcher
        with self._seeking, self._reading():
            found = [(int(hit["id"]), hit.score) for hit in searcher.search(query.Term("text", term), limit=None)]
        return np.array([id for id, _ in found], np.int64), np.array([score for _, score in found], np.float32)

    def holding(self, words: Words) -> NDArray[np.int64]:
        """See KeywordIndex.holding."""
        searcher = self._searcher
        with self._seeking, self._reading():
            found = _holding(searcher.reader(), words)
            return np.array(sorted(int(searcher.stored_fields(place)["id"]) for place in found), np.int64)

    def vocabulary(self) -> dict[str, int]:
        """See KeywordIndex.vocabulary."""
        reader = self._searcher.reader()
        with self._seeking, self._reading():
            spelled = ((word, len(_places(reader, "spelled", word))) for word in reader.field_terms("spelled"))
            return {word: count for word, count in spelled if count and is_readable(word)}

    def ceiling(self, text: str) -> float:
        """See KeywordIndex.ceiling."""
        counts = self.frequencies(text)
        return ceiling(counts, self.weights(counts))

    def terms(self, text: str) -> dict[str, str]:
        """See KeywordIndex.terms."""
        analyzed = ((word, _term(word)) for word in words(text))
        return {word: term for word, term in analyzed if term}

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """See KeywordIndex.weights."""
        searcher = self._searcher
        with self._seeking, self._reading():
            total = searcher.doc_count_all()
            known = [(term, searcher.doc_frequency("text", term)) for term in terms]
        return {term: math.log(total / (held + 1)) + 1.0 for term, held in known if held}

    def frequencies(self, text: str) -> dict[str, int]:
        """See KeywordIndex.frequencies."""
        counts = Counter(_terms(segment(text)))
        if len(counts) <= MOST_TERMS:
            return dict(counts)
        weights = self.weights(counts)
        rarest = sorted(weights, key=lambda term: weights[term], reverse=True)[:MOST_TERMS]
        return {term: counts[term] for term in rarest}

    def count(self) -> int:
        """See KeywordIndex.count."""
        return int(self._searcher.doc_count())

    def versions(self) -> dict[int, int]:
        """See KeywordIndex.versions."""
        with self._seeking, self._reading():
            return {int(stored["id"]): int(stored["version"]) for stored in self._searcher.all_stored_fields()}

    def _open_writer(self) -> Any:
        deadline = time.monotonic() + self._lock_wait
        while True:
            try:
                with self._reading():
                    return self._index.writer()
            except index.LockError:
                if time.monotonic() > deadline:
                    raise IndexLocked(self._locked()) from None
                time.sleep(0.05)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Whatever Whoosh trips over in files it cannot read, as IndexCorrupt."""
        try:
            yield
        except index.LockError:
            raise
        except Exception as error:
            raise IndexCorrupt(self._corrupt(error)) from error

    def _corrupt(self, error: Exception) -> str:
        return f"The keyword index in {self._folder} cannot be read ({error}). Mend it with: matchmaker index rebuild"

    def _locked(self) -> str:
        return f"Another process is writing the keyword index in {self._folder}. Wait for it to finish, or stop it."


class _Writer:
    def __init__(self, writer: Any) -> None:
        self._writer = writer
        # Whoosh replaces and removes only what earlier writers committed; what this one put has to be forgotten here.
        self._put: dict[int, int] = {}

    def put(self, document: Document) -> None:
        """See KeywordWriter.put."""
        self._forget(document.id)
        self._put[document.id] = self._writer.docnum
        text, spelled, folded = forms(document.text)
        facets = {facet: " ".join(codes) for facet, codes in document.facets.items()}
        self._writer.update_document(
            id=str(document.id),
            version=document.version,
            kind=document.kind,
            published=document.published,
            text=text,
            spelled=spelled,
            folded=folded,
            **facets,
        )

    def remove(self, id: int) -> None:
        """See KeywordWriter.remove."""
        self._forget(id)
        self._writer.delete_by_term("id", str(id))

    def _forget(self, id: int) -> None:
        if id in self._put:
            self._writer.newsegment.delete_document(self._put.pop(id))


_FOLDING = RegexTokenizer(r"\S+") | LowercaseFilter() | CharsetFilter(accent_map)
# Stop words keep their places, so that a phrase does not reach over them.
_ANALYZER = _FOLDING | StopFilter(stoplist=STOP_WORDS, minsize=1, renumber=False) | StemFilter()


def _terms(text: str) -> list[str]:
    return [token.text for token in _ANALYZER(text, mode="query") if len(token.text) <= 64]


def _limits(scope: Scope) -> Iterator[Any]:
    """What the scope asks for beside the kind and the words."""
    for facet, codes in scope.filters.items():
        yield query.Or([query.Term(facet, code) for code in codes])
    if scope.published != ALWAYS:
        since, until = (None if math.isinf(bound) else bound for bound in scope.published)
        yield query.NumericRange("published", since, until, endexcl=True)


def _holding(reader: Any, words: Words) -> set[int]:
    """The numbers of the documents that are as the words ask."""
    held = set(reader.all_doc_ids())
    for found in (*(_phrase(reader, text) for text in words.phrases), *(_begun(reader, b) for b in words.beginnings)):
        held = held if found is None else held & found
    for found in (_phrase(reader, text) for text in words.barred):
        held = held if found is None else held - found
    return held


def _phrase(reader: Any, text: str) -> set[int] | None:
    """The documents where the terms of the text follow each other; None without terms."""
    tokens = [(token.pos, token.text) for token in _ANALYZER(segment(text), mode="query", positions=True)]
    starts = [
        {doc: {place - position for place in places} for doc, places in _places(reader, "text", term).items()}
        for position, term in tokens
        if len(term) <= 64
    ]
    if not starts:
        return None
    first, *others = starts
    return {doc for doc, at in first.items() if at.intersection(*(other.get(doc, ()) for other in others))}


def _begun(reader: Any, text: str) -> set[int] | None:
    """The documents where some word begins so; of several words the last is a beginning. None without words."""
    *whole, beginning = [token.text for token in _FOLDING(segment(text))] or [""]
    if not beginning:
        return None
    begun: set[int] = set()
    for field in _SPELLINGS:
        for word in reader.expand_prefix(field, beginning):
            begun.update(_places(reader, field, word.decode("utf-8")))
    for word in whole:
        begun &= {doc for field in _SPELLINGS for doc in _places(reader, field, word)}
    return begun


def _places(reader: Any, field: str, term: str) -> dict[int, list[int]]:
    """The documents that hold the term, with its positions where the field has them."""
    if (field, term) not in reader:
        return {}
    matcher, found = reader.postings(field, term), {}
    while matcher.is_active():
        found[matcher.id()] = matcher.value_as("positions") if field == "text" else []
        matcher.next()
    return found


@lru_cache(100_000)
def _term(word: str) -> str:
    return next(iter(_terms(fold(word))), "")


class _Storage(FileStorage):
    """Whoosh leaves a table of contents that it cannot read open, so it is given a copy in memory."""

    def open_file(self, name: str, **options: Any) -> Any:
        if name.endswith(".toc"):
            return BufferFile(memoryview((Path(self.folder) / name).read_bytes()), name=name)
        return super().open_file(name, **options)


def _opened(folder: Path) -> Any:
    """The index in the folder; a new one in a folder without any."""
    storage = _Storage(str(folder))
    if _is_new(folder):
        lock = storage.lock("MAIN_WRITELOCK")
        lock.acquire(blocking=True)
        try:
            # Creating deletes what is there, so another process must not have done it meanwhile.
            if _is_new(folder):
                return storage.create_index(_schema())
        finally:
            lock.release()
    opened = storage.open_index()
    if opened.schema.names() != _schema().names():
        raise ValueError("it was made for other fields")
    return opened


def _is_new(folder: Path) -> bool:
    return not any(path.suffix in (".toc", ".seg") for path in folder.iterdir())


def _schema() -> Any:
    codes = {name: fields.KEYWORD(stored=False) for name in ("kind", *FACETS)}
    return fields.Schema(
        id=fields.ID(stored=True, unique=True),
        version=fields.STORED,
        published=fields.NUMERIC(float),
        text=fields.TEXT(analyzer=_ANALYZER),
        # Beginnings and spellings cannot be read off the stems.
        spelled=fields.KEYWORD(),
        folded=fields.KEYWORD(analyzer=_FOLDING),
        **codes,
    )
