"""What the engine promises over its two legs; each test runs with both keyword engines."""

from __future__ import annotations

import gc
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_index import fusion
from search_index.embedders import HashingEmbedder
from search_index.errors import EngineDown, IndexCorrupt, ModelUnusable
from search_index.generations import Generations
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.keywords_whoosh import WhooshKeywordIndex
from search_index.local import LocalEngine
from search_index.protocols import KeywordIndex, Progress
from search_index.types import FACETS, Document, Encoded, Filters, Notice, Scope, SearchQuery

ENGINES: dict[str, Callable[[Path], KeywordIndex]] = {"tantivy": TantivyKeywordIndex, "whoosh": WhooshKeywordIndex}
WORDS = [
    *("solar", "pump", "water", "filter", "wind", "kiln", "grid", "soil", "heat", "biogas", "digester", "drip"),
    *("membrane", "turbine", "stove", "cement", "lime", "fibre", "compost", "sensor", "battery", "fleet", "roof"),
]
CODES = {
    "category": ("energy", "water", "transport"),
    "country": ("KE", "TZ", "DE", "IN"),
    "trl": ("3", "6", "9"),
    "partnership": ("licence", "pilot"),
    "sdg": ("6", "7", "13"),
    "language": ("en", "fr"),
}
EVERY = 10_000


def catalogue(count: int = 90) -> list[Document]:
    """Documents of few words, so that many of them share some, with known and unknown facets."""
    rng = random.Random(7)

    def several(codes: Sequence[str]) -> tuple[str, ...]:
        return tuple(rng.sample(codes, rng.randint(0, 2)))

    out = []
    for id in range(1, count + 1):
        facets = {name: several(codes) for name, codes in CODES.items()}
        words = rng.choices(WORDS, k=rng.randint(3, 25))
        out.append(
            Document(
                id,
                rng.randint(1, 4),
                "need" if id % 5 == 0 else "offer",
                " ".join(words[:3]),
                " ".join(words[3:]),
                facets={name: codes for name, codes in facets.items() if codes},
                published=float(rng.randint(0, 30)),
            )
        )
    return out


DOCUMENTS = {document.id: document for document in catalogue()}


def fill(engine: LocalEngine, documents: Sequence[Document]) -> None:
    """Make the documents known to both legs."""
    engine.write(documents)
    encoded = engine.embedder.encode([document.text for document in documents])
    engine.load(documents, np.stack([item.vector for item in encoded]))


def scoped(query: SearchQuery, **changes: Any) -> SearchQuery:
    """The query in a changed scope."""
    return replace(query, scope=replace(query.scope, **changes))


def passes(document: Document, filters: Filters) -> bool:
    return all(set(codes) & set(document.facets.get(facet, ())) for facet, codes in filters.items())


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalEngine:
    """Filled with the catalogue; tests only read it."""
    engine = LocalEngine(HashingEmbedder(), Generations(tmp_path_factory.mktemp("engine")), ENGINES[request.param])
    fill(engine, list(DOCUMENTS.values()))
    return engine


@pytest.fixture(params=sorted(ENGINES))
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> LocalEngine:
    """An empty engine of one test's own."""
    return LocalEngine(HashingEmbedder(), Generations(tmp_path / "search_index"), ENGINES[request.param])


texts = st.lists(st.sampled_from([*WORDS, "the", "unheard"]), min_size=1, max_size=12).map(" ".join)
code_lists = {
    name: st.lists(st.sampled_from(codes), min_size=1, unique=True).map(tuple) for name, codes in CODES.items()
}
filters = st.fixed_dictionaries({}, optional=code_lists)
some_filters = filters.map(lambda chosen: dict(list(chosen.items())[:3]))
READS = settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True)


