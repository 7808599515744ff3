"""Scoring a judged collection in the BEIR layout through the same engine that serves pages."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from search_index.local import DEPTH, LocalEngine
from search_index.types import Document, Scope, SearchQuery

from ..errors import UnusableFile

LEGS = ("keyword", "vector", "fusion")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Collection:
    """Documents, queries and graded judgments: `judged[query id][document id]` is a gain above 0."""

    name: str
    documents: tuple[tuple[str, str, str], ...]
    queries: tuple[tuple[str, str], ...]
    judged: Mapping[str, Mapping[str, int]]


def read_collection(folder: Path) -> Collection:
    """A folder with corpus.jsonl, queries.jsonl and qrels/test.tsv. Raises UnusableFile."""
    judged: dict[str, dict[str, int]] = {}
    path = folder / "qrels" / "test.tsv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if int(row["score"]) > 0:
                    judged.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UnusableFile(
            f"{path} cannot be used ({error}). It must be tab-separated with the columns query-id, corpus-id, score."
        ) from error
    corpus = _json_lines(folder / "corpus.jsonl")
    documents = tuple((row["_id"], row.get("title") or "", row["text"]) for row in corpus)
    queries = tuple((row["_id"], row["text"]) for row in _json_lines(folder / "queries.jsonl") if row["_id"] in judged)
    if not documents or not queries:
        raise UnusableFile(f"{folder} holds no documents or no judged queries. Check that its ids agree.")
    return Collection(folder.resolve().name, documents, queries, judged)


def _json_lines(path: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict) or "_id" not in row or not isinstance(row.get("text"), str):
                        raise UnusableFile(f"{path}, line {number}: an object with _id and text is expected.")
                    rows.append({**row, "_id": str(row["_id"])})
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnusableFile(f"{path} cannot be read ({error}).") from error
    return rows


def evaluate(collection: Collection, like: LocalEngine, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """The collection's nDCG@10, recall@50 and MRR@10 for each leg, as means over its queries.

    A throw-away engine of the same parts as `like` is filled with the collection. A query never retrieves the
    document of its own id.
    """
    with tempfile.TemporaryDirectory(prefix="matchmaker-evaluate-") as folder:
        engine = like.empty_twin(Path(folder))
        _fill(engine, collection, progress)
        rankings = _rankings(engine, collection, progress)
    judged = [collection.judged[id] for id, _ in collection.queries]
    return {
        "collection": collection.name,
        "documents": len(collection.documents),
        "queries": len(collection.queries),
        "legs": {leg: _means(rankings[leg], judged) for leg in LEGS},
    }


def _fill(engine: LocalEngine, collection: Collection, progress: Progress) -> None:
    documents = [
        Document(number, 1, "offer", title, text) for number, (_, title, text) in enumerate(collection.documents, 1)
    ]
    count = len(documents)
    encoded = engine.embedder.encode([d.text for d in documents], lambda done: progress("documents", done, count))
    engine.write(documents)
    engine.load(documents, np.stack([item.vector for item in encoded]))


def _rankings(engine: LocalEngine, collection: Collection, progress: Progress) -> dict[str, list[list[str]]]:
    """For each leg and query, document ids, best first."""
    ids = [id for id, _, _ in collection.documents]
    number_of = {id: number for number, id in enumerate(ids, 1)}
    count = len(collection.queries)
    encoded = engine.embedder.encode([text for _, text in collection.queries])
    out: dict[str, list[list[str]]] = {leg: [] for leg in LEGS}
    for (id, text), vectors in zip(collection.queries, encoded, strict=True):
        own = frozenset({number_of[id]} if id in number_of else ())
        query = SearchQuery(Scope("offer", excluded=own), text=text, encoded=vectors, limit=min(50, DEPTH))
        for leg in LEGS:
            legs = frozenset({"vector", "keyword"} if leg == "fusion" else {leg})
            hits = engine.search(replace(query, legs=legs)).hits  # type: ignore[arg-type]
            out[leg].append([ids[hit.id - 1] for hit in hits])
        progress("queries", 1, count)
    return out


def _means(rankings: Sequence[Sequence[str]], judged: Sequence[Mapping[str, int]]) -> dict[str, float]:
    pairs = list(zip(rankings, judged, strict=True))
    measures = {"ndcg@10": ndcg, "recall@50": recall, "mrr@10": reciprocal_rank}
    return {name: round(fmean(measure(r, j) for r, j in pairs), 4) for name, measure in measures.items()}


def ndcg(ranking: Sequence[str], gains: Mapping[str, int], depth: int = 10) -> float:
    """Normalised discounted cumulative gain, gains taken as they are (Järvelin & Kekäläinen 2002)."""
    found = sum(gains.get(id, 0) / math.log2(rank + 1) for rank, id in enumerate(ranking[:depth], 1))
    best = sorted(gains.values(), reverse=True)[:depth]
    return found / sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, 1))


def recall(ranking: Sequence[str], gains: Mapping[str, int], depth: int = 50) -> float:
    """The share of the relevant documents among the first `depth`."""
    return len(set(ranking[:depth]) & gains.keys()) / len(gains)


def reciprocal_rank(ranking: Sequence[str], gains: Mapping[str, int], depth: int = 10) -> float:
    """One over the rank of the first relevant document; 0 when none is among the first `depth`."""
    return next((1 / rank for rank, id in enumerate(ranking[:depth], 1) if id in gains), 0.0)
