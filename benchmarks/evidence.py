"""Whether what is shown as evidence is what the score rests on: take it out of the offer and score it again.

    python -m benchmarks.evidence

For a sample of hits on the sample collection, the words and passages shown are removed from the offer; beside it, as
many other words and passages of the same offer. Prints how often and how far the score falls, and what explaining
costs.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.sample_collection import documents
from matchmaker.parts import build_parts
from matchmaker.settings import Settings
from search_index.evidence import Evidence
from search_index.local import LocalEngine
from search_index.passages import split
from search_index.types import Document, Encoded, Scope, SearchQuery

HITS = 200
_EACH = 5


@dataclass(frozen=True, slots=True)
class Fall:
    """A hit's score, without its evidence, and without as much of something else."""

    score: float
    without_evidence: float
    without_others: float


def falls(engine: LocalEngine, hits: int = HITS, seed: int = 7) -> list[Fall]:
    """The scores of so many hits on the sample's needs, in a throw-away engine of the same parts."""
    offers, queries = _offers(engine), _queries(engine)
    with tempfile.TemporaryDirectory(prefix="matchmaker-evidence-") as folder:
        whole = _filled(engine, Path(folder) / "whole", offers)
        found = [(query, hit) for query in queries for hit in whole.search(query).hits]
        rng = np.random.default_rng(seed)
        chosen = [found[place] for place in rng.permutation(len(found))[:hits]]
        versions: list[Document] = []
        for number, (query, hit) in enumerate(chosen):
            text = offers[hit.id][0].text
            evidence = whole.evidence(query, hit, offers[hit.id])
            texts = text, _without(text, evidence), _without_others(text, evidence, rng)
            versions += [Document(3 * number + place, 1, "offer", "", text) for place, text in enumerate(texts, 1)]
        # Scored together, all versions meet the same document frequencies.
        twin = _filled(engine, Path(folder) / "twin", _encoded(engine, versions))
        return [_fall(twin, query, 3 * number + 1) for number, (query, _) in enumerate(chosen)]


def _queries(engine: LocalEngine) -> list[SearchQuery]:
    needs = _encoded(engine, list(documents("need").values())).values()
    return [SearchQuery(Scope("offer"), need.text, encoded, limit=_EACH) for need, encoded in needs]


def _offers(engine: LocalEngine) -> dict[int, tuple[Document, Encoded]]:
    return _encoded(engine, list(documents("offer").values()))


def _encoded(engine: LocalEngine, held: Sequence[Document]) -> dict[int, tuple[Document, Encoded]]:
    encoded = engine.embedder.encode([document.text for document in held])
    return {document.id: (document, item) for document, item in zip(held, encoded, strict=True)}


def _filled(engine: LocalEngine, folder: Path, held: Mapping[int, tuple[Document, Encoded]]) -> LocalEngine:
    twin = engine.empty_twin(folder)
    twin.write([document for document, _ in held.values()])
    twin.load([document for document, _ in held.values()], np.stack([item.vector for _, item in held.values()]))
    return twin


def _without(text: str, evidence: Evidence) -> str:
    for pair in evidence.pairs:
        text = text.replace(pair.found, "")
    return _without_words(text, [term.word for term in evidence.terms])


def _without_others(text: str, evidence: Evidence, rng: np.random.Generator) -> str:
    shown = {pair.found for pair in evidence.pairs}
    others = [text[start:end] for start, end in split(text) if text[start:end] not in shown]
    words = sorted(set(re.findall(r"\w{3,}", text.lower())) - {term.word for term in evidence.terms})
    for place in rng.permutation(len(others))[: len(shown)]:
        text = text.replace(others[place], "")
    return _without_words(text, [words[place] for place in rng.permutation(len(words))[: len(evidence.terms)]])


def _without_words(text: str, words: Sequence[str]) -> str:
    return re.sub("|".join(map(re.escape, words)), "", text, flags=re.IGNORECASE) if words else text


def _fall(engine: LocalEngine, query: SearchQuery, first: int) -> Fall:
    """Of three versions with ids from `first` on."""
    scores = {hit.id: hit.score for hit in engine.search(replace(query, limit=3 * HITS)).hits}
    return Fall(*(scores.get(id, 0.0) for id in range(first, first + 3)))


def explaining(engine: LocalEngine) -> list[float]:
    """Milliseconds that the evidence of ten results takes, for each need of the sample."""
    offers = _offers(engine)
    spent = []
    with tempfile.TemporaryDirectory(prefix="matchmaker-evidence-") as folder:
        twin = _filled(engine, Path(folder), offers)
        for query in _queries(engine):
            hits = twin.search(replace(query, limit=10)).hits
            begin = time.perf_counter()
            for hit in hits:
                twin.evidence(query, hit, offers[hit.id])
            spent.append((time.perf_counter() - begin) * 1000)
    return spent


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="matchmaker-bench-") as instance:
        engine = build_parts(Settings.from_environment({**os.environ, "MATCHMAKER_INSTANCE": instance})).engine
        found = falls(engine)
        lower = sum(fall.without_evidence < fall.score for fall in found)
        print(f"evidence removed: the score falls for {lower} of {len(found)} hits", end=", ")
        print(f"by {statistics.fmean(1 - fall.without_evidence / fall.score for fall in found):.0%} on average")
        others = sum(fall.without_others < fall.score for fall in found)
        print(f"as much of something else removed: for {others} of {len(found)}", end=", ")
        print(f"by {statistics.fmean(1 - fall.without_others / fall.score for fall in found):.0%}")
        cuts = statistics.quantiles(explaining(engine), n=20)
        print(f"explaining ten results: p50 {cuts[9]:.1f} ms, p95 {cuts[18]:.1f} ms")


if __name__ == "__main__":
    main()
