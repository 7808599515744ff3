"""Measures of ranking, and judged collections on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.errors import UnusableFile
from matchmaker.services.evaluation import evaluate, ndcg, read_collection, recall, reciprocal_rank
from search_index.embedders import HashingEmbedder
from search_index.generations import Generations
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.local import LocalEngine

rankings = st.lists(st.sampled_from("abcdefgh"), unique=True)
gains = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3), min_size=1)


@given(rankings, gains)
def test_every_measure_lies_between_nought_and_one(ranking: list[str], gains: dict[str, int]) -> None:
    for measure in (ndcg, recall, reciprocal_rank):
        assert 0 <= measure(ranking, gains) <= 1 + 1e-9


@given(gains)
def test_the_best_ranking_scores_one(gains: dict[str, int]) -> None:
    best = sorted(gains, key=lambda id: -gains[id])
    assert (ndcg(best, gains), recall(best, gains), reciprocal_rank(best, gains)) == (pytest.approx(1), 1, 1)


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    expected = (1 + 3 / math.log2(4)) / (3 + 1 / math.log2(3))
    assert ndcg(["a", "x", "b"], {"a": 1, "b": 3}) == pytest.approx(expected)


def test_ndcg_looks_at_the_first_ten_only() -> None:
    assert ndcg([*"0123456789", "a"], {"a": 1}) == 0


def test_recall_is_the_share_of_the_relevant_found() -> None:
    assert recall(["a", "x", "b"], {"a": 1, "b": 2, "c": 1, "d": 1}) == 0.5


def test_the_reciprocal_rank_is_that_of_the_first_relevant() -> None:
    assert reciprocal_rank(["x", "y", "a", "b"], {"a": 1, "b": 2}) == pytest.approx(1 / 3)


def write(folder: Path, corpus: list[Any], queries: list[Any], qrels: list[str]) -> Path:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus), "utf-8")
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries), "utf-8")
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *qrels]) + "\n", "utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small, sound collection."""
    corpus = [
        {"_id": "d1", "title": "Solar pump", "text": "A pump driven by the sun."},
        {"_id": "d2", "title": "Lime kiln", "text": "Burns lime with less coal."},
        {"_id": "d3", "text": "Drip irrigation for tomatoes."},
    ]
    queries = [
        {"_id": "q1", "text": "sun driven pump"},
        {"_id": "q2", "text": "irrigation"},
        {"_id": "q3", "text": "x"},
    ]
    return write(tmp_path / "small", corpus, queries, ["q1\td1\t2", "q1\td2\t0", "q2\td3\t1"])


def test_a_collection_is_read_with_its_judged_queries_only(folder: Path) -> None:
    collection = read_collection(folder)
    assert (collection.name, len(collection.documents)) == ("small", 3)
    assert [id for id, _ in collection.queries] == ["q1", "q2"]


def test_a_judgment_of_nought_is_not_relevant(folder: Path) -> None:
    assert read_collection(folder).judged == {"q1": {"d1": 2}, "q2": {"d3": 1}}


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
@pytest.mark.parametrize(
    "content",
    [None, b"\xff\xfe\x00", b"[1, 2]\n", b'{"_id": 1}\n', b"{", b"null\n", b'"' + b"x" * 200_000, b""],
    ids=["missing", "not utf-8", "a list", "no text", "cut off", "null", "endless field", "empty"],
)
def test_an_unusable_file_is_named(folder: Path, name: str, content: bytes | None) -> None:
    path = folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableFile, match=str(folder)):
        read_collection(folder)


@pytest.mark.parametrize("text", [None, 3, ["x"], {}])
def test_a_text_that_is_no_text_is_named_with_its_line(folder: Path, text: object) -> None:
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d1", "text": text}) + "\n")
    with pytest.raises(UnusableFile, match="line 1"):
        read_collection(folder)


def test_quotation_marks_in_ids_are_kept(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"_id": '"d', "text": "pump"}], [{"_id": "q", "text": "pump"}], ['q\t"d\t1'])
    assert read_collection(folder).judged == {"q": {'"d': 1}}


def test_the_legs_of_a_small_collection_are_scored(folder: Path, tmp_path: Path) -> None:
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path / "index"), TantivyKeywordIndex)
    heard: list[tuple[str, int, int]] = []
    report = evaluate(read_collection(folder), engine, lambda *step: heard.append(step))
    assert report["legs"].keys() == {"keyword", "vector", "fusion"}
    assert report["legs"]["keyword"] == {"ndcg@10": 1.0, "recall@50": 1.0, "mrr@10": 1.0}
    assert {what: sum(done for name, done, _ in heard if name == what) for what in ("documents", "queries")} == {
        "documents": 3,
        "queries": 2,
    }


def test_evaluating_leaves_the_given_engine_alone(folder: Path, tmp_path: Path) -> None:
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path / "index"), TantivyKeywordIndex)
    evaluate(read_collection(folder), engine)
    assert (len(engine.vectors), engine.keywords().versions()) == (0, {})


def test_a_query_never_retrieves_the_document_of_its_own_id(tmp_path: Path) -> None:
    corpus = [{"_id": "a", "text": "solar pump"}, {"_id": "b", "text": "solar pumps"}]
    folder = write(tmp_path / "own", corpus, [{"_id": "a", "text": "solar pump"}], ["a\tb\t1"])
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path / "index"), TantivyKeywordIndex)
    assert evaluate(read_collection(folder), engine)["legs"]["fusion"]["mrr@10"] == 1.0
