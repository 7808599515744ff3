"""A batch finds what searches one by one would find, for every keyword engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_engine import ENGINES, catalogue, fill, some_filters, texts

from search_index import batch, local
from search_index.embedders import HashingEmbedder
from search_index.errors import IndexCorrupt
from search_index.generations import Generations
from search_index.local import LocalEngine
from search_index.types import Document, Filters, Scope, SearchQuery, Words

TINY = 1e-4


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalEngine:
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path_factory.mktemp("engine")), ENGINES[request.param])
    fill(engine, catalogue())
    return engine


def encoded(engine: LocalEngine, query: SearchQuery) -> SearchQuery:
    return replace(query, encoded=engine.embedder.encode([query.text])[0])


@given(
    asked=st.lists(
        st.tuples(texts, some_filters, st.frozensets(st.integers(1, 90))),
        max_size=5,
    ),
    kind=st.sampled_from(["offer", "need"]),
    limit=st.sampled_from([1, 4, 100]),
    least=st.sampled_from([0.0, 0.2, 0.6]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_equals_searches_one_by_one(
    engine: LocalEngine, asked: list[tuple[str, Filters, frozenset[int]]], kind: str, limit: int, least: float
) -> None:
    queries = [
        encoded(engine, SearchQuery(Scope(kind, filters, excluded=excluded), text, limit=limit, least_score=least))
        for text, filters, excluded in asked
    ]
    for query, found in zip(queries, batch.search_many(engine, queries), strict=True):
        # A score of nothing is nothing, whichever side of it rounding falls.
        expected = [(hit.id, hit.score) for hit in engine.search(query).hits if hit.score > TINY]
        got = [(pair.id, pair.score) for pair in found if pair.score > TINY]
        assert [score for _, score in got] == pytest.approx([score for _, score in expected], abs=1e-5)
        # Equal scores may differ in their last digit, and so in their order.
        last = expected[-1][1] + TINY if expected else 0.0
        assert {id for id, score in got if score > last} == {id for id, score in expected if score > last}


@pytest.mark.parametrize("depth", [1, 3, 10])
@pytest.mark.parametrize(
    "words", [Words(), Words(phrases=("water",)), Words(beginnings=("wat",)), Words(barred=("solar",))], ids=str
)
def test_words_past_the_depth_of_a_search_count_nothing_and_those_asked_for_are_held(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, depth: int, words: Words
) -> None:
    monkeypatch.setattr(local, "DEPTH", depth)
    query = SearchQuery(Scope("offer", words=words), "solar water pump for a kiln", limit=depth)
    query = encoded(engine, query)
    (found,) = batch.search_many(engine, [query])
    expected = engine.search(query).hits
    assert expected
    assert [pair.score for pair in found] == pytest.approx([hit.score for hit in expected], abs=1e-5)


def test_of_many_listings_the_best_are_found(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_GROUPS", 2)
    query = encoded(engine, SearchQuery(Scope("offer"), "solar water pump for a kiln", limit=3))
    (found,) = batch.search_many(engine, [query])
    assert [pair.id for pair in found] == [hit.id for hit in engine.search(query).hits]


def test_every_block_is_searched(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BLOCK", 2)
    queries = [encoded(engine, SearchQuery(Scope("offer"), text)) for text in ("solar", "pump", "kiln", "water", "dye")]
    done: list[int] = []
    found = list(batch.search_many(engine, queries, done.append))
    assert (len(found), sum(done)) == (5, 5)


@pytest.mark.parametrize("keyword_index", sorted(ENGINES))
def test_an_empty_engine_finds_nothing(keyword_index: str, tmp_path: Path) -> None:
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path), ENGINES[keyword_index])
    assert list(batch.search_many(engine, [encoded(engine, SearchQuery(Scope("offer"), "pump"))])) == [()]


@pytest.mark.parametrize("keyword_index", sorted(ENGINES))
def test_without_its_keyword_index_a_batch_is_refused(keyword_index: str, tmp_path: Path) -> None:
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path), ENGINES[keyword_index])
    engine.load([Document(1, 1, "offer", "Pump", "")], np.ones((1, 64), np.float32) / 8)
    (tmp_path / "CURRENT").write_text("nowhere")
    with pytest.raises(IndexCorrupt):
        list(batch.search_many(engine, [encoded(engine, SearchQuery(Scope("offer"), "pump"))]))
