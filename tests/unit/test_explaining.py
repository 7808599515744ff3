"""Why a pair fits: pure rules over facts, terms and passages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.services.explaining import (
    Band,
    Facts,
    Reason,
    Verdict,
    band,
    mark,
    reasons,
)

FITS, DIFFERS, UNKNOWN = Verdict.FITS, Verdict.DIFFERS, Verdict.UNKNOWN
countries = st.lists(st.sampled_from(["KE", "TZ", "DE"]), unique=True).map(tuple)
facts = st.builds(
    Facts,
    category=st.sampled_from([None, "energy", "water"]),
    subcategory=st.sampled_from([None, "solar", "wind"]),
    trl=st.one_of(st.none(), st.integers(1, 9)),
    countries=countries,
    proven=countries,
    partnerships=st.lists(st.sampled_from(["pilot", "sale"]), unique=True).map(tuple),
    sdgs=st.lists(st.sampled_from([6, 7]), unique=True).map(tuple),
    ip_status=st.sampled_from(["unknown", "granted"]),
)


def reason(need: Facts, offer: Facts, *names: str) -> Reason | None:
    """The one reason that concerns any of these facts."""
    found = [reason for reason in reasons(need, offer) if reason.fact in names]
    assert len(found) < 2
    return found[0] if found else None


class TestReasons:
    @given(facts, facts)
    def test_what_fits_comes_first_and_what_is_unknown_last(self, need: Facts, offer: Facts) -> None:
        order = [FITS, DIFFERS, UNKNOWN]
        verdicts = [order.index(reason.verdict) for reason in reasons(need, offer)]
        assert verdicts == sorted(verdicts)

    @given(facts)
    def test_an_offer_that_says_nothing_never_differs(self, need: Facts) -> None:
        assert all(reason.verdict is UNKNOWN for reason in reasons(need, Facts()))

    @given(facts)
    def test_a_need_that_asks_for_nothing_hears_nothing_but_unknown_protection(self, offer: Facts) -> None:
        assert {reason.fact for reason in reasons(Facts(), offer)} <= {"ip"}

    @given(facts, facts)
    def test_every_fitting_reason_names_its_evidence_on_both_sides(self, need: Facts, offer: Facts) -> None:
        assert all(r.wanted and r.offered for r in reasons(need, offer) if r.verdict is FITS)

    @pytest.mark.parametrize(("offered", "verdict"), [(7, FITS), (6, FITS), (5, DIFFERS), (None, UNKNOWN)])
    def test_a_level_fits_from_the_least_accepted_on(self, offered: int | None, verdict: Verdict) -> None:
        found = reason(Facts(trl=6), Facts(trl=offered), "trl")
        assert found
        assert found.verdict is verdict

    def test_the_same_subcategory_is_said_instead_of_the_category(self) -> None:
        need = Facts(category="energy", subcategory="solar")
        assert reason(need, need, "category", "subcategory") == Reason("subcategory", FITS, ("solar",), ("solar",))

    @pytest.mark.parametrize(("offered", "verdict"), [("energy", FITS), ("water", DIFFERS), (None, UNKNOWN)])
    def test_categories_are_compared(self, offered: str | None, verdict: Verdict) -> None:
        found = reason(Facts(category="energy"), Facts(category=offered), "category")
        assert found
        assert found.verdict is verdict

    def test_where_it_already_works_is_said_before_where_it_is_available(self) -> None:
        need, offer = Facts(countries=("KE", "TZ")), Facts(countries=("KE",), proven=("TZ",))
        assert reason(need, offer, "deployed_in", "available_in") == Reason("deployed_in", FITS, ("TZ",), ("TZ",))

    @pytest.mark.parametrize(("offered", "verdict"), [(("KE",), FITS), (("DE",), DIFFERS), ((), UNKNOWN)])
    def test_countries_are_compared(self, offered: tuple[str, ...], verdict: Verdict) -> None:
        found = reason(Facts(countries=("KE",)), Facts(countries=offered), "available_in")
        assert found
        assert found.verdict is verdict

    @pytest.mark.parametrize(("offered", "verdict"), [(("pilot",), FITS), (("sale",), DIFFERS), ((), UNKNOWN)])
    def test_partnerships_are_compared(self, offered: tuple[str, ...], verdict: Verdict) -> None:
        found = reason(Facts(partnerships=("pilot", "licence")), Facts(partnerships=offered), "partnership")
        assert found
        assert found.verdict is verdict

    def test_goals_that_differ_are_no_reason_against(self) -> None:
        assert reason(Facts(sdgs=(6,)), Facts(sdgs=(7,)), "sdg") is None

    def test_shared_goals_speak_for_the_pair(self) -> None:
        assert reason(Facts(sdgs=(6, 7)), Facts(sdgs=(7,)), "sdg") == Reason("sdg", FITS, ("7",), ("7",))


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        *((0.95, Band.STRONG), (0.6, Band.STRONG)),
        *((0.59, Band.GOOD), (0.45, Band.GOOD)),
        *((0.44, Band.POSSIBLE), (0.0, Band.POSSIBLE)),
    ],
)
def test_a_score_falls_into_its_band(score: float, expected: Band) -> None:
    assert band(score) is expected


WORDS = st.dictionaries(
    st.sampled_from(["pumps", "pump", "solar", "kilns", "of"]), st.sampled_from(["pump", "solar", "kiln", "x"])
)
weights = st.dictionaries(st.sampled_from(["pump", "solar", "kiln"]), st.floats(0.1, 9))


class TestMark:
    @given(st.text(), st.lists(st.text(max_size=3)))
    def test_the_pieces_join_to_the_text(self, text: str, words: list[str]) -> None:
        assert "".join(piece for piece, _ in mark(text, words)) == text

    @given(st.text(st.sampled_from("ab 太阳能.*")), st.lists(st.text(st.sampled_from("ab太阳能.*"), max_size=3)))
    def test_pieces_join_whatever_the_words_mean_as_patterns(self, text: str, words: list[str]) -> None:
        assert "".join(piece for piece, _ in mark(text, words)) == text

    @pytest.mark.parametrize(
        ("text", "words", "marked"),
        [
            ("Solar pump", ["pump"], ["pump"]),
            ("PUMP and pump", ["pump"], ["PUMP", "pump"]),
            ("pumps, pump.", ["pump"], ["pump"]),
            ("solar_pump", ["pump"], ["pump"]),
            ("太阳能水泵", ["太阳", "阳能"], ["太阳能"]),
            ("水泵和水泵", ["水泵"], ["水泵", "水泵"]),
            ("佐々木さん", ["々木"], ["々木"]),
            ("कि पानी", ["पानी"], ["पानी"]),
            ("पानीदार", ["पानी"], []),
            ("हिन्दी", ["हिन"], []),
            ("c++ (x)", ["c"], ["c"]),
            ("text", [], []),
            ("text", [""], []),
            ("", ["pump"], []),
        ],
    )
    def test_whole_words_are_marked(self, text: str, words: list[str], marked: list[str]) -> None:
        assert [piece for piece, is_word in mark(text, words) if is_word] == marked
