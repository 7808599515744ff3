"""The vector index against brute force."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_index import columns
from search_index.types import Document, Filters, Scope, Vector
from search_index.vectors import FaissVectorIndex, Vectors

DIMENSION = 8


def doc(id: int, kind: str = "offer", version: int = 1, **facets: str) -> Document:
    return Document(id, version, kind, "", "", facets={name: tuple(codes.split()) for name, codes in facets.items()})


def unit(seed: int) -> Vector:
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)


def found(index: FaissVectorIndex, query: Vector, wanted: str = "offer", **filters: tuple[str, ...]) -> list[int]:
    """Ids of all rows that pass, best first."""
    rows, _ = index.search(query, index.columns.mask(Scope(wanted, filters)), 1000)
    return [int(id) for id in index.columns.id[rows]]


facets = st.sampled_from(["", "a", "b", "a b"])
puts = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from(["offer", "need"]), facets, facets, st.integers(0, 99)), max_size=6
)
steps = st.lists(
    st.one_of(puts, st.frozensets(st.integers(1, 10), max_size=4), st.just("compact")), min_size=1, max_size=8
)
filters = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["category", "sdg"], st.lists(st.sampled_from(["a", "b", "z"]), min_size=1).map(tuple))
)


@settings(suppress_health_check=list(HealthCheck))
@given(
    steps=steps,
    wanted=st.sampled_from(["offer", "need"]),
    chosen=filters,
    excluded=st.frozensets(st.integers(1, 9), max_size=2),
    limit=st.integers(1, 9),
)
def test_any_sequence_of_changes_agrees_with_brute_force(
    steps: list[object], wanted: str, chosen: Filters, excluded: frozenset[int], limit: int
) -> None:
    index = FaissVectorIndex()
    held: dict[int, tuple[Document, Vector]] = {}
    for step in steps:
        if isinstance(step, list):
            documents = [doc(id, kind, seed + 1, category=c, sdg=s) for id, kind, c, s, seed in step]
            matrix = np.stack([unit(seed) for *_, seed in step]) if step else np.empty((0, DIMENSION), np.float32)
            index.put(documents, matrix)
            held.update({d.id: (d, v) for d, v in zip(documents, matrix, strict=True)})
        elif isinstance(step, frozenset):
            index.remove(step)
            held = {id: pair for id, pair in held.items() if id not in step}
        else:
            index.compact()
    query = unit(1000)
    passing = {
        id: float(vector @ query)
        for id, (document, vector) in held.items()
        if document.kind == wanted
        and id not in excluded
        and all(set(codes) & set(document.facets.get(facet, ())) for facet, codes in chosen.items())
    }
    mask = index.columns.mask(Scope(wanted, chosen, excluded=excluded))
    rows, cosines = index.search(query, mask, limit)
    assert len(index) == len(held)
    assert index.versions() == {id: document.version for id, (document, _) in held.items()}
    assert sorted(cosines.tolist(), reverse=True) == cosines.tolist()
    assert {int(index.columns.id[r]): c for r, c in zip(rows, cosines, strict=True)}.items() <= {
        id: pytest.approx(cosine, abs=1e-5) for id, cosine in passing.items()
    }.items()
    assert cosines.tolist() == pytest.approx(sorted(passing.values(), reverse=True)[:limit], abs=1e-5)
    order = np.argsort(rows)
    assert index.cosines(query, rows[order]) == pytest.approx(cosines[order], abs=1e-5)
    for facet in ("category", "sdg"):
        expected = {code: sum(code in held[id][0].facets.get(facet, ()) for id in passing) for code in "ab"}
        assert index.columns.counts(facet, index.columns.rows(mask)) == {code: n for code, n in expected.items() if n}


def test_a_put_with_one_id_twice_keeps_the_last() -> None:
    index = FaissVectorIndex()
    index.put([doc(1), doc(1, version=2)], np.stack([unit(1), unit(2)]))
    assert (len(index), found(index, unit(2)), index.versions()) == (1, [1], {1: 2})


def test_dead_rows_are_compacted_away() -> None:
    index = FaissVectorIndex()
    for version in range(1, 3000):
        index.put([doc(1, version=version)], unit(version)[None, :])
    assert index.columns.size < 2000
    assert (found(index, unit(2999)), index.versions()) == ([1], {1: 2999})


def test_growing_past_the_first_capacity_keeps_every_facet() -> None:
    index, count = FaissVectorIndex(), columns._FIRST_CAPACITY + 10
    for id in range(1, count + 1):
        index.put([doc(id, category="a" if id % 2 else "b")], unit(id % 50)[None, :])
    assert index.columns.counts("category", np.arange(count)) == {"a": count // 2, "b": count // 2}


def test_an_empty_index_finds_nothing() -> None:
    index = FaissVectorIndex()
    assert (found(index, unit(1)), len(index), index.versions()) == ([], 0, {})


def test_a_mask_without_rows_finds_nothing() -> None:
    index = FaissVectorIndex()
    index.put([doc(1)], unit(1)[None, :])
    assert found(index, unit(1), "need") == []


def test_an_unknown_id_has_no_row() -> None:
    index = FaissVectorIndex()
    index.put([doc(4)], unit(1)[None, :])
    assert index.rows([4, 5]).tolist() == [0, -1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_vector_that_is_not_finite_is_refused_and_changes_nothing(bad: float) -> None:
    index = FaissVectorIndex()
    index.put([doc(1)], unit(1)[None, :])
    broken = np.stack([unit(2), np.full(DIMENSION, bad, np.float32)])
    with pytest.raises(ValueError, match="NaN or infinity"):
        index.put([doc(1, version=2), doc(2)], broken)
    assert index.versions() == {1: 1}


@pytest.mark.parametrize(
    "shape", [(1, DIMENSION + 1), (1, DIMENSION - 1), (2, DIMENSION), (0, DIMENSION), (DIMENSION,)]
)
def test_vectors_of_a_wrong_size_are_refused_and_change_nothing(shape: tuple[int, ...]) -> None:
    index = FaissVectorIndex()
    index.put([doc(1)], unit(1)[None, :])
    with pytest.raises(ValueError, match="expected 1 vectors of 8 numbers"):
        index.put([doc(2)], np.zeros(shape, np.float32))
    assert index.versions() == {1: 1}


def test_a_refused_first_put_does_not_settle_the_dimension() -> None:
    index = FaissVectorIndex()
    with pytest.raises(ValueError, match="NaN"):
        index.put([doc(1)], np.full((1, 3), np.nan, np.float32))
    index.put([doc(1)], unit(1)[None, :])
    assert index.versions() == {1: 1}


def test_a_query_of_a_wrong_size_is_refused() -> None:
    index = FaissVectorIndex()
    index.put([doc(1)], unit(1)[None, :])
    with pytest.raises(ValueError, match="expected 1 vectors"):
        found(index, np.ones(3, np.float32))


def test_searches_beside_changes_stay_consistent() -> None:
    index = FaissVectorIndex()
    index.put([doc(1), doc(2)], np.stack([unit(1), unit(2)]))
    done, wrong = threading.Event(), []

    def read() -> None:
        try:
            while not done.is_set():
                with index.lock:
                    ids = found(index, unit(1))
                if sorted(ids) != [1, 2]:
                    wrong.append(ids)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(2, 700):
        index.put([doc(1, version=version), doc(2, version=version)], np.stack([unit(1), unit(2)]))
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_listing_of_the_other_kind_now_is_of_that_kind_only() -> None:
    both = Vectors()
    both.put([doc(1, "offer")], unit(1)[None, :])
    both.put([doc(1, "need", 2)], unit(2)[None, :])
    assert (len(both["offer"]), both["need"].versions()) == (0, {1: 2})
