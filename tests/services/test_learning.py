"""From verdicts in a file to a ranker in use, over real listings and indexes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import Database, application
from flask import Flask

from matchmaker.errors import MatchmakerError, UnusableFile
from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import comparing, indexing, listings, matching, ranking, training
from matchmaker.services.listings import Imported, Origin
from matchmaker.services.ranking import FEATURES, RankerUnusable
from matchmaker.services.training import Trained
from matchmaker.services.verdicts import read_verdicts
from search_index.local import LocalEngine

COUNTRIES = ("KE", "EG")
NEEDS, OFFERS = 24, 8


@pytest.fixture(scope="module")
def filled(migrated: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Database]]:
    """An instance of 24 needs and 8 offers that are told apart by their countries alone. Cloned, never changed."""
    folder = tmp_path_factory.mktemp("filled")
    with migrated.clone(folder) as database:
        with application(folder, database.url) as app, app.app_context():
            fill(app)
        yield folder, database


def fill(app: Flask) -> None:
    for kind, many, field in (("offer", OFFERS, "available_in"), ("need", NEEDS, "wanted_in")):
        rows = []
        for number in range(many):
            given = {"title": f"Solar pump {number}", "language": "en", field: [COUNTRIES[number % 2]]}
            origin = Origin("trial", f"{kind}-{number}", "https://example.org", "CC BY 4.0", f"{number}", sample=True)
            rows.append(Imported(listing_schema(kind).load(given), None, origin))
        listings.put_imported(SYSTEM, kind, "trial", rows)
    indexing.drain(app.extensions["matchmaker"].engine, "tests")


@pytest.fixture
def cloned(filled: tuple[Path, Database], tmp_path: Path) -> Iterator[tuple[Path, Database]]:
    folder, database = filled
    shutil.copytree(folder, tmp_path / "instance")
    with database.clone(tmp_path / "instance") as clone:
        yield tmp_path / "instance", clone


@pytest.fixture
def instance(cloned: tuple[Path, Database]) -> Path:
    return cloned[0]


@pytest.fixture
def engine(cloned: tuple[Path, Database]) -> Iterator[LocalEngine]:
    folder, database = cloned
    with application(folder, database.url) as app, app.app_context():
        parts: Parts = app.extensions["matchmaker"]
        yield parts.engine


def follows_country(need: int, offer: int) -> object:
    return int(need % 2 == offer % 2)


def follows_nothing(need: int, offer: int) -> object:
    return hashlib.sha256(f"{need} {offer}".encode()).digest()[0] % 2


def numbers() -> dict[str, int]:
    """The listing's number by its source id."""
    found = indexing.public_documents()
    return {f"{d.kind}-{d.title.split()[-1]}": d.id for d in found}


@pytest.fixture
def verdicts(engine: LocalEngine, tmp_path: Path) -> Callable[..., Path]:
    """Writes verdicts on every pair to a file of JSON Lines."""

    def write(rule: Callable[[int, int], object] = follows_country, name: str = "verdicts.jsonl") -> Path:
        ids = numbers()
        lines = [
            json.dumps({"need": ids[f"need-{n}"], "offer": ids[f"offer-{o}"], "verdict": rule(n, o)})
            for n in range(NEEDS)
            for o in range(OFFERS)
        ]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write


def train(engine: LocalEngine, instance: Path, path: Path) -> Trained:
    return training.train(engine, instance, read_verdicts(path))