class TestFilters:
    @READS
    @given(text=texts, chosen=some_filters, wanted=st.sampled_from(["offer", "need"]))
    def test_filters_take_hits_away_and_change_no_score(
        self, engine: LocalEngine, text: str, chosen: Filters, wanted: str
    ) -> None:
        query = SearchQuery(Scope(wanted), text, limit=EVERY)
        everything = {hit.id: hit.score for hit in engine.search(query).hits}
        found = engine.search(scoped(query, filters=chosen)).hits
        expected = {id: score for id, score in everything.items() if passes(DOCUMENTS[id], chosen)}
        assert {hit.id: hit.score for hit in found} == pytest.approx(expected, abs=1e-5)
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)

    @READS
    @given(text=texts, chosen=some_filters, legs=st.sampled_from([{"vector"}, {"keyword"}]))
    def test_each_leg_alone_filters_alike(
        self, engine: LocalEngine, text: str, chosen: Filters, legs: set[str]
    ) -> None:
        query = SearchQuery(Scope("offer"), text, legs=frozenset(legs), limit=EVERY)  # type: ignore[arg-type]
        everything = {hit.id: hit.score for hit in engine.search(query).hits}
        found = {hit.id: hit.score for hit in engine.search(scoped(query, filters=chosen)).hits}
        expected = {id: score for id, score in everything.items() if passes(DOCUMENTS[id], chosen)}
        assert found == pytest.approx(expected, abs=1e-5)

    @READS
    @given(text=texts, excluded=st.frozensets(st.integers(1, 90), max_size=30))
    def test_excluded_ids_never_appear_and_others_stay(
        self, engine: LocalEngine, text: str, excluded: frozenset[int]
    ) -> None:
        query = SearchQuery(Scope("offer"), text, limit=EVERY)
        everything = {hit.id: hit.score for hit in engine.search(query).hits}
        found = {hit.id: hit.score for hit in engine.search(scoped(query, excluded=excluded)).hits}
        assert found == pytest.approx({id: s for id, s in everything.items() if id not in excluded}, abs=1e-5)

    def test_only_the_wanted_kind_appears(self, engine: LocalEngine) -> None:
        found = engine.search(SearchQuery(Scope("need"), "solar water pump", limit=EVERY)).hits
        assert {DOCUMENTS[hit.id].kind for hit in found} == {"need"}


