"""The ranker: features of a pair, probabilities, and its file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.services import ranking
from matchmaker.services.explaining import Facts
from matchmaker.services.ranking import FACTS, FEATURES, Figures, Likeness, Ranker, RankerUnusable, Training
from search_index.evidence import AlignedPair

SIZE = len(FEATURES)
numbers = st.floats(-1e6, 1e6)
rows = st.lists(numbers, min_size=SIZE, max_size=SIZE).map(np.array)
ALIKE = Likeness(cosine=0.5, bm25=0.4, pair=AlignedPair("a", "b", cosine=0.7, points=0.3), term_share=0.2)
TRAINING = Training("2026-01-31", "hashing-64", "f" * 64, 20, 90, 30, Figures({"new ranker": 0.7}, 20, 0.01, 0.02))


def ranker(coefficients: dict[str, float] | None = None, intercept: float = 0.0) -> Ranker:
    weights = tuple((coefficients or {}).get(name, 0.0) for name in FEATURES)
    return Ranker((0.0,) * SIZE, (1.0,) * SIZE, weights, intercept, TRAINING)


def named(need: Facts, offer: Facts) -> dict[str, float]:
    row = ranking.features(need, offer, ALIKE, other_language=False)
    return dict(zip(FEATURES, row.tolist(), strict=True))


class TestFeatures:
    def test_a_row_holds_every_feature(self) -> None:
        assert ranking.features(Facts(), Facts(), ALIKE, other_language=True).shape == (SIZE,)

    def test_the_texts_are_told_by_six_numbers(self) -> None:
        row = ranking.features(Facts(), Facts(), ALIKE, other_language=True)
        assert row[:6].tolist() == [0.5, 0.4, 0.7, 0.3, 0.2, 1.0]

    def test_texts_without_aligned_passages_have_nought_for_them(self) -> None:
        row = ranking.features(Facts(), Facts(), replace(ALIKE, pair=None), other_language=False)
        assert row[2:4].tolist() == [0.0, 0.0]

    @pytest.mark.parametrize(("share", "kept"), [(7.0, 1.0), (-3.0, 0.0)])
    def test_a_share_beyond_its_range_is_held_to_it(self, share: float, kept: float) -> None:
        pair = AlignedPair("a", "b", cosine=0.7, points=share)
        assert ranking.features(Facts(), Facts(), replace(ALIKE, pair=pair), other_language=False)[3] == kept

    @pytest.mark.parametrize(
        ("need", "offer", "said"),
        [
            (Facts(category="water"), Facts(category="water"), "category_fits"),
            (Facts(category="water"), Facts(category="energy"), "category_differs"),
            (Facts(subcategory="solar"), Facts(subcategory="wind"), "subcategory_differs"),
            (Facts(trl=6), Facts(trl=8), "trl_fits"),
            (Facts(trl=6), Facts(trl=3), "trl_differs"),
            (Facts(countries=("KE",)), Facts(proven=("KE",)), "countries_fits"),
            (Facts(countries=("KE",)), Facts(countries=("KE",)), "countries_fits"),
            (Facts(countries=("KE",)), Facts(countries=("EG",)), "countries_differs"),
            (Facts(partnerships=("sale",)), Facts(partnerships=("pilot",)), "partnership_differs"),
            (Facts(sdgs=(6,)), Facts(sdgs=(6, 7)), "sdg_fits"),
            (Facts(sdgs=(6,)), Facts(sdgs=(7,)), "sdg_differs"),
            (Facts(), Facts(ip_status="granted"), "ip_fits"),
            (Facts(), Facts(ip_status="lapsed"), "ip_differs"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_fact_both_sides_state_fits_or_differs(self, need: Facts, offer: Facts, said: str) -> None:
        assert [name for name in FEATURES[6:] if named(need, offer)[name]] == [said]

    def test_the_same_subcategory_is_the_same_category_too(self) -> None:
        both = Facts(category="energy", subcategory="solar")
        found = named(both, both)
        assert (found["category_fits"], found["subcategory_fits"]) == (1.0, 1.0)

    @pytest.mark.parametrize("known", [Facts(), Facts("water", "wastewater", 5, ("KE",), ("BD",), ("sale",), (6,))])
    def test_what_one_side_leaves_unsaid_neither_fits_nor_differs(self, known: Facts) -> None:
        for found in (named(known, Facts()), named(Facts(), known)):
            assert not any(found[f"{fact}_{verdict}"] for fact in FACTS for verdict in ("fits", "differs"))


class TestProbability:
    @given(rows, rows, numbers)
    def test_it_lies_between_nought_and_one(self, row: Any, weights: Any, intercept: float) -> None:
        made = replace(ranker(), coefficients=tuple(weights.tolist()), intercept=intercept)
        assert 0 <= float(ranking.probability(made, row)) <= 1

    @given(rows, st.sampled_from(FEATURES), st.floats(0, 1e3), st.floats(0, 1e3))
    def test_it_never_falls_as_a_feature_of_positive_weight_rises(
        self, row: Any, name: str, weight: float, rise: float
    ) -> None:
        higher = row.copy()
        higher[FEATURES.index(name)] += rise
        made = ranker({name: weight})
        assert ranking.probability(made, higher) >= ranking.probability(made, row)

    def test_many_rows_are_told_at_once(self) -> None:
        assert ranking.probability(ranker(), np.zeros((3, SIZE))).tolist() == [0.5, 0.5, 0.5]

    def test_features_are_standardised_first(self) -> None:
        made = replace(ranker({"cosine": 2.0}), means=(0.5,) * SIZE, scales=(0.25,) * SIZE)
        assert ranking.probability(made, np.full(SIZE, 0.75)) == pytest.approx(1 / (1 + np.exp(-2)))


class TestKeeping:
    def test_an_instance_without_a_ranker_has_none(self, tmp_path: Path) -> None:
        assert ranking.current(tmp_path) is None

    def test_what_is_put_in_use_is_read_back_the_same(self, tmp_path: Path) -> None:
        made = ranker({"cosine": 1.25, "trl_fits": -0.1}, 0.3)
        ranking.replace(tmp_path, made)
        assert ranking.current(tmp_path) == made

    def test_the_one_before_is_kept(self, tmp_path: Path) -> None:
        for intercept in (1.0, 2.0):
            ranking.replace(tmp_path, ranker(intercept=intercept))
        kept = json.loads((tmp_path / "ranker.previous.json").read_text())
        assert (kept["intercept"], ranking.current(tmp_path)) == (1.0, ranker(intercept=2.0))

    def test_no_draft_is_left_behind(self, tmp_path: Path) -> None:
        for _ in range(2):
            ranking.replace(tmp_path, ranker())
        assert {path.name for path in tmp_path.iterdir()} == {"ranker.json", "ranker.previous.json"}

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"features": [{"name": "cosine"}]}', b'{"features": 3}'],
    )
    def test_a_damaged_file_is_named_with_a_remedy(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "ranker.json").write_bytes(content)
        with pytest.raises(RankerUnusable, match=r"ranker\.json cannot be used .* train again"):
            ranking.current(tmp_path)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("intercept", float("nan")), ("intercept", "x"), ("trained", {}), ("trained", None), ("features", [])],
    )
    def test_a_ranker_with_a_wrong_part_is_refused(self, tmp_path: Path, key: str, value: object) -> None:
        stored = ranking.as_dict(ranker())
        (tmp_path / "ranker.json").write_text(json.dumps({**stored, key: value}))
        with pytest.raises(RankerUnusable):
            ranking.current(tmp_path)

    def test_a_scale_of_nought_is_refused(self, tmp_path: Path) -> None:
        ranking.replace(tmp_path, replace(ranker(), scales=(0.0,) * SIZE))
        with pytest.raises(RankerUnusable, match="scale"):
            ranking.current(tmp_path)