class TestTraining:
    def test_a_ranker_that_wins_is_put_in_use_with_its_diagram(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        done = train(engine, instance, verdicts())
        assert (done.won, done.against, done.diagram) == (True, "fused score", instance / "ranker.svg")
        assert done.diagram.exists()
        assert ranking.current(instance) == done.ranker

    def test_it_has_learnt_the_rule(self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]) -> None:
        made = train(engine, instance, verdicts()).ranker
        weights = dict(zip(FEATURES, made.coefficients, strict=True))
        assert max(weights, key=lambda name: weights[name]) == "countries_fits"
        assert made.trained.figures.ndcg_at_10["new ranker"] == 1.0

    def test_it_says_what_it_was_made_of(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        made = train(engine, instance, verdicts()).ranker.trained
        assert (made.needs, made.pairs, made.relevant, made.embedder) == (24, 192, 96, "hashing-64")

    def test_verdicts_that_follow_nothing_replace_nothing(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        done = train(engine, instance, verdicts(follows_nothing))
        assert (done.won, done.diagram.name, ranking.current(instance)) == (False, "ranker.refused.svg", None)

    def test_the_same_verdicts_again_do_not_replace_the_present_ranker(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        first = train(engine, instance, verdicts())
        again = train(engine, instance, verdicts())
        assert (again.won, again.against) == (False, "present ranker")
        assert ranking.current(instance) == first.ranker

    def test_a_present_ranker_that_new_verdicts_contradict_is_replaced_and_kept(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        train(engine, instance, verdicts())
        before = (instance / "ranker.json").read_text()
        done = train(engine, instance, verdicts(lambda n, o: 1 - int(n % 2 == o % 2)))
        assert (done.won, done.against) == (True, "present ranker")
        assert (instance / "ranker.previous.json").read_text() == before

    def test_a_present_ranker_of_another_model_is_no_rival(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        train(engine, instance, verdicts())
        stored = json.loads((instance / "ranker.json").read_text())
        stored["trained"]["embedder"] = "another"
        (instance / "ranker.json").write_text(json.dumps(stored))
        assert train(engine, instance, verdicts()).against == "fused score"

    def test_a_damaged_present_ranker_stops_the_training(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        (instance / "ranker.json").write_text("{")
        with pytest.raises(RankerUnusable):
            train(engine, instance, verdicts())
        assert (instance / "ranker.json").read_text() == "{"

    def test_pairs_of_withdrawn_listings_are_skipped(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        path = verdicts()
        listings.withdraw(SYSTEM, numbers()["offer-0"])
        indexing.drain(engine, "tests")
        assert train(engine, instance, path).skipped == NEEDS

    def test_without_keywords_nothing_is_learnt(
        self, engine: LocalEngine, instance: Path, verdicts: Callable[..., Path]
    ) -> None:
        path = verdicts()
        (engine.generations.root / "CURRENT").write_text("nowhere")
        with pytest.raises(MatchmakerError, match="index rebuild"):
            train(engine, instance, path)


class TestFingerprint:
    def test_it_does_not_depend_on_the_order_of_the_file(
        self, engine: LocalEngine, verdicts: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = verdicts()
        turned = tmp_path / "turned.jsonl"
        turned.write_text("\n".join(reversed(path.read_text().splitlines())))
        assert self.of(engine, turned) == self.of(engine, path)

    def test_another_verdict_changes_it(self, engine: LocalEngine, verdicts: Callable[..., Path]) -> None:
        first = self.of(engine, verdicts())
        assert self.of(engine, verdicts(lambda n, o: 2 if n == o == 0 else follows_country(n, o))) != first

    def test_another_version_of_a_listing_changes_it(self, engine: LocalEngine, verdicts: Callable[..., Path]) -> None:
        path = verdicts()
        first = self.of(engine, path)
        read = read_verdicts(path)
        next(iter(read.listings.values())).version += 1
        indexing.Reader.of(engine).pull()
        assert training.judge(engine, read).fingerprint != first

    def of(self, engine: LocalEngine, path: Path) -> str:
        indexing.Reader.of(engine).pull()
        return training.judge(engine, read_verdicts(path)).fingerprint


class TestComparing:
    def test_the_legs_are_those_of_a_search(self, engine: LocalEngine) -> None:
        indexing.Reader.of(engine).pull()
        ids = numbers()
        need = listings.find(SYSTEM, ids["need-0"])
        (found,) = [
            match.hit
            for match in matching.find(engine, SYSTEM, "offer", listing=need).matches
            if match.listing.id == ids["offer-0"]
        ]
        row = comparing.compare(engine, need, [listings.find(SYSTEM, ids["offer-0"])])[ids["offer-0"]]
        assert found.vector
        assert found.keyword
        assert row[:2] == pytest.approx([found.vector.normalised, found.keyword.normalised], abs=1e-3)

    def test_an_offer_of_the_same_words_holds_all_of_the_needs_weight(self, engine: LocalEngine) -> None:
        indexing.Reader.of(engine).pull()
        ids = numbers()
        need, same = listings.find(SYSTEM, ids["need-0"]), listings.find(SYSTEM, ids["offer-0"])
        row = comparing.compare(engine, need, [same])[same.id]
        assert row[FEATURES.index("term_share")] == pytest.approx(1)


class TestReading:
    def test_judgments_name_listings_by_where_they_came_from(self, engine: LocalEngine, tmp_path: Path) -> None:
        path = tmp_path / "test.tsv"
        path.write_text("query-id\tcorpus-id\tscore\nneed-0\toffer-3\t2\n")
        ids = numbers()
        assert read_verdicts(path).grades == {(ids["need-0"], ids["offer-3"]): 2}

    @pytest.mark.parametrize(("said", "grade"), [(0, 0), (1, 1), (2, 2), ("no", 0), ("yes", 1)])
    def test_a_verdict_is_a_grade_or_a_word(
        self, engine: LocalEngine, verdicts: Callable[..., Path], said: object, grade: int
    ) -> None:
        assert set(read_verdicts(verdicts(lambda *_: said)).grades.values()) == {grade}

    def test_the_last_verdict_on_a_pair_counts(self, engine: LocalEngine, tmp_path: Path) -> None:
        ids = numbers()
        pair = {"need": ids["need-0"], "offer": ids["offer-0"]}
        path = tmp_path / "twice.jsonl"
        path.write_text("".join(json.dumps({**pair, "verdict": verdict}) + "\n" for verdict in (2, 0)))
        assert list(read_verdicts(path).grades.values()) == [0]

    @pytest.mark.parametrize(
        "line",
        [
            "{",
            "[1, 2, 3]",
            '"x"',
            '{"need": 1, "offer": 2}',
            '{"need": 1, "offer": 2, "verdict": 3}',
            '{"need": 1, "offer": 2, "verdict": []}',
            '{"need": "1", "offer": 2, "verdict": 1}',
            '{"need": true, "offer": 2, "verdict": 1}',
            '{"need": 99999999999999999999, "offer": 2, "verdict": 1}',
            "[" * 100_000,
        ],
    )
    def test_a_malformed_line_is_named(self, engine: LocalEngine, tmp_path: Path, line: str) -> None:
        path = tmp_path / "bad.jsonl"
        path.write_text(f"\n{line}\n")
        with pytest.raises(UnusableFile, match="line 2: an object is expected"):
            read_verdicts(path)

    @pytest.mark.parametrize("pair", [("offer-0", "offer-1"), ("need-0", "need-1"), ("need-0", "nobody")])
    def test_a_listing_that_is_not_there_is_named(
        self, engine: LocalEngine, tmp_path: Path, pair: tuple[str, str]
    ) -> None:
        path = tmp_path / "test.tsv"
        path.write_text("query-id\tcorpus-id\tscore\n{}\t{}\t1\n".format(*pair))
        with pytest.raises(UnusableFile, match=r"line 2: no (need|offer) .* Import it first"):
            read_verdicts(path)

    @pytest.mark.parametrize("content", ["need\toffer\n1\t2\n", "query-id\tcorpus-id\tscore\nneed-0\toffer-0\t7\n"])
    def test_judgments_in_another_shape_are_named(self, engine: LocalEngine, tmp_path: Path, content: str) -> None:
        path = tmp_path / "test.tsv"
        path.write_text(content)
        with pytest.raises(UnusableFile, match="line 2: the columns"):
            read_verdicts(path)

    def test_a_name_that_two_sources_use_is_refused(self, engine: LocalEngine, tmp_path: Path) -> None:
        origin = Origin("another", "need-0", "https://example.org", "CC BY 4.0", "x", sample=True)
        values = listing_schema("need").load({"title": "Another need", "language": "en"})
        listings.put_imported(SYSTEM, "need", "another", [Imported(values, None, origin)])
        path = tmp_path / "test.tsv"
        path.write_text("query-id\tcorpus-id\tscore\nneed-0\toffer-0\t1\n")
        with pytest.raises(UnusableFile, match="2 sources have a need need-0"):
            read_verdicts(path)

    @pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "not utf-8"])
    def test_a_file_that_cannot_be_read_is_named(
        self, engine: LocalEngine, tmp_path: Path, content: bytes | None
    ) -> None:
        path = tmp_path / "verdicts.jsonl"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UnusableFile, match="cannot be read"):
            read_verdicts(path)
