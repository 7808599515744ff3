"""What a score is made of: parts that add up, found in texts and vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.analysis import K1, words
from search_index.embedders import HashingEmbedder
from search_index.evidence import AlignedPair, MatchedTerm, aligned_pairs, matched_terms
from search_index.types import Encoded

VOCABULARY = ["solar", "pump", "kiln", "lime"]
texts = st.lists(st.sampled_from([*VOCABULARY, "filler"]), max_size=30).map(" ".join)
counts = st.dictionaries(st.sampled_from(VOCABULARY), st.integers(1, 5))
weights = st.dictionaries(st.sampled_from(VOCABULARY), st.floats(0.1, 12))


def terms(
    wanted: dict[str, int], text: str, weights: dict[str, float], raw: float, points: float
) -> tuple[MatchedTerm, ...]:
    """Of a text whose words are their own terms."""
    return matched_terms(wanted, (text, {word: word for word in words(text)}), weights, raw, points)


class TestMatchedTerms:
    @given(counts, texts, weights, st.floats(0.1, 50), st.floats(0.01, 1))
    def test_points_add_up(
        self, wanted: dict[str, int], text: str, weights: dict[str, float], raw: float, points: float
    ) -> None:
        found = terms(wanted, text, weights, raw, points)
        assert not found or sum(term.points for term in found) == pytest.approx(points)

    @given(counts, texts, weights, st.floats(0.1, 50))
    def test_all_shared_words_that_the_index_knows_appear(
        self, wanted: dict[str, int], text: str, weights: dict[str, float], raw: float
    ) -> None:
        found = {term.word for term in terms(wanted, text, weights, raw, 1.0)}
        assert found == wanted.keys() & weights.keys() & set(text.split())

    def test_parts_are_those_of_bm25(self) -> None:
        length, weight, count = 2.5, {"solar": 1.0, "kiln": 3.0}, {"solar": 4, "kiln": 1}
        parts = {word: weight[word] * n * (K1 + 1) / (n + length) for word, n in count.items()}
        raw = sum(parts.values())
        found = terms({"solar": 1, "kiln": 1}, "solar solar solar solar kiln", weight, raw, raw)
        assert {term.word: term.points for term in found} == pytest.approx(parts, rel=1e-4)

    def test_what_brings_most_comes_first(self) -> None:
        found = terms({"solar": 1, "kiln": 1}, "solar kiln", {"solar": 1.0, "kiln": 3.0}, 2.0, 1.0)
        assert [term.word for term in found] == ["kiln", "solar"]

    def test_inflections_share_a_term_and_the_found_text_lends_the_word(self) -> None:
        found = matched_terms({"pump": 1}, ("Pumping water", {"pumping": "pump"}), {"pump": 2.0}, 1.0, 0.3)
        assert found == (MatchedTerm("pumping", pytest.approx(0.3)),)


def encoded(text: str) -> tuple[str, Encoded]:
    return text, HashingEmbedder().encode([text])[0]


class TestAlignedPairs:
    @given(texts, texts, st.floats(0.01, 1))
    def test_all_pairs_would_add_up(self, wanted: str, found: str, points: float) -> None:
        wanted, found = wanted.replace("filler", ".\n"), found.replace("filler", ".\n")
        pairs = aligned_pairs(encoded(wanted), encoded(found), points, 100)
        left, right = encoded(wanted)[1], encoded(found)[1]
        if len(left.parts) == 1 and pairs:
            missing = np.minimum(left.parts @ right.parts.T, 0).sum() * points / (left.parts @ right.parts.T).sum()
            assert sum(pair.points for pair in pairs) + missing == pytest.approx(points, abs=1e-4)

    def test_the_passages_that_agree_most_come_first(self) -> None:
        wanted = encoded("We have a small lime kiln.\nWe need drip irrigation for tomatoes.")
        found = encoded("A company from the coast.\nDrip irrigation for tomatoes in greenhouses.")
        best = aligned_pairs(wanted, found, 1.0, 2)[0]
        assert (best.wanted, best.found) == (
            "We need drip irrigation for tomatoes.",
            "Drip irrigation for tomatoes in greenhouses.",
        )

    def test_equal_texts_of_one_passage_hold_all_points(self) -> None:
        text = encoded("Drip irrigation for tomatoes")
        (pair,) = aligned_pairs(text, text, 0.4, 3)
        assert pair == AlignedPair(text[0], text[0], pytest.approx(1), pytest.approx(0.4))

    def test_no_passage_of_the_found_text_appears_twice(self) -> None:
        text = encoded("Drip irrigation.\nDrip irrigation lines.\nDrip irrigation lines for tomatoes.")
        found = [pair.found for pair in aligned_pairs(text, text, 1.0, 9)]
        assert len(found) == len(set(found)) == 3

    def test_a_text_without_passages_has_no_pair(self) -> None:
        assert aligned_pairs(encoded(""), encoded("Drip irrigation"), 1.0, 3) == ()

    def test_passages_that_point_apart_are_no_pair(self) -> None:
        def towards(direction: float) -> tuple[str, Encoded]:
            vector = np.array([direction, 0.0], np.float32)
            return "pump", Encoded(vector, vector[None, :], ((0, 4),))

        assert aligned_pairs(towards(1.0), towards(-1.0), 1.0, 3) == ()
