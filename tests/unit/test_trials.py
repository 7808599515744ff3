"""The trials compare what the engine would do: the same measure, the same fusion, nothing given away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.trials import methods, needs
from benchmarks.trials.choice import held_out
from benchmarks.trials.encodings import Encodings, best, means, sentences, windows
from benchmarks.trials.legs import Legs, Words, keyword_index, legs_of, ndcg
from matchmaker.services import evaluation
from matchmaker.services.evaluation import Collection
from search_index.embedders import HashingEmbedder
from search_index.generations import Generations
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.local import LocalEngine

DOCUMENTS = (
    ("d1", "Solar pump", "A pump driven by the sun. It lifts water without fuel."),
    ("d2", "Lime kiln", "Burns lime with less coal. Its heat is used again."),
    ("d3", "Drip lines", "Irrigation for tomatoes, with a pump of low pressure."),
    ("d4", "Sun dryer", "Dries fruit in the sun."),
)
JUDGED = {"q1": {"d1": 2, "d4": 1}, "q2": {"d3": 1}, "d2": {"d1": 1}}
COLLECTION = Collection("small", DOCUMENTS, (("q1", "sun driven pump"), ("q2", "drip"), ("d2", "lime kiln")), JUDGED)


@pytest.fixture
def legs(tmp_path: Path) -> Legs:
    """Both legs of the small collection."""
    return legs_of(needs.as_judged(COLLECTION), Encodings(HashingEmbedder(), tmp_path / "kept"))


@given(st.data())
def test_ndcg_of_a_matrix_is_that_of_the_evaluation(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    scores = np.array(data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count)), np.float32)
    scores += np.arange(count, 0, -1, dtype=np.float32) / 100  # without ties at the tenth place
    gains = np.array(data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), np.float32)
    gains[data.draw(st.integers(0, count - 1))] = 1
    ranking = [str(i) for i in np.argsort(-scores, kind="stable")]
    expected = evaluation.ndcg(ranking, {str(i): int(gain) for i, gain in enumerate(gains) if gain})
    assert ndcg(scores[None, :], gains[None, :])[0] == pytest.approx(expected)


def test_the_legs_and_their_fusion_score_as_the_engine_does(legs: Legs, tmp_path: Path) -> None:
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path / "index"), TantivyKeywordIndex)
    report = evaluation.evaluate(COLLECTION, engine)["legs"]
    ours = {"keyword": methods.keyword, "vector": methods.vector, "fusion": methods.present}
    for name, score in ours.items():
        assert legs.ndcg(score(legs)).mean() == pytest.approx(report[name]["ndcg@10"], abs=1e-4)


@pytest.mark.parametrize("method", [m for m in methods.METHODS if m.alone], ids=lambda m: m.name)
def test_a_score_that_stands_alone_survives_a_filter(legs: Legs, method: methods.Method) -> None:
    parameters = method.grid[len(method.grid) // 2]
    narrowed = Legs(legs.name, legs.cosine, legs.words, legs.gains, legs.allowed & (np.arange(4) < 2))
    assert np.array_equal(method.score(legs, *parameters), method.score(narrowed, *parameters))


@pytest.mark.parametrize("method", methods.METHODS, ids=lambda m: m.name)
def test_every_method_scores_every_candidate(legs: Legs, method: methods.Method) -> None:
    for parameters in method.grid:
        assert np.isfinite(method.score(legs, *parameters)[legs.found]).all()


def test_a_collection_does_not_choose_its_own_parameters() -> None:
    def trial(name: str, vector_is_right: bool) -> Legs:
        right, wrong = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
        cosine, bm25 = (right, wrong) if vector_is_right else (wrong, right)
        one = np.ones((1, 1), np.float32)
        return Legs(name, cosine, Words(bm25, one / 40, one, one, one), right, np.ones((1, 2), np.bool_))

    trials = [trial("a", True), trial("b", False)]
    chosen = [parameters[0] for parameters in held_out(methods.AT_ROOT, trials).chosen]
    assert chosen[0] <= 0.5 <= chosen[1]
    assert chosen[0] != chosen[1]


def test_a_joined_need_neither_finds_nor_counts_what_it_was_given() -> None:
    documents = tuple((f"d{i}", "", f"text {i}") for i in range(6))
    judged = {"q": {f"d{i}": 1 for i in range(4)}, "r": {"d5": 1}}
    trial = needs.joined(needs.as_judged(Collection("c", documents, (("q", "Which?"), ("r", "Few")), judged)))
    assert trial.queries == ("Which?\n\ntext 0\n\ntext 1",)
    assert trial.gains.tolist() == [[0, 0, 1, 1, 0, 0]]
    assert trial.allowed.tolist() == [[False, False, True, True, True, True]]


def test_a_turned_trial_asks_with_its_documents() -> None:
    turned = needs.turned(needs.as_judged(COLLECTION))
    assert [document.title for document in turned.documents] == ["sun driven pump", "drip", "lime kiln"]
    assert [text.split("\n")[0] for text in turned.queries] == ["Solar pump", "Drip lines", "Sun dryer"]
    assert turned.gains.tolist() == [[2, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_few_words_are_the_rarest_that_the_index_knows_in_their_order() -> None:
    trial = needs.as_judged(
        Collection("c", DOCUMENTS, (("q", "unheard tomatoes with pump, sun and coal"),), {"q": {"d1": 1}})
    )
    with keyword_index(trial.documents) as index:
        assert needs.few_words(trial, index, 2).queries == ("tomatoes coal",)


@given(st.text(max_size=400))
def test_windows_and_groups_of_sentences_lose_no_letter(text: str) -> None:
    for cut in (sentences(text), windows(text, 50)):
        covered = "".join(text[start:end] for start, end in cut)
        assert "".join(covered.split()) == "".join(text.split())


def test_a_text_of_one_piece_has_that_piece_as_mean_and_best() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    starts = np.array([0, 2])
    assert means(vectors, starts)[1] == pytest.approx([0.6, 0.8])
    assert best(vectors @ vectors.T, starts)[0].tolist() == pytest.approx([1, 0.6])


def test_vectors_are_computed_once(tmp_path: Path) -> None:
    first = Encodings(HashingEmbedder(), tmp_path).whole(["solar pump", ""])
    again = Encodings(HashingEmbedder(), tmp_path)
    again._embedder.encode = None  # type: ignore[assignment]
    assert np.array_equal(again.whole(["solar pump", ""]), first)