class TestFacets:
    @staticmethod
    def counted(engine: LocalEngine, query: SearchQuery, facet: str) -> dict[str, int]:
        """The facet's codes over all hits under the other filters, by brute force."""
        others = {name: codes for name, codes in query.scope.filters.items() if name != facet}
        hits = engine.search(scoped(replace(query, limit=EVERY), filters=others)).hits
        return dict(Counter(code for hit in hits for code in DOCUMENTS[hit.id].facets.get(facet, ())))

    @READS
    @given(text=st.one_of(st.just(""), texts), chosen=some_filters)
    def test_counts_are_exact_and_a_filtered_facet_counts_its_alternatives(
        self, engine: LocalEngine, text: str, chosen: Filters
    ) -> None:
        # Just beside a score, so that rounding decides nothing.
        scores = sorted({hit.score for hit in engine.search(SearchQuery(Scope("offer"), text, limit=EVERY)).hits})
        gaps = [(high - low, (high + low) / 2) for low, high in pairwise(scores)]
        query = SearchQuery(Scope("offer", filters=chosen), text, least_score=max(gaps)[1] if gaps else 0.0, limit=3)
        assert engine.search(query).facets == {facet: self.counted(engine, query, facet) for facet in FACETS}

    def test_a_code_without_hits_is_left_out(self, engine: LocalEngine) -> None:
        result = engine.search(SearchQuery(Scope("offer", filters={"country": ("KE",), "trl": ("3",)})))
        assert all(number > 0 for counts in result.facets.values() for number in counts.values())

    def test_codes_that_appear_later_are_counted(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Pump", "", facets={"country": ("KE",)})])
        fill(fresh, [Document(2, 1, "offer", "Pump", "", facets={"country": ("UG",)})])
        assert fresh.search(SearchQuery(Scope("offer"), "pump")).facets["country"] == {"KE": 1, "UG": 1}


class TestPages:
    def test_without_text_the_newest_come_first(self, engine: LocalEngine) -> None:
        hits = engine.search(SearchQuery(Scope("offer"), limit=EVERY)).hits
        offers = [document for document in DOCUMENTS.values() if document.kind == "offer"]
        assert [hit.id for hit in hits] == [d.id for d in sorted(offers, key=lambda d: (-d.published, d.id))]

    def test_browsing_orders_alike_however_the_documents_came(self, fresh: LocalEngine) -> None:
        fill(fresh, list(reversed(DOCUMENTS.values())))
        hits = fresh.search(SearchQuery(Scope("need"), limit=EVERY)).hits
        needs = [document for document in DOCUMENTS.values() if document.kind == "need"]
        assert [hit.id for hit in hits] == [d.id for d in sorted(needs, key=lambda d: (-d.published, d.id))]

    def test_a_search_can_be_sorted_by_date(self, engine: LocalEngine) -> None:
        hits = engine.search(SearchQuery(Scope("offer"), "solar pump", sort="newest", limit=EVERY)).hits
        dates = [DOCUMENTS[hit.id].published for hit in hits]
        assert dates == sorted(dates, reverse=True)

    @READS
    @given(text=st.one_of(st.just(""), texts), size=st.sampled_from([9, 20, 47]), chosen=some_filters)
    def test_pages_hold_every_hit_once(self, engine: LocalEngine, text: str, size: int, chosen: Filters) -> None:
        query = SearchQuery(Scope("offer", filters=chosen), text, limit=EVERY)
        whole = engine.search(query)
        pages = [engine.search(replace(query, offset=n, limit=size)) for n in range(0, whole.total + size, size)]
        assert [hit.id for page in pages for hit in page.hits] == [hit.id for hit in whole.hits]
        assert {page.total for page in pages} == {whole.total} == {len(whole.hits)}

    def test_equal_scores_are_ordered_by_id(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(id, 1, "offer", "Solar pump", "") for id in (5, 3, 9, 1)])
        assert [hit.id for hit in fresh.search(SearchQuery(Scope("offer"), "pump")).hits] == [1, 3, 5, 9]

    def test_hits_below_the_least_score_are_left_out(self, engine: LocalEngine) -> None:
        everything = engine.search(SearchQuery(Scope("offer"), "solar pump", limit=EVERY)).hits
        result = engine.search(SearchQuery(Scope("offer"), "solar pump", least_score=0.2, limit=EVERY))
        assert [hit.id for hit in result.hits] == [hit.id for hit in everything if hit.score >= 0.2]
        assert 0 < result.total < len(everything)


