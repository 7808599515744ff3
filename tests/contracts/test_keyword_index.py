"""What every keyword index promises; each test runs with tantivy and with Whoosh."""

from __future__ import annotations

import gc
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_index import tantivy_files
from search_index.errors import IndexCorrupt, IndexLocked
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.keywords_whoosh import WhooshKeywordIndex
from search_index.protocols import KeywordIndex
from search_index.types import Document, Filters, Scope, Words

Open = Callable[..., KeywordIndex]
ENGINES: dict[str, Open] = {"tantivy": TantivyKeywordIndex, "whoosh": WhooshKeywordIndex}
NOTHING: frozenset[int] = frozenset()
# Hypothesis runs many examples in one call; what a fixture made is shared by them on purpose.
SLOW = settings(max_examples=20, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(engine: str) -> Open:
    return ENGINES[engine]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(opened: Open, folder: Path) -> KeywordIndex:
    return opened(folder)


def doc(
    id: int,
    title: str,
    body: str = "",
    kind: str = "offer",
    version: int = 1,
    published: float = 0.0,
    **facets: str,
) -> Document:
    """A document; a facet is given as its codes in one string."""
    held = {name: tuple(codes.split()) for name, codes in facets.items()}
    return Document(id, version, kind, title, body, facets=held, published=published)


def put(index: KeywordIndex, *documents: Document) -> None:
    with index.writer() as writer:
        for document in documents:
            writer.put(document)


def ids(index: KeywordIndex, text: str, wanted: str = "offer", filters: Filters | None = None) -> set[int]:
    return {id for id, _ in index.search(text, Scope(wanted, filters or {}), 1000)}


class TestWriting:
    def test_a_document_is_found_once_the_writer_closes(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"))
        assert ids(index, "pump") == {1}

    def test_a_document_is_not_found_before_the_writer_closes(self, index: KeywordIndex) -> None:
        with index.writer() as writer:
            writer.put(doc(1, "Solar pump"))
            assert ids(index, "pump") == set()

    def test_a_document_with_the_same_id_replaces_the_old_one(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"))
        put(index, doc(1, "Wind turbine", version=2))
        assert (ids(index, "pump"), ids(index, "turbine"), index.versions()) == (set(), {1}, {1: 2})

    def test_the_last_of_two_puts_in_one_writer_counts(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"), doc(1, "Wind turbine", version=2))
        assert (ids(index, "pump"), index.versions()) == (set(), {1: 2})

    def test_a_removed_document_is_gone(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"), doc(2, "Hand pump"))
        with index.writer() as writer:
            writer.remove(1)
        assert (ids(index, "pump"), index.versions()) == ({2}, {2: 1})

    def test_a_document_put_and_removed_in_one_writer_is_gone(self, index: KeywordIndex) -> None:
        with index.writer() as writer:
            writer.put(doc(1, "Solar pump"))
            writer.remove(1)
        assert index.versions() == {}

    def test_removing_an_unknown_id_is_fine(self, index: KeywordIndex) -> None:
        with index.writer() as writer:
            writer.remove(404)
        assert index.versions() == {}

    def test_an_error_inside_the_writer_leaves_nothing_behind(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"))

        def stumble() -> None:
            with index.writer() as writer:
                writer.put(doc(2, "Hand pump"))
                writer.remove(1)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            stumble()
        assert (ids(index, "pump"), index.versions()) == ({1}, {1: 1})

    def test_the_writer_is_free_again_after_an_error(self, opened: Open, folder: Path) -> None:
        index = opened(folder, 5)
        with pytest.raises(ZeroDivisionError), index.writer():
            raise ZeroDivisionError
        put(index, doc(1, "Solar pump"))
        assert index.versions() == {1: 1}

    def test_an_index_opened_again_holds_what_was_written(self, opened: Open, folder: Path) -> None:
        put(opened(folder), doc(1, "Solar pump"))
        assert ids(opened(folder), "pump") == {1}

    def test_versions_names_every_document_of_both_kinds(self, index: KeywordIndex) -> None:
        put(index, *(doc(n, "Pump", version=n + 1, kind="offer" if n % 2 else "need") for n in range(1, 40)))
        assert index.versions() == {n: n + 1 for n in range(1, 40)}


class TestSearching:
    def test_only_the_wanted_kind_is_found(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump"), doc(2, "Pump", kind="need"))
        assert (ids(index, "pump"), ids(index, "pump", "need")) == ({1}, {2})

    def test_codes_of_one_facet_are_alternatives(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump", country="KE"), doc(2, "Pump", country="TZ UG"), doc(3, "Pump", country="DE"))
        assert ids(index, "pump", filters={"country": ("KE", "UG")}) == {1, 2}

    def test_facets_add_up(self, index: KeywordIndex) -> None:
        put(
            index, doc(1, "Pump", country="KE", trl="7"), doc(2, "Pump", country="KE", trl="3"), doc(3, "Pump", trl="7")
        )
        assert ids(index, "pump", filters={"country": ("KE",), "trl": ("7",)}) == {1}

    def test_a_code_nobody_holds_leaves_nothing(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump", country="KE"))
        assert ids(index, "pump", filters={"country": ("FR",)}) == set()

    def test_a_code_is_matched_whole(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump", category="pollution-waste", sdg="12"))
        assert ids(index, "pump", filters={"category": ("waste",)}) == set()
        assert ids(index, "pump", filters={"sdg": ("1",)}) == set()

    def test_a_language_code_that_is_a_stop_word_filters_too(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump", language="it"), doc(2, "Pump", language="no"))
        assert ids(index, "pump", filters={"language": ("it",)}) == {1}

    def test_excluded_ids_never_appear(self, index: KeywordIndex) -> None:
        put(index, *(doc(n, "Pump") for n in range(1, 6)))
        assert {id for id, _ in index.search("pump", Scope("offer", excluded=frozenset({2, 4, 99})), 10)} == {1, 3, 5}

    def test_the_best_come_first_and_no_more_than_asked_for(self, index: KeywordIndex) -> None:
        put(index, *(doc(n, "Pump", " ".join(["pump"] * n + ["filler"] * (9 - n))) for n in range(1, 9)))
        found = index.search("pump", Scope("offer"), 3)
        assert [id for id, _ in found] == [8, 7, 6]
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)

    def test_any_term_of_the_text_is_enough(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump"), doc(2, "Turbine"), doc(3, "Stove"))
        assert ids(index, "a turbine beside a pump") == {1, 2}

    def test_a_term_said_twice_weighs_twice(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump"), doc(2, "Turbine"))
        once, twice = (
            dict(index.search("pump", Scope("offer"), 5)),
            dict(index.search("pump pump", Scope("offer"), 5)),
        )
        assert twice[1] == pytest.approx(2 * once[1], rel=1e-4)

    def test_words_are_found_in_other_inflections_and_cases(self, index: KeywordIndex) -> None:
        put(index, doc(1, "IRRIGATING fields with Pumps"))
        assert ids(index, "pump for irrigated field") == {1}

    @pytest.mark.parametrize(
        ("title", "text"),
        [
            ("Cafés équipés d'éoliennes", "eoliennes"),
            ("Kläranlage für Abwasser", "klaranlage"),
            ("Energía eólica", "eolica"),
            ("eolica", "EÓLICA"),
            ("Очистка воды", "ВОДЫ"),
            ("معالجة مياه الصرف", "مياه"),
            ("太阳能热水器", "太阳能"),
            ("太阳能热水器", "热水"),
            ("雨水の浄化システム", "浄化"),
            ("ソーラーポンプ", "ポンプ"),
            ("水", "水"),
            ("सौर पंप किसानों के लिए", "किसानों"),
            ("เครื่องสูบน้ำ พลังงาน", "พลังงาน"),
            ("CO2-neutral", "co2"),
            ("(bio)gas/digester_unit", "digester"),
        ],
    )
    def test_texts_in_many_scripts_are_found(self, index: KeywordIndex, title: str, text: str) -> None:
        put(index, doc(1, title), doc(2, "Unrelated"))
        assert ids(index, text) == {1}

    def test_a_letter_with_a_combining_mark_is_the_letter(self, index: KeywordIndex) -> None:
        put(index, doc(1, "E\u0301oliennes"), doc(2, "Éoliennes"))
        assert ids(index, "éoliennes") == ids(index, "e\u0301oliennes") == {1, 2}

    def test_one_shared_chinese_character_is_not_a_match(self, index: KeywordIndex) -> None:
        put(index, doc(1, "太阳能热水器"))
        assert ids(index, "水力发电") == set()

    def test_an_empty_index_answers(self, index: KeywordIndex) -> None:
        assert (ids(index, "pump"), index.versions(), index.weights(["pump"])) == (set(), {}, {})
        assert index.ceiling("pump") == 0

    @pytest.mark.parametrize(
        "text",
        ["", "   ", "the of and", "🌞🌊", "\x00", "?!…", '"unbalanced (query* AND ~', "x" * 100_000, "💧" * 5000],
        ids=["empty", "space", "stop words", "emoji", "NUL", "punctuation", "syntax", "long word", "many emoji"],
    )
    def test_a_text_without_known_terms_finds_nothing(self, index: KeywordIndex, text: str) -> None:
        put(index, doc(1, "Solar pump"))
        assert ids(index, text) == set()
        assert index.ceiling(text) == 0

    def test_nul_inside_a_text_only_separates_words(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar\x00pump"))
        assert ids(index, "so\x00pump") == {1}

    def test_a_query_of_five_thousand_words_answers(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"), doc(2, "word17 word18"))
        assert ids(index, "pump " * 5 + " ".join(f"word{n}" for n in range(5000))) >= {1}

    def test_a_document_of_a_hundred_thousand_letters_is_held(self, index: KeywordIndex) -> None:
        put(index, doc(1, "x" * 100_000, "pump"), doc(2, "太" * 100_000))
        assert ids(index, "pump") == {1}

    def test_a_document_without_any_word_is_held(self, index: KeywordIndex) -> None:
        put(index, doc(1, "🌞"), doc(2, ""))
        assert index.versions() == {1: 1, 2: 1}


WORDS = ["solar", "pump", "water", "filter", "wind", "kiln", "grid", "soil"]
codes = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3).map(" ".join)
documents = st.builds(
    lambda id, words, kind, version, category, sdg: doc(
        id, " ".join(words), "", kind, version, category=category, sdg=sdg
    ),
    st.integers(1, 12),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=12),
    st.sampled_from(["offer", "need"]),
    st.integers(1, 5),
    codes,
    codes,
)
commits = st.lists(st.lists(documents, max_size=6), min_size=1, max_size=4)
texts = st.lists(st.sampled_from([*WORDS, "unheard", "the"]), max_size=10).map(" ".join)
choices = st.fixed_dictionaries(
    {},
    optional={
        "category": st.lists(st.sampled_from(["a", "b", "z"]), min_size=1, unique=True).map(tuple),
        "sdg": st.lists(st.sampled_from(["a", "c"]), min_size=1, unique=True).map(tuple),
    },
)


def written(opened: Open, batches: list[list[Document]], folder: str) -> tuple[KeywordIndex, dict[int, Document]]:
    index, held = opened(Path(folder)), {}
    for batch in batches:
        put(index, *batch)
        held.update({document.id: document for document in batch})
    return index, held


class TestRules:
    @SLOW
    @given(batches=commits, text=texts)
    def test_no_score_is_above_the_ceiling(self, opened: Open, batches: list[list[Document]], text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            index, _ = written(opened, batches, folder)
            for kind in ("offer", "need"):
                for _, score in index.search(text, Scope(kind), 1000):
                    assert 0 < score <= index.ceiling(text) * (1 + 1e-4)

    @SLOW
    @given(batches=commits, text=texts)
    def test_the_postings_of_a_texts_terms_add_up_to_its_scores(
        self, opened: Open, batches: list[list[Document]], text: str
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            index, _ = written(opened, batches, folder)
            total: dict[int, float] = {}
            for term, count in index.frequencies(text).items():
                for id, score in zip(*map(np.ndarray.tolist, index.postings(term)), strict=True):
                    total[id] = total.get(id, 0.0) + count * score
            found = {id: score for kind in ("offer", "need") for id, score in index.search(text, Scope(kind), 1000)}
            assert total == pytest.approx(found, rel=1e-5)

    @SLOW
    @given(batches=commits, text=texts, filters=choices, excluded=st.frozensets(st.integers(1, 12), max_size=3))
    def test_filters_take_hits_away_and_change_no_score(
        self, opened: Open, batches: list[list[Document]], text: str, filters: Filters, excluded: frozenset[int]
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            index, held = written(opened, batches, folder)
            everything = dict(index.search(text, Scope("offer"), 1000))
            found = dict(index.search(text, Scope("offer", filters, excluded=excluded), 1000))
        passing = {
            id: score
            for id, score in everything.items()
            if id not in excluded
            and all(set(codes) & set(held[id].facets.get(facet, ())) for facet, codes in filters.items())
        }
        assert found == pytest.approx(passing, rel=1e-5)

    @SLOW
    @given(batches=commits)
    def test_versions_follow_every_commit(self, opened: Open, batches: list[list[Document]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            index, held = written(opened, batches, folder)
            assert index.versions() == {id: document.version for id, document in held.items()}

    @SLOW
    @given(batches=commits, text=texts, limit=st.integers(1, 5))
    def test_a_limit_cuts_the_same_ranking(
        self, opened: Open, batches: list[list[Document]], text: str, limit: int
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            index, _ = written(opened, batches, folder)
            everything = [score for _, score in index.search(text, Scope("offer"), 1000)]
            cut = [score for _, score in index.search(text, Scope("offer"), limit)]
        assert cut == pytest.approx(everything[:limit], rel=1e-5)


# Adding 0 makes -0.0, which no clock shows, 0.0.
moments = st.floats(-1e10, 1e10).map(lambda moment: moment + 0.0)


class TestPublished:
    @SLOW
    @given(
        times=st.lists(moments, min_size=1, max_size=8),
        since=st.one_of(st.just(-math.inf), moments),
        until=st.one_of(st.just(math.inf), moments),
        exact=st.sampled_from([None, 0, -1]),
    )
    def test_only_what_was_published_in_the_range_is_found(
        self, opened: Open, times: list[float], since: float, until: float, exact: int | None
    ) -> None:
        if exact is not None:
            since, until = (times[0], until) if exact == 0 else (since, times[-1])
        with tempfile.TemporaryDirectory() as folder:
            index = opened(Path(folder))
            put(index, *(doc(n, "Pump", published=when) for n, when in enumerate(times)))
            found = {id for id, _ in index.search("pump", Scope("offer", published=(since, until)), 100)}
        assert found == {n for n, when in enumerate(times) if since <= when < until}

    def test_a_range_changes_no_score(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pump", published=5), doc(2, "Solar pump", published=9))
        everything = dict(index.search("pump", Scope("offer"), 10))
        assert dict(index.search("pump", Scope("offer", published=(9, math.inf)), 10)) == {
            2: pytest.approx(everything[2], rel=1e-5)
        }


def phrases(*texts: str) -> Words:
    return Words(phrases=texts)


def beginnings(*texts: str) -> Words:
    return Words(beginnings=texts)


def barred(*texts: str) -> Words:
    return Words(barred=texts)


class TestWords:
    @pytest.fixture
    def index(self, opened: Open, folder: Path) -> KeywordIndex:
        index = opened(folder)
        put(
            index,
            doc(1, "Solar water pump", "State of the art desalination."),
            doc(2, "Pumps for solar water", "The art of the state", kind="need"),
            doc(3, "Éolienne à pompe", "Énergies marines"),
            doc(4, "太阳能热水器"),
            doc(5, "معالجة مياه الصرف"),
            doc(6, "Wind kiln", "Solar.\nPump-free, CO2-neutral"),
        )
        return index

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (Words(), {1, 2, 3, 4, 5, 6}),
            (phrases("solar water"), {1, 2}),
            (phrases("Water PUMPING"), {1}),
            (phrases("pump"), {1, 2, 6}),
            (phrases("solar pump"), {6}),
            (phrases("solar water", "pump"), {1, 2}),
            (phrases("solar water", "kiln"), set()),
            (phrases("state of the art"), {1}),
            (phrases("the state of the art"), {1}),
            (phrases("state art"), set()),
            (phrases("unheard"), set()),
            (phrases("unheard of pump"), set()),
            (phrases("eolienne"), {3}),
            (phrases("E\u0301OLIENNE à pompe"), {3}),
            (phrases("太阳能"), {4}),
            (phrases("太水"), set()),
            (phrases("مياه الصرف"), {5}),
            (phrases("of the", "?!", "", "🌞"), {1, 2, 3, 4, 5, 6}),
            (barred("of the", "?!", ""), {1, 2, 3, 4, 5, 6}),
            (barred("pump"), {3, 4, 5}),
            (barred("solar water"), {3, 4, 5, 6}),
            (barred("pumps", "éolienne", "unheard"), {4, 5}),
            (beginnings("desal"), {1}),
            (beginnings("DÉSAL"), {1}),
            (beginnings("energ"), {3}),
            (beginnings("Éne"), {3}),
            (beginnings("pumping"), set()),
            (beginnings("pumps"), {2}),
            (beginnings("the"), {1, 2}),
            (beginnings("so", "wa"), {1, 2}),
            (beginnings("co2-neut"), {6}),
            (beginnings("co2-n.*"), {6}),
            (beginnings("co3-neut"), set()),
            (beginnings("مي"), {5}),
            (beginnings("太阳能"), {4}),
            (beginnings("", "*", "-"), {1, 2, 3, 4, 5, 6}),
            (Words(phrases=("solar",), beginnings=("pum",), barred=("kiln",)), {1, 2}),
        ],
    )
    def test_what_holds_the_words_is_named_in_order(
        self, index: KeywordIndex, words: Words, expected: set[int]
    ) -> None:
        held = index.holding(words)
        assert (held.tolist(), held.dtype) == (sorted(expected), np.dtype(np.int64))

    @pytest.mark.parametrize(
        "words", [phrases("solar water"), barred("water"), beginnings("desal", "w"), phrases("unheard"), barred("the")]
    )
    def test_a_search_finds_what_holds_the_words_at_the_same_scores(self, index: KeywordIndex, words: Words) -> None:
        everything = dict(index.search("solar pump kiln", Scope("offer"), 10))
        held = set(index.holding(words).tolist())
        assert dict(index.search("solar pump kiln", Scope("offer", words=words), 10)) == pytest.approx(
            {id: score for id, score in everything.items() if id in held}, rel=1e-5
        )

    def test_a_beginning_that_many_words_have_finds_them_all(self, opened: Open, folder: Path) -> None:
        index = opened(folder)
        put(index, *(doc(n, f"pump{n}") for n in range(300)))
        assert index.holding(beginnings("pump")).tolist() == list(range(300))

    def test_what_is_held_follows_updates(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Stove", version=2), doc(7, "Solar water heater"))
        with index.writer() as writer:
            writer.remove(6)
        assert index.holding(phrases("solar water")).tolist() == [2, 7]
        assert index.holding(barred("stove")).tolist() == [2, 3, 4, 5, 7]

    def test_an_empty_index_holds_nothing(self, opened: Open, folder: Path) -> None:
        index = opened(folder)
        assert [index.holding(w).tolist() for w in (Words(), phrases("a pump"), barred("pump"))] == [[], [], []]
        assert index.holding(Words()).dtype == np.int64

    @SLOW
    @given(batches=commits, words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
    def test_a_phrase_is_what_follows_in_the_text(
        self, opened: Open, batches: list[list[Document]], words: list[str]
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            index, held = written(opened, batches, folder)
            found = index.holding(phrases(" ".join(words))).tolist()
            others = index.holding(barred(" ".join(words))).tolist()
        expected = {id for id, document in held.items() if f" {' '.join(words)} " in f" {document.title} "}
        assert (found, others) == (sorted(expected), sorted(held.keys() - expected))


class TestVocabulary:
    def test_each_word_comes_as_written_with_the_number_of_its_documents(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Pumps pump pumps"), doc(2, "PUMPS à l'Éolienne"), doc(3, "eolienne", kind="need"))
        assert index.vocabulary() == {"pumps": 2, "pump": 1, "éolienne": 1, "eolienne": 1}

    def test_numbers_letters_and_pairs_are_left_out(self, index: KeywordIndex) -> None:
        put(index, doc(1, "7 2020 ½ x 太阳能 水 CO2 مياه"))
        assert index.vocabulary() == {"co2": 1, "مياه": 1}

    def test_words_of_documents_that_are_gone_are_gone(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump"), doc(2, "Solar kiln"))
        put(index, doc(1, "Wind turbine", version=2))
        with index.writer() as writer:
            writer.remove(2)
        assert index.vocabulary() == {"wind": 1, "turbine": 1}

    def test_an_empty_index_has_no_words(self, index: KeywordIndex) -> None:
        assert index.vocabulary() == {}

    def test_an_index_opened_again_knows_its_words(self, opened: Open, folder: Path) -> None:
        put(opened(folder), doc(1, "Solar pump"))
        again = opened(folder)
        assert (again.vocabulary(), again.holding(beginnings("pu")).tolist()) == ({"solar": 1, "pump": 1}, [1])


class TestTerms:
    def test_terms_are_the_words_with_their_index_terms(self, index: KeywordIndex) -> None:
        assert index.terms("The Pumps of Cafés") == {"pumps": "pump", "cafés": "cafe"}

    def test_terms_of_chinese_are_pairs(self, index: KeywordIndex) -> None:
        assert index.terms("太阳能") == {"太阳": "太阳", "阳能": "阳能"}

    @pytest.mark.parametrize(
        "text",
        [
            *("Solar pumps", "सौर पंप किसानों", "كِتاب مياه", "เครื่องสูบน้ำ", "தமிழ் நீர்", "太阳能"),
            *("Cafe\u0301s", "Straße", "ﬁlter", "İstanbul", "x²", "1½ ton", "a_b"),
        ],
    )
    def test_every_term_of_a_document_is_known_to_the_index(self, index: KeywordIndex, text: str) -> None:
        put(index, doc(1, text))
        terms = index.terms(text)
        assert terms
        assert index.weights(terms.values()).keys() == set(terms.values())

    @pytest.mark.parametrize("text", ["सौर पंप किसानों", "كِتاب مياه", "தமிழ் நீர்"])
    def test_a_word_with_vowel_signs_stays_one_word(self, index: KeywordIndex, text: str) -> None:
        assert list(index.terms(text)) == text.split()

    def test_rarer_terms_weigh_more(self, index: KeywordIndex) -> None:
        put(index, doc(1, "solar pump"), doc(2, "solar stove"), doc(3, "solar kiln"), doc(4, "grid"))
        weights = index.weights(["solar", "pump", "unheard"])
        assert weights.keys() == {"solar", "pump"}
        assert weights["pump"] > weights["solar"] > 0

    def test_a_weight_stays_above_zero_however_often_a_document_changes(self, index: KeywordIndex) -> None:
        for version in range(1, 5):
            put(index, doc(1, "solar pump", version=version))
        assert index.weights(["pump"])["pump"] > 0


class TestSharing:
    def test_another_instance_sees_a_commit_after_refresh(self, opened: Open, folder: Path) -> None:
        first, second = opened(folder), opened(folder)
        put(first, doc(1, "Solar pump"))
        second.refresh()
        assert (ids(second, "pump"), second.versions()) == ({1}, {1: 1})

    def test_writers_of_one_process_wait_in_turn(self, index: KeywordIndex) -> None:
        inside, most, errors = [0], [0], []

        def write(id: int) -> None:
            try:
                with index.writer() as writer:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    writer.put(doc(id, "Solar pump"))
                    inside[0] -= 1
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
                errors.append(error)

        threads = [threading.Thread(target=write, args=(id,)) for id in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (errors, most[0], index.versions()) == ([], 1, dict.fromkeys(range(1, 9), 1))

    def test_a_second_writer_gives_up_after_its_wait(self, opened: Open, folder: Path) -> None:
        first, second = opened(folder), opened(folder, 0.2)
        with first.writer():
            start = time.monotonic()
            with pytest.raises(IndexLocked, match="Another process is writing"), second.writer():
                pytest.fail("two writers at once")
            assert time.monotonic() - start >= 0.2

    def test_a_second_thread_gives_up_after_its_wait(self, opened: Open, folder: Path) -> None:
        index = opened(folder, 0.1)
        with index.writer(), pytest.raises(IndexLocked), index.writer():
            pytest.fail("two writers at once")

    def test_searches_see_whole_commits_while_a_writer_works(self, index: KeywordIndex) -> None:
        put(index, doc(1, "Solar pump", version=1), doc(2, "Hand pump", version=1))
        done, wrong = threading.Event(), []

        def read() -> None:
            try:
                while not done.is_set():
                    versions = index.versions()
                    found = ids(index, "solar pump") & set(index.holding(phrases("pump")).tolist())
                    if len(set(versions.values())) != 1 or found != {1, 2}:
                        wrong.append((versions, found))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
                wrong.append(error)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for version in range(2, 6):
                put(index, doc(1, "Solar pump", version=version), doc(2, "Hand pump", version=version))
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert wrong == []


CHILD = """
import sys
from pathlib import Path
from search_index.keywords_{engine} import {name}
from search_index.types import Document

index = {name}(Path(sys.argv[1]))
with index.writer() as writer:
    writer.put(Document(7, 1, "offer", "Solar kiln", ""))
    print("inside", flush=True)
    sys.stdin.readline()
print("outside", flush=True)
"""


@pytest.fixture
def other_process(engine: str, opened: Open, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is inside its writer and leaves it when it reads a line."""
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(engine=engine, name=opened.__name__), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert child.stdin
    assert child.stdout
    try:
        assert child.stdout.readline() == "inside\n"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


class TestProcesses:
    def test_a_writer_waits_for_another_process(
        self, opened: Open, folder: Path, other_process: subprocess.Popen[str]
    ) -> None:
        with pytest.raises(IndexLocked):
            put(opened(folder, 0.1), doc(1, "Solar pump"))
        waiting = threading.Thread(target=put, args=(opened(folder, 30), doc(1, "Solar pump")))
        waiting.start()
        assert other_process.stdin
        other_process.stdin.write("\n")
        other_process.stdin.flush()
        waiting.join()
        assert opened(folder).versions() == {1: 1, 7: 1}

    def test_a_process_killed_in_its_writer_leaves_the_last_commit_and_a_free_lock(
        self, opened: Open, index: KeywordIndex, folder: Path, request: pytest.FixtureRequest
    ) -> None:
        put(index, doc(1, "Solar pump"))
        child: subprocess.Popen[str] = request.getfixturevalue("other_process")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        again = opened(folder, 5)
        assert again.versions() == {1: 1}
        put(again, doc(2, "Hand pump"))
        assert (again.versions(), ids(again, "pump kiln")) == ({1: 1, 2: 1}, {1, 2})
        assert again.holding(phrases("pump")).tolist() == [1, 2]

    def test_instances_that_open_a_new_folder_at_once_all_can(self, opened: Open, folder: Path) -> None:
        errors: list[BaseException] = []
        together = threading.Barrier(6)

        def start() -> None:
            together.wait()
            try:
                opened(folder)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
                errors.append(error)

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


def everything(index: KeywordIndex) -> None:
    """Use every part of an index once."""
    index.refresh()
    index.search("solar pump", Scope("offer", {"country": ("KE",)}, excluded=frozenset({3})), 10)
    index.ceiling("solar pump")
    index.weights(["pump"])
    index.versions()
    index.holding(Words(phrases=("solar pump",), beginnings=("sol",), barred=("kiln",)))
    index.vocabulary()
    with index.writer() as writer:
        writer.put(doc(77, "Solar pump"))
        writer.remove(1)
    index.search("solar pump", Scope("offer"), 10)


def emptied(content: bytes) -> bytes:
    return b""


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in content)


def garbled(content: bytes) -> bytes:
    return b"garbage!" * (len(content) // 8 + 1)


@pytest.fixture(scope="class")
def forgotten_files() -> Iterator[None]:
    """Collected within the class that expects the warnings: Whoosh does not close a file that it fails to read."""
    yield
    gc.collect()


@pytest.mark.usefixtures("forgotten_files")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestDamage:
    @pytest.fixture
    def sound(self, opened: Open, tmp_path: Path) -> Path:
        folder = tmp_path / "sound"
        put(opened(folder), *(doc(n, f"Solar pump {n}", f"for farm{n}", country="KE") for n in range(1, 40)))
        return folder

    @pytest.mark.parametrize("damage", [emptied, halved, flipped, garbled])
    def test_a_damaged_file_is_called_corrupt(
        self, opened: Open, sound: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
    ) -> None:
        for file in (f for f in sorted(sound.iterdir()) if f.stat().st_size):
            copy = tmp_path / f"{file.name}-{damage.__name__}"
            shutil.copytree(sound, copy)
            (copy / file.name).write_bytes(damage(file.read_bytes()))
            with pytest.raises(IndexCorrupt, match=r"cannot be read .* matchmaker index rebuild"):
                everything(opened(copy))

    def test_a_lost_file_is_called_corrupt(self, opened: Open, sound: Path, tmp_path: Path) -> None:
        # tantivy's list of files to clean up is not needed to read or write.
        needed = [f for f in sound.iterdir() if f.stat().st_size and f.name != ".managed.json"]
        for file in needed:
            copy = tmp_path / f"{file.name}-lost"
            shutil.copytree(sound, copy)
            (copy / file.name).unlink()
            with pytest.raises(IndexCorrupt):
                everything(opened(copy))

    def test_a_folder_that_is_a_file_is_called_corrupt(self, opened: Open, tmp_path: Path) -> None:
        (tmp_path / "index").write_text("not a folder")
        with pytest.raises(IndexCorrupt):
            opened(tmp_path / "index")


class TestTantivy:
    """Whoosh's files carry no checksums, so that a single flipped bit may go unnoticed there."""

    def test_one_flipped_byte_anywhere_is_called_corrupt(self, tmp_path: Path) -> None:
        sound = tmp_path / "sound"
        put(TantivyKeywordIndex(sound), *(doc(n, f"Solar pump {n}", country="KE") for n in range(1, 40)))
        # Only these are read; a changed digit in meta.json may be another valid one.
        for file in (f for f in sorted(sound.iterdir()) if f.suffix[1:] in tantivy_files.PARTS):
            content = file.read_bytes()
            for place in range(0, len(content) - 100, max(1, len(content) // 16)):
                copy = tmp_path / f"{file.name}-{place}"
                shutil.copytree(sound, copy)
                (copy / file.name).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
                with pytest.raises(IndexCorrupt):
                    TantivyKeywordIndex(copy)

    def test_a_file_that_is_overwritten_while_it_is_open_is_called_corrupt(self, tmp_path: Path) -> None:
        index = TantivyKeywordIndex(tmp_path)
        put(index, *(doc(n, f"Solar pump {n}", country="KE") for n in range(1, 40)))
        (postings,) = tmp_path.glob("*.idx")
        with postings.open("r+b") as file:
            content = file.read()
            file.seek(0)
            file.write(flipped(content[:-100]))
        with pytest.raises(IndexCorrupt):
            everything(index)
