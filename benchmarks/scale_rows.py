"""The rows of scale.py: each function measures one thing on an engine of one size, beside its baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import BareTantivy, bare_vectors, best_rows
from benchmarks.starting import first_answer
from benchmarks.synthetic import BLOCK, CODES, Block, Held, Sources, blocks
from search_index.batch import BLOCK as QUERIES
from search_index.batch import search_many
from search_index.embedders import HashingEmbedder
from search_index.generations import Generations
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.keywords_whoosh import WhooshKeywordIndex
from search_index.local import DEPTH, LocalEngine
from search_index.types import Encoded, Entry, Scope, SearchQuery

#: Milliseconds by size, for each (length of the needs, what was searched, percentile).
Curves = dict[tuple[str, str, int], dict[int, float]]

#: Blocks in one commit.
_COMMIT = 5
#: Commits after which tantivy's own writing is known well enough.
_BARE_COMMITS = 2
#: Listings that are changed, one after the other.
_CHANGES = 10
_SHARES = (0.1, 0.01, 0.001)
#: Whoosh is measured at this size only; it takes minutes for more.
_WHOOSH_SIZE = 10_000
_WHOOSH_NEEDS = 5
#: Needs for what is checked beside being timed.
_FEW = 20
#: Past this size batches and filled databases take many minutes.
_MINUTES = 130_000
#: Needs in a batch.
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Need:
    """A text with its vectors, so that encoding is no part of what is timed."""

    text: str
    encoded: Encoded

    def query(self, **scope: Any) -> SearchQuery:
        """The search for offers that a page would make."""
        return SearchQuery(Scope("offer", **scope), self.text, self.encoded)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    ours: str
    baseline: str = ""
    ratio: str = ""


class Bench:
    """An engine for the catalogue of one size, and the same catalogue in bare indexes."""

    def __init__(self, size: int, sources: Sources, needs: dict[str, list[Need]], folder: Path) -> None:
        self.size, self.sources, self.needs, self.folder = size, sources, needs, folder
        self.engine = LocalEngine(HashingEmbedder(), Generations(folder / "keywords"), TantivyKeywordIndex)
        self.curves: Curves = {}
        # The catalogue's ids run from 1, so that the row of a listing is its id less one.
        self.held: Held = {}
        self.offers = np.zeros(0, np.bool_)
        self.halves: NDArray[np.float16] = np.zeros((0, 0), np.float16)
        self.bare_vectors: Any = None
        self.bare_keywords: Any = None
        self.bare_writer: Any = None

    def blocks(self) -> Iterator[Block]:
        """The catalogue, made anew."""
        return blocks(self.sources, self.size)

    def bare(self, need: Need) -> tuple[float, float]:
        """Milliseconds that bare faiss and bare tantivy take for their best, of all listings."""
        terms = list(dict.fromkeys(self.engine.terms(need.text).values()))
        return (
            _milliseconds(lambda: self.bare_vectors.search(need.encoded.vector[None], DEPTH)),
            _milliseconds(lambda: self.bare_keywords.search(terms, DEPTH)),
        )


def start(bench: Bench) -> Iterator[Row]:
    """Filling the memory of a process from prepared arrays."""
    ours = 0.0
    before, held, kinds = 0, [], []
    with (bench.folder / "halves").open("wb") as file:
        for block in bench.blocks():
            entries, vectors = block.entries, block.vectors
            before = before or _kilobytes("RssAnon")
            ours += _milliseconds(partial(bench.engine.load, entries, vectors))
            file.write(vectors.astype(np.float16).tobytes())
            held.append({facet: codes.astype(np.int16) for facet, codes in block.held.items()})
            kinds += block.kinds
            dimension = vectors.shape[1]
            del entries, vectors, block
    grown = (_kilobytes("RssAnon") - before) * 1024 / bench.size
    peak = _kilobytes("VmHWM") / 2**20
    bench.held = {facet: np.concatenate([block[facet] for block in held]) for facet in CODES}
    bench.offers = np.array(kinds) == "offer"
    bench.halves = np.memmap(bench.folder / "halves", np.float16, "r", shape=(bench.size, dimension))
    bench.bare_vectors = bare_vectors(dimension)
    base = 0.0
    for first in range(0, bench.size, BLOCK):
        base += _milliseconds(partial(bench.bare_vectors.add, bench.halves[first : first + BLOCK].astype(np.float32)))
    yield Row(
        "start from prepared arrays", f"{ours / 1000:.2f} s", f"faiss add {base / 1000:.2f} s", _ratio(ours, base)
    )
    bare = 2 * dimension
    yield Row("memory of a listing", f"{grown:,.0f} bytes", f"half-precision vector {bare} bytes", _ratio(grown, bare))
    yield Row("peak memory while it is filled, the catalogue's making included", f"{peak:.2f} GiB")


def index(bench: Bench) -> Iterator[Row]:
    """Writing the keyword index, some blocks a commit."""
    bare = BareTantivy.new(bench.folder / "bare")
    ours: list[float] = []
    base: list[float] = []
    counts: list[int] = []
    source = bench.blocks()
    while group := list(islice(source, _COMMIT)):
        documents = [document for block in group for document in block.documents]
        ours.append(_milliseconds(partial(bench.engine.write, documents)))
        if len(base) < _BARE_COMMITS:
            base.append(_milliseconds(partial(bare.write, documents)))
        counts.append(len(documents))
    rate = 1000 * sum(counts) / sum(ours)
    beside = 1000 * sum(counts[: len(base)]) / sum(base)
    # Commits slow down as the index grows, so only the same ones compare.
    same = sum(base) / sum(ours[: len(base)])
    what = f"keyword indexing (ratio: of the first {sum(counts[: len(base)]):,})"
    yield Row(what, f"{rate:,.0f} listings/s", f"tantivy {beside:,.0f} listings/s", f"{same:.2f}")
    bench.bare_writer = bare
    bench.bare_keywords = BareTantivy.over(bench.engine.generations.current())


def queries(bench: Bench) -> Iterator[Row]:
    """A page's search, without the encode."""
    for length, needs in bench.needs.items():
        spent = np.array([_turn(bench, need, need.query()) for need in [*needs[:3], *needs]])[3:]
        for part, milliseconds in zip(("engine", "faiss", "tantivy"), spent.T, strict=True):
            for percentile in (50, 95):
                point = bench.curves.setdefault((length, part, percentile), {})
                point[bench.size] = float(np.percentile(milliseconds, percentile))
        yield _latency(f"search, {length}", spent)
    scan, size = bench.curves["8 terms", "faiss", 50][bench.size], bench.halves.nbytes
    yield Row("bare faiss reads", "", f"{size / scan / 1e6:.1f} GB/s")