class TestScores:
    @READS
    @given(text=texts)
    def test_a_score_is_the_weighted_sum_of_both_legs(self, engine: LocalEngine, text: str) -> None:
        for hit in engine.search(SearchQuery(Scope("offer"), text, limit=EVERY)).hits:
            keyword = hit.keyword.normalised if hit.keyword else 0.0
            vector = hit.vector.normalised if hit.vector else 0.0
            weighted = fusion.VECTOR_WEIGHT * vector + (1 - fusion.VECTOR_WEIGHT) * keyword
            assert hit.score == pytest.approx(weighted, abs=1e-6)

    def test_raw_scores_are_the_cosine_and_bm25(self, engine: LocalEngine) -> None:
        text = "solar pump for water"
        vector = engine.embedder.encode([text])[0].vector
        bm25 = dict(engine.keywords().search(text, Scope("offer"), EVERY))
        for hit in engine.search(SearchQuery(Scope("offer"), text, limit=EVERY)).hits:
            own = engine.embedder.encode([DOCUMENTS[hit.id].text])[0].vector
            assert hit.vector
            assert hit.vector.raw == pytest.approx(float(own @ vector), abs=2e-3)
            assert (hit.keyword.raw if hit.keyword else None) == pytest.approx(bm25.get(hit.id))

    def test_ranks_count_from_the_best_of_each_leg(self, engine: LocalEngine) -> None:
        hits = engine.search(SearchQuery(Scope("offer"), "solar pump", limit=EVERY)).hits
        by_vector = sorted(hits, key=lambda hit: hit.vector.rank if hit.vector else 0)
        cosines = [hit.vector.raw for hit in by_vector if hit.vector]
        assert [hit.vector.rank for hit in by_vector if hit.vector] == list(range(1, len(hits) + 1))
        assert cosines == sorted(cosines, reverse=True)

    def test_the_keyword_leg_alone_encodes_nothing(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        fresh.embedder = Unusable()
        result = fresh.search(SearchQuery(Scope("offer"), "pump", legs=frozenset({"keyword"})))
        assert (len(result.hits), result.hits[0].vector, result.notices) == (1, None, ())

    def test_the_vector_leg_alone_gives_no_keyword_score(self, engine: LocalEngine) -> None:
        hits = engine.search(SearchQuery(Scope("offer"), "solar pump", legs=frozenset({"vector"}))).hits
        assert {hit.keyword for hit in hits} == {None}

    def test_a_given_vector_is_not_encoded_again(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        encoded = fresh.embedder.encode(["solar pump"])[0]
        fresh.embedder = Unusable()
        result = fresh.search(SearchQuery(Scope("offer"), "solar pump", encoded=encoded))
        assert (result.notices, result.encoded is encoded, len(result.hits)) == ((), True, 1)

    @pytest.mark.parametrize("text", ["🌞", "the of", "?!", "\x00", "x" * 50_000])
    def test_a_text_without_words_is_answered(self, engine: LocalEngine, text: str) -> None:
        assert engine.search(SearchQuery(Scope("offer"), text)).notices == ()

    def test_an_empty_engine_answers(self, fresh: LocalEngine) -> None:
        for text in ("", "pump"):
            assert fresh.search(SearchQuery(Scope("offer"), text)).total == 0


class Unusable(HashingEmbedder):
    """A model that is not there."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        raise ModelUnusable("The model is missing.")


def break_keywords(engine: LocalEngine) -> LocalEngine:
    """The same memory over a damaged keyword index, as a process finds it that starts now."""
    folder = engine.generations.current()
    engine.keywords()
    for path in folder.glob("*.t*c"):
        path.write_bytes(b"garbage!")
    (folder / "meta.json").write_bytes(b"garbage!")
    again = engine.empty_twin(engine.generations.root)
    again.vectors = engine.vectors
    return again


@pytest.fixture(scope="class")
def forgotten_files() -> Iterator[None]:
    """Collected within the class that expects the warnings: Whoosh does not close a file that it fails to read."""
    yield
    gc.collect()


@pytest.mark.usefixtures("forgotten_files")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestFolding:
    @pytest.fixture
    def folded(self, fresh: LocalEngine) -> LocalEngine:
        """Six offers in three families; a higher number says pump more often."""
        texts = {id: "solar pump " * id + "kiln" for id in range(1, 7)}
        fill(fresh, [Document(id, 1, "offer", text, "", family=1 + id % 3) for id, text in texts.items()])
        return fresh

    @given(text=st.sampled_from(["solar pump", "kiln", ""]), size=st.integers(1, 4))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_pages_hold_every_listing_once_alone_or_folded(self, folded: LocalEngine, text: str, size: int) -> None:
        query = SearchQuery(Scope("offer"), text, fold=True, limit=size)
        pages = [folded.search(replace(query, offset=n)) for n in range(0, 6, size)]
        hits = [hit for page in pages for hit in page.hits]
        assert len(hits) == pages[0].families == 3
        assert sorted(id for hit in hits for id in (hit.id, *hit.folded)) == [1, 2, 3, 4, 5, 6]

    def test_the_best_of_a_family_stands_for_it(self, folded: LocalEngine) -> None:
        alone = [hit.id for hit in folded.search(SearchQuery(Scope("offer"), "kiln")).hits]
        together = folded.search(SearchQuery(Scope("offer"), "kiln", fold=True)).hits
        best = {id % 3: id for id in reversed(alone)}
        assert [hit.id for hit in together] == [id for id in alone if best[id % 3] == id]

    def test_counts_are_of_listings(self, folded: LocalEngine) -> None:
        assert folded.search(SearchQuery(Scope("offer"), "kiln", fold=True)).total == 6


class TestEvidence:
    @given(text=texts)
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_points_shown_and_left_add_up_to_the_score(self, engine: LocalEngine, text: str) -> None:
        result = engine.search(SearchQuery(Scope("offer"), text, limit=5))
        query = SearchQuery(Scope("offer"), text, result.encoded)
        for hit in result.hits:
            document = DOCUMENTS[hit.id]
            (encoded,) = engine.embedder.encode([document.text])
            evidence = engine.evidence(query, hit, (document, encoded))
            assert evidence.total == pytest.approx(hit.score, abs=1e-4)

    def test_shared_words_have_points_even_without_vectors(self, engine: LocalEngine) -> None:
        query = SearchQuery(Scope("offer"), "solar pump", legs=frozenset({"keyword"}))
        hit = engine.search(query).hits[0]
        evidence = engine.evidence(query, hit, (DOCUMENTS[hit.id], None))
        assert evidence.terms
        assert (evidence.pairs, evidence.other_pairs) == ((), 0.0)


class TestFailures:
    @pytest.fixture
    def filled(self, fresh: LocalEngine) -> LocalEngine:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", ""), Document(2, 1, "offer", "Lime kiln", "")])
        return fresh

    def test_without_keywords_the_vectors_answer_with_a_notice(self, filled: LocalEngine) -> None:
        result = break_keywords(filled).search(SearchQuery(Scope("offer"), "solar pump", least_score=0.9))
        assert (result.hits[0].id, result.notices) == (1, (Notice.NO_KEYWORDS,))

    def test_without_keywords_the_facets_are_counted(self, filled: LocalEngine) -> None:
        fill(filled, [Document(3, 1, "offer", "Solar pump", "", facets={"country": ("KE",)})])
        query = SearchQuery(Scope("offer", filters={"country": ("KE",)}), "solar pump")
        assert break_keywords(filled).search(query).facets["country"] == {"KE": 1}

    def test_without_the_model_the_keywords_answer_with_a_notice(self, filled: LocalEngine) -> None:
        filled.embedder = Unusable()
        result = filled.search(SearchQuery(Scope("offer"), "solar pump", least_score=0.9))
        assert ([hit.id for hit in result.hits], result.notices) == ([1], (Notice.NO_VECTORS,))

    def test_without_either_the_engine_is_down(self, filled: LocalEngine) -> None:
        broken = break_keywords(filled)
        broken.embedder = Unusable()
        with pytest.raises(EngineDown):
            broken.search(SearchQuery(Scope("offer"), "solar pump"))

    def test_browsing_needs_neither(self, filled: LocalEngine) -> None:
        broken = break_keywords(filled)
        broken.embedder = Unusable()
        assert [hit.id for hit in broken.search(SearchQuery(Scope("offer"))).hits] == [1, 2]

    def test_a_broken_index_has_no_terms_and_no_weights(self, filled: LocalEngine) -> None:
        broken = break_keywords(filled)
        assert (broken.terms("solar pump"), broken.weights(["pump"])) == ({}, {})

    def test_a_keyword_index_that_runs_ahead_shows_nothing_unknown(self, filled: LocalEngine) -> None:
        filled.write([Document(3, 1, "offer", "Solar pump", "")])
        assert {hit.id for hit in filled.search(SearchQuery(Scope("offer"), "solar pump")).hits} <= {1, 2}

    def test_a_keyword_index_that_lags_behind_shows_nothing_removed(self, filled: LocalEngine) -> None:
        filled.load([], np.empty((0, 64), np.float32), removed=[1])
        assert {hit.id for hit in filled.search(SearchQuery(Scope("offer"), "solar pump")).hits} == {2}


def of_version(version: int, _ids: object = None) -> list[Document]:
    return [Document(1, version, "offer", "Solar pump", "")]


@pytest.mark.usefixtures("forgotten_files")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestRebuild:
    def test_a_rebuild_swaps_in_a_new_generation(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", ""), Document(2, 1, "offer", "Lime kiln", "")])
        before = fresh.generations.current()
        assert fresh.rebuild(lambda _ids: [Document(1, 2, "offer", "Hand pump", "")], lambda: {1: 2}) == 1
        assert fresh.generations.current() != before
        assert fresh.keywords().versions() == {1: 2}

    def test_a_rebuild_that_differs_is_refused_and_the_old_one_stays(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        before = fresh.generations.current()
        with pytest.raises(IndexCorrupt, match="does not agree with the database"):
            fresh.rebuild(lambda _ids: [Document(1, 2, "offer", "Solar pump", "")], lambda: {1: 3})
        assert (fresh.generations.current(), fresh.keywords().versions()) == (before, {1: 1})

    def test_a_refused_rebuild_leaves_no_folder_behind(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        with pytest.raises(IndexCorrupt):
            fresh.rebuild(lambda _ids: [], lambda: {1: 1})
        assert [path.name for path in fresh.generations.root.iterdir()] == ["g000001"]

    def test_what_changes_meanwhile_is_written_again(self, fresh: LocalEngine) -> None:
        versions = iter([1, 2, 3])
        expected = iter([{1: 2}, {1: 3}, {1: 3}])
        fresh.rebuild(lambda _ids: of_version(next(versions)), lambda: next(expected))
        assert fresh.keywords().versions() == {1: 3}

    def test_what_leaves_meanwhile_is_taken_out(self, fresh: LocalEngine) -> None:
        fresh.rebuild(lambda ids: [] if ids else of_version(1), lambda: {})
        assert fresh.keywords().versions() == {}

    def test_only_what_differs_is_written_again(self, fresh: LocalEngine) -> None:
        asked: list[list[int] | None] = []

        def documents(ids: Sequence[int] | None) -> list[Document]:
            asked.append(list(ids) if ids else None)
            return [Document(id, 1 if ids is None else 2, "offer", "Solar pump", "") for id in ids or (1, 2)]

        fresh.rebuild(documents, lambda: {1: 1, 2: 2})
        assert asked == [None, [2]]

    def test_a_listing_that_never_rests_does_not_hold_up_a_rebuild(self, fresh: LocalEngine) -> None:
        written, changed = count(1), count(2)
        fresh.rebuild(lambda _ids: of_version(next(written)), lambda: {1: next(changed)})
        assert fresh.keywords().versions() == {1: 6}

    def test_the_previous_generation_is_kept_and_older_ones_are_not(self, fresh: LocalEngine) -> None:
        for version in range(1, 5):
            fresh.rebuild(partial(of_version, version), partial(dict, {1: version}))
        assert {path.name for path in fresh.generations.root.glob("g*")} == {"g000003", "g000004"}

    def test_another_engine_picks_the_new_generation_up(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        other = fresh.empty_twin(fresh.generations.root)
        assert other.keywords().versions() == {1: 1}
        fresh.rebuild(lambda _ids: [Document(1, 2, "offer", "Solar pump", "")], lambda: {1: 2})
        assert other.keywords().versions() == {1: 2}

    def test_a_rebuild_mends_a_damaged_index(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        broken = break_keywords(fresh)
        broken.rebuild(lambda _ids: [Document(1, 1, "offer", "Solar pump", "")], lambda: {1: 1})
        assert broken.search(SearchQuery(Scope("offer"), "pump")).notices == ()

    def test_a_rebuild_mends_a_lost_index(self, fresh: LocalEngine) -> None:
        fill(fresh, [Document(1, 1, "offer", "Solar pump", "")])
        fresh.rebuild(lambda _ids: [Document(1, 1, "offer", "Solar pump", "")], lambda: {1: 1})
        shutil.rmtree(fresh.generations.current())
        again = fresh.empty_twin(fresh.generations.root)
        again.rebuild(lambda _ids: [Document(1, 1, "offer", "Solar pump", "")], lambda: {1: 1})
        assert again.keywords().versions() == {1: 1}

    def test_one_instance_serves_all_threads_after_a_swap(self, fresh: LocalEngine) -> None:
        fresh.rebuild(lambda _ids: [Document(1, 1, "offer", "Solar pump", "")], lambda: {1: 1})
        assert fresh.keywords() is fresh.keywords()
