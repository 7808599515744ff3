"""The sample catalogue and its judgments are what README says they are."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import Any

import pytest

from benchmarks import sample_collection
from matchmaker.services.evaluation import read_collection
from models.taxonomy import CATEGORIES

SAMPLES = sample_collection.SAMPLES


def rows(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / f"{kind}s.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def judgments() -> list[tuple[str, str, int]]:
    with (sample_collection.HERE / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t")
        return [(row["query-id"], row["corpus-id"], int(row["score"])) for row in lines]


def test_there_are_at_least_120_offers_and_60_needs() -> None:
    assert len(rows("offer")) >= 120
    assert len(rows("need")) >= 60


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_all_seven_categories_are_covered(kind: str) -> None:
    assert {row["category"] for row in rows(kind)} == set(CATEGORIES)


def test_organisations_come_from_at_least_25_countries() -> None:
    assert len({row["organisation"]["country"] for row in rows("offer") + rows("need")}) >= 25


@pytest.mark.parametrize("language", ["zh", "es", "fr", "ar"])
def test_at_least_ten_offers_are_written_in_each_other_language(language: str) -> None:
    assert Counter(row["language"] for row in rows("offer"))[language] >= 10


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_every_listing_passes_its_schema(kind: str) -> None:
    assert len(sample_collection.documents(kind)) == len(rows(kind))


def test_patent_numbers_bear_a_country_code_that_marks_them_fictional() -> None:
    assert all(number.startswith("ZZ") for row in rows("offer") for number in row["ip_publications"])


def test_the_collection_holds_the_catalogues_present_texts() -> None:
    assert (sample_collection.HERE / "corpus.jsonl").read_text("utf-8") == sample_collection.corpus()
    assert (sample_collection.HERE / "queries.jsonl").read_text("utf-8") == sample_collection.queries()


def test_judgments_name_listings_that_exist_once(judgments: list[tuple[str, str, int]]) -> None:
    pairs = [(need, offer) for need, offer, _ in judgments]
    assert len(set(pairs)) == len(pairs)
    assert {need for need, _ in pairs} <= {row["id"] for row in rows("need")}
    assert {offer for _, offer in pairs} <= {row["id"] for row in rows("offer")}


def test_grades_run_from_0_to_2(judgments: list[tuple[str, str, int]]) -> None:
    assert {grade for _, _, grade in judgments} == {0, 1, 2}


def test_at_least_40_needs_have_an_offer_worth_a_call_and_a_near_miss(judgments: list[tuple[str, str, int]]) -> None:
    best = {need for need, _, grade in judgments if grade == 2}
    missed = {need for need, _, grade in judgments if grade == 0}
    assert len(best & missed) >= 40


def test_the_collection_can_be_read_for_evaluation() -> None:
    assert len(read_collection(sample_collection.HERE).queries) >= 40