def filtered(bench: Bench) -> Iterator[Row]:
    """Narrow filters: the time, and whether the best of the vectors under them are found."""
    needs = bench.needs["8 terms"][:_FEW]
    for share in _SHARES:
        code, rows = _country(bench, share)
        filters = {"country": (code,)}
        spent, kept, best = [], 0, 0
        for need in needs:
            query = need.query(filters=filters)
            spent.append(_turn(bench, need, query))
            hits = bench.engine.search(replace(query, legs=frozenset({"vector"}), limit=10)).hits
            wanted = set(best_rows(bench.halves, rows, need.encoded.vector, 10).tolist())
            kept += len(wanted & {hit.id - 1 for hit in hits})
            best += len(wanted)
        what = f"{len(rows) / bench.offers.sum():.2%} of the offers"
        yield _latency(f"search, 8 terms, {what}; baseline without filter", np.array(spent))
        recall = kept / max(best, 1)
        yield Row(f"recall@10 of the vector leg, {what}", f"{recall:.4f}", "brute force 1.0000", f"{recall:.4f}")


def facets(bench: Bench) -> Iterator[Row]:
    """Counts beside every code, against counting the hits one by one. Raises AssertionError on a wrong one."""
    filters = {"country": (_country(bench, 0.1)[0],)}
    checked = 0
    for need in bench.needs["1,500 characters"][:_FEW]:
        narrow = bench.engine.search(replace(need.query(filters=filters), limit=2 * DEPTH))
        wide = bench.engine.search(replace(need.query(), limit=2 * DEPTH))
        for facet in CODES:
            found = (wide if facet in filters else narrow).hits
            counted = _counted(bench, facet, np.array([hit.id - 1 for hit in found], np.int64))
            assert narrow.facets[facet] == counted, (facet, narrow.facets[facet], counted)
            checked += len(counted)
    everything = bench.engine.search(SearchQuery(Scope("offer")))
    for facet in CODES:
        counted = _counted(bench, facet, np.flatnonzero(bench.offers))
        assert everything.facets[facet] == counted, (facet, everything.facets[facet], counted)
        checked += len(counted)
    yield Row(f"facet counts, {checked:,} compared", "exact", "counted one by one", "1.00")


def change(bench: Bench) -> Iterator[Row]:
    """One changed listing, until a search finds its new word; beside it bare tantivy's adding."""
    block = next(bench.blocks())
    vectors = block.vectors
    spent = []
    for i, document in enumerate(block.documents[:_CHANGES]):
        word = f"changed{i}word"
        changed = replace(document, version=2, body=f"{document.body} {word}")
        begin = perf_counter()
        bench.engine.write([changed])
        bench.engine.load([Entry(changed.id, 2, changed.kind, facets=changed.facets)], vectors[i : i + 1])
        hits = bench.engine.search(SearchQuery(Scope(changed.kind), word, legs=frozenset({"keyword"}))).hits
        ours = (perf_counter() - begin) * 1000
        assert [hit.id for hit in hits] == [changed.id]
        spent.append((ours, 0.0, _milliseconds(partial(bench.bare_writer.write, [changed]))))
    yield _latency("a changed listing, until a search finds it", np.array(spent))


def batch(bench: Bench) -> Iterator[Row]:
    """Whole needs against all offers, beside the matrix product alone."""
    if bench.size > _MINUTES:
        return
    texts = [document.text for block in islice(bench.blocks(), 2) for document in block.documents][:_BATCH]
    vectors = bench.halves[: len(texts)].astype(np.float32)
    queries = [
        SearchQuery(Scope("offer"), text, Encoded(vector, vector[None], ((0, len(text)),)), limit=20)
        for text, vector in zip(texts, vectors, strict=True)
    ]
    offers = bench.halves[bench.offers].astype(np.float32)
    base = _milliseconds(lambda: [vectors[n : n + QUERIES] @ offers.T for n in range(0, len(vectors), QUERIES)])
    ours = _milliseconds(lambda: list(search_many(bench.engine, queries)))
    what = f"batch of {len(queries):,} needs over {len(offers):,} offers, both legs"
    yield Row(what, f"{ours / 1000:.1f} s", f"matrix product {base / 1000:.1f} s", _ratio(ours, base))


def database(bench: Bench) -> Iterator[Row]:
    """A server's first answer over a filled database."""
    if bench.size > _MINUTES:
        return
    seconds, bare = first_answer(bench.folder / "instance", bench.blocks())
    yield Row("start of a server to its first answer", f"{seconds:.1f} s", f"without listings {bare:.1f} s")


def whoosh(bench: Bench) -> Iterator[Row]:
    """The pure Python keyword index beside tantivy."""
    if bench.size != _WHOOSH_SIZE:
        return
    documents = [document for block in bench.blocks() for document in block.documents]
    pair = TantivyKeywordIndex(bench.folder / "tantivy"), WhooshKeywordIndex(bench.folder / "whoosh")

    def fill(keywords: TantivyKeywordIndex | WhooshKeywordIndex) -> None:
        with keywords.writer() as writer:
            for document in documents:
                writer.put(document)

    ours, theirs = (1000 * len(documents) / _milliseconds(partial(fill, keywords)) for keywords in pair)
    what = "keyword leg, tantivy beside Whoosh:"
    yield Row(f"{what} indexing", f"{ours:,.0f} listings/s", f"{theirs:,.0f} listings/s", _ratio(ours, theirs))
    for length, needs in bench.needs.items():
        texts = [need.text for need in needs[:_WHOOSH_NEEDS]]
        spent = [
            [_milliseconds(partial(keywords.search, text, Scope("offer"), DEPTH)) for keywords in pair]
            for text in [texts[0], *texts]
        ]
        yield Row(f"{what} {length}", *_beside(np.array(spent)[1:, 0], np.array(spent)[1:, 1]))
    ours, theirs = (_size(bench.folder / name) for name in ("tantivy", "whoosh"))
    yield Row(f"{what} on disk", f"{ours / 1e6:.1f} MB", f"{theirs / 1e6:.1f} MB", _ratio(ours, theirs))


#: In this order: the first two fill the engine, the change comes after everything that counts on the catalogue.
ROWS: Sequence[Callable[[Bench], Iterator[Row]]] = (
    start,
    index,
    queries,
    filtered,
    facets,
    batch,
    whoosh,
    database,
    change,
)


def _turn(bench: Bench, need: Need, query: SearchQuery) -> tuple[float, float, float]:
    """Milliseconds of the engine, bare faiss and bare tantivy, one after the other."""
    return (_milliseconds(partial(bench.engine.search, query)), *bench.bare(need))


def _latency(what: str, spent: NDArray[np.float64]) -> Row:
    ours, faiss, tantivy = spent.T
    cells, baseline, ratio = _beside(ours, faiss + tantivy)
    parts = [f"{name} {np.median(one):.2f}" for name, one in (("faiss", faiss), ("tantivy", tantivy)) if one.any()]
    return Row(what, cells, f"{' + '.join(parts)}: {baseline}", ratio)


def _beside(ours: NDArray[np.float64], base: NDArray[np.float64]) -> tuple[str, str, str]:
    cells = [f"p50 {np.median(one):.2f} ms, p95 {np.percentile(one, 95):.2f} ms" for one in (ours, base)]
    return cells[0], cells[1], _ratio(float(np.median(ours)), float(np.median(base)))


def _country(bench: Bench, share: float) -> tuple[str, NDArray[np.int64]]:
    """The country that holds nearest to this share of the offers, and the rows of its offers."""
    countries = bench.held["country"][:, 0]
    held = np.bincount(countries[bench.offers & (countries >= 0)], minlength=len(CODES["country"]))
    code = int(np.argmin(np.abs(held / bench.offers.sum() - share)))
    return CODES["country"][code], np.flatnonzero(bench.offers & (countries == code))


def _counted(bench: Bench, facet: str, rows: NDArray[np.int64]) -> dict[str, int]:
    codes = bench.held[facet][rows].ravel()
    numbers = np.bincount(codes[codes >= 0], minlength=len(CODES[facet])).tolist()
    return {code: number for code, number in zip(CODES[facet], numbers, strict=True) if number}


def _milliseconds(action: Callable[[], object]) -> float:
    begin = perf_counter()
    action()
    return (perf_counter() - begin) * 1000


def _ratio(ours: float, base: float) -> str:
    return f"{ours / base:.3g}"


def _kilobytes(name: str) -> int:
    """A figure of the kernel's about this process; RssAnon leaves out files that are mapped, such as tantivy's."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
