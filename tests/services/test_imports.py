from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text

from matchmaker.errors import Invalid, UnusableFile
from matchmaker.policy import SYSTEM
from matchmaker.services.import_map import read_map
from matchmaker.services.imports import ImportReport, import_file
from matchmaker.services.mapping import ImportMap
from models import Listing, Organisation, OutboxItem, db

PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "listings"
MAP = """
source = "registry"
id = "no"
licence = "CC BY 4.0"
url = "link"
[constants]
language = "en"
[fields]
title = "name"
summary = "about"
keywords = { column = "words", split = ";" }
category = { column = "sector", table = "sectors" }
trl = "level"
organisation = { name = "firm", country = { column = "land", convert = "country" } }
[tables.sectors]
Power = "energy"
[[skip]]
column = "sector"
values = ["Training"]
reason = "no technology"
"""
NO_DRAGONS = {
    "sqlite": [
        "CREATE TRIGGER no_dragons BEFORE INSERT ON listing WHEN NEW.title = 'Dragon' "
        "BEGIN SELECT RAISE(ABORT, 'no dragons here'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION no_dragons() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no dragons here'; END $$",
        "CREATE TRIGGER no_dragons BEFORE INSERT ON listing FOR EACH ROW WHEN (NEW.title = 'Dragon') "
        "EXECUTE FUNCTION no_dragons()",
    ],
}
COLUMNS = ("no", "name", "about", "words", "sector", "level", "firm", "land", "link")


@pytest.fixture
def registry(tmp_path: Path) -> ImportMap:
    path = tmp_path / "registry.toml"
    path.write_text(MAP, "utf-8")
    return read_map(path)


def write(folder: Path, *rows: Mapping[str, str]) -> Path:
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({"name": "Pump", "firm": "Jua Works", "land": "Kenya", **row} for row in rows)
    return path


def run(path: Path, how: ImportMap, **options: Any) -> ImportReport:
    return import_file(path, "offer", how, SYSTEM, **options)


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.skipped, report.failed


def stored(table: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.usefixtures("app_context")
def test_a_row_becomes_a_published_listing_with_its_origin(tmp_path: Path, registry: ImportMap) -> None:
    row = {"no": "1", "words": "water;solar", "sector": "power", "level": "7", "link": "https://example.org/1"}
    assert counts(run(write(tmp_path, row), registry)) == (1, 0, 0, 0, 0)
    listing = db.session.scalars(select(Listing)).one()
    assert (listing.title, listing.status, listing.language) == ("Pump", "published", "en")
    assert (listing.keywords, listing.category, listing.trl) == (["water", "solar"], "energy", 7)
    assert (listing.source, listing.source_id, listing.source_url) == ("registry", "1", "https://example.org/1")
    assert (listing.source_licence, listing.sample, listing.ip_status) == ("CC BY 4.0", False, "unknown")
    organisation = db.session.scalars(select(Organisation)).one()
    assert (organisation.name, organisation.country) == ("Jua Works", "KE")
    assert listing.organisation_id == organisation.id
    assert stored(OutboxItem) == 1


@pytest.mark.usefixtures("app_context")
def test_the_same_file_twice_changes_nothing_and_asks_the_database_once(tmp_path: Path, registry: ImportMap) -> None:
    path = write(tmp_path, *({"no": str(number)} for number in range(30)))
    assert counts(run(path, registry)) == (30, 0, 0, 0, 0)
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert counts(run(path, registry)) == (0, 0, 30, 0, 0)
    assert sum("listing" in statement for statement in asked) == 1
    assert (stored(Listing), stored(Organisation), stored(OutboxItem)) == (30, 1, 30)


@pytest.mark.usefixtures("app_context")
def test_a_changed_row_changes_its_listing_only(tmp_path: Path, registry: ImportMap) -> None:
    run(write(tmp_path, {"no": "1"}, {"no": "2"}), registry)
    assert counts(run(write(tmp_path, {"no": "1"}, {"no": "2", "about": "Quieter."}), registry)) == (0, 1, 1, 0, 0)
    versions = db.session.execute(select(Listing.source_id, Listing.version, Listing.summary)).all()
    assert sorted(map(tuple, versions)) == [("1", 1, ""), ("2", 2, "Quieter.")]


@pytest.mark.usefixtures("app_context")
def test_a_bad_row_is_reported_by_its_column_and_stops_no_other(tmp_path: Path, registry: ImportMap) -> None:
    path = write(
        tmp_path,
        {"no": "1"},
        {"no": "2", "level": "12"},
        {"no": "3", "sector": "Dance"},
        {"no": "4", "land": "Kenia"},
        {"no": ""},
        {"no": "1"},
        {"no": "7", "link": "javascript:alert(1)"},
        {"no": "8", "words": "x" * 65},
        {"no": "9", "about": "x" * 501},
        {"no": "10", "name": ""},
        {"no": "11", "sector": "Training"},
        {"no": "12"},
    )
    report = run(path, registry)
    assert counts(report) == (2, 0, 0, 1, 9)
    assert report.skipped_because == {"no technology": 1}
    assert [(problem.row, problem.column) for problem in report.problems] == [
        (3, "level"),
        (4, "sector"),
        (5, "land"),
        (6, "no"),
        (7, "no"),
        (8, "link"),
        (9, "words"),
        (10, "about"),
        (11, "name"),
    ]
    assert report.problems[0].value == "12"
    assert "1 to 9" in report.problems[0].problem
    assert "Row 2" in report.problems[4].problem
    assert "cut = true" in report.problems[7].remedy
    assert all(problem.problem and problem.remedy for problem in report.problems)
    json.dumps(report.as_dict())


@pytest.mark.usefixtures("app_context")
def test_bad_rows_go_to_a_file_in_which_no_cell_is_a_formula(tmp_path: Path, registry: ImportMap) -> None:
    path = write(tmp_path, {"no": "1", "level": "=HYPERLINK(1)"}, {"no": "2", "sector": "@Dance"})
    errors = tmp_path / "errors.csv"
    run(path, registry, errors_to=errors)
    with errors.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "column", "value", "problem", "remedy"]
    assert [(row["row"], row["column"], row["value"]) for row in rows] == [
        ("2", "level", "'=HYPERLINK(1)"),
        ("3", "sector", "'@Dance"),
    ]


@pytest.mark.usefixtures("app_context")
def test_the_errors_file_never_replaces_the_file_to_import(tmp_path: Path, registry: ImportMap) -> None:
    path = write(tmp_path, {"no": "1"})
    with pytest.raises(UnusableFile, match="another name"):
        run(path, registry, errors_to=path)
    assert counts(run(path, registry)) == (1, 0, 0, 0, 0)


@pytest.mark.usefixtures("app_context")
def test_a_dry_run_counts_but_writes_nothing(tmp_path: Path, registry: ImportMap) -> None:
    run(write(tmp_path, {"no": "1"}, {"no": "2"}), registry)
    path = write(tmp_path, {"no": "1"}, {"no": "2", "about": "New."}, {"no": "3"}, {"no": "4", "level": "x"})
    report = run(path, registry, dry_run=True)
    assert counts(report) == (1, 1, 1, 0, 1)
    assert (stored(Listing), stored(OutboxItem)) == (2, 2)
    assert counts(run(path, registry)) == counts(report)


@pytest.mark.usefixtures("app_context")
def test_a_row_that_the_database_refuses_leaves_the_rest_of_its_batch_stored(
    tmp_path: Path, registry: ImportMap
) -> None:
    with db.engine.begin() as connection:
        for statement in NO_DRAGONS[db.engine.dialect.name]:
            connection.execute(text(statement))
    names = ["Pump", "Dragon", "Mill"]
    path = write(tmp_path, *({"no": name, "name": name, "firm": f"{name} Works"} for name in names))
    report = run(path, registry)
    assert counts(report) == (2, 0, 0, 0, 1)
    assert (report.problems[0].row, report.problems[0].value) == (3, "Dragon")
    assert "no dragons here" in report.problems[0].problem
    assert sorted(db.session.scalars(select(Organisation.name))) == ["Mill Works", "Pump Works"]


@pytest.mark.usefixtures("app_context")
def test_an_offer_never_turns_into_a_need(tmp_path: Path, registry: ImportMap) -> None:
    path = write(tmp_path, {"no": "1"})
    run(path, registry)
    report = import_file(path, "need", registry, SYSTEM)
    assert counts(report) == (0, 0, 0, 0, 1)
    assert "already stored as offer" in report.problems[0].problem


@pytest.mark.usefixtures("app_context")
def test_batches_and_progress_cover_every_row(tmp_path: Path, registry: ImportMap) -> None:
    steps: list[int] = []
    path = write(tmp_path, *({"no": str(number)} for number in range(7)), {"no": ""})
    assert counts(run(path, registry, batch=3, progress=steps.append)) == (7, 0, 0, 0, 1)
    assert sum(steps) == 8
    assert stored(Listing) == 7


@pytest.mark.usefixtures("app_context")
def test_a_map_that_cannot_serve_the_kind_is_refused_at_once(tmp_path: Path, registry: ImportMap) -> None:
    path = write(tmp_path, {"no": "1"})
    with pytest.raises(UnusableFile, match="wanted_in, which offers do not have"):
        run(path, read_map("ndc-country-needs"))
    with pytest.raises(Invalid, match="no kind of listing"):
        import_file(path, "wish", registry, SYSTEM)
    (tmp_path / "bad.toml").write_text(MAP.replace('language = "en"', 'language = "??"'), "utf-8")
    with pytest.raises(UnusableFile, match=r"constants\.language"):
        run(path, read_map(tmp_path / "bad.toml"))


@pytest.mark.usefixtures("app_context")
def test_json_lines_in_the_products_own_names_need_almost_no_map(tmp_path: Path) -> None:
    rows = [
        {
            "id": "a",
            "kind": "offer",
            "title": "泵",
            "trl": 7,
            "deadline": None,
            "benefits": [{"tag": "water-saving", "quantity": 40, "unit": "%"}],
            "organisation": {"name": "Jua Works", "kind": "sme", "country": "KE"},
        },
        {"id": "b", "kind": "need", "title": "Mill"},
        {"id": "c", "title": "Mill", "colour": "blue"},
        {"id": "d", "title": "Mill", "benefits": [{"tag": "gold", "quantity": 1}], "sdgs": [6, 99]},
        {"id": "e", "title": {"nested": ["\ud800\0"]}},
        {"id": "f", "title": "Mill", "organisation": {"name": "Jua Works", "country": "Kenya"}},
        {"id": "g", "title": "Mill", "organisation": {"country": "KE"}},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    errors = tmp_path / "errors.csv"
    report = run(path, read_map("sample-catalogue"), errors_to=errors)
    assert counts(report) == (1, 0, 0, 0, 6)
    assert [(problem.row, problem.column) for problem in report.problems] == [
        (2, "kind"),
        (3, "colour"),
        (4, "sdgs"),
        (4, "benefits"),
        (5, "title"),
        (6, "organisation.country"),
        (7, "organisation.name"),
    ]
    assert "item 2" in report.problems[2].problem
    assert report.problems[5].value == "Kenya"
    listing = db.session.scalars(select(Listing)).one()
    assert (listing.title, listing.sample, listing.trl) == ("泵", True, 7)
    assert listing.benefits[0]["baseline"] == ""


def test_the_three_public_files_import_completely(app_context: Flask) -> None:
    if not PUBLIC.is_dir():
        pytest.skip("the public files are not beside the repository")
    for name, kind, rows in (
        ("cordis-h2020-cleantech", "offer", 1732),
        ("open-sustainable-technology", "offer", 2703),
        ("ndc-country-needs", "need", 1398),
    ):
        path, how = PUBLIC / f"{name}.csv", read_map(name)
        first = import_file(path, kind, how, SYSTEM)
        assert counts(first) == (rows, 0, 0, 0, 0), first.problems
        assert counts(import_file(path, kind, how, SYSTEM)) == (0, 0, rows, 0, 0)
    assert stored(Listing) == 5833
    invented = (Listing.trl.is_not(None), Listing.ip_kind != "unknown", Listing.ip_status != "unknown")
    assert all(db.session.scalar(select(func.count()).where(field)) == 0 for field in invented)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([".csv", ".jsonl"]),
    st.one_of(
        st.binary(max_size=120),
        st.lists(
            st.dictionaries(
                st.sampled_from(["id", "title", "kind", "sdgs", "benefits", "trl", "organisation", "deadline"]),
                st.recursive(
                    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
                    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
                    max_leaves=4,
                ),
            ),
            max_size=4,
        ).map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    ),
)
def test_no_file_whatever_ends_in_anything_but_a_report_or_unusable_file(
    app_context: Flask, ending: str, content: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{ending}"
        path.write_bytes(content)
        try:
            report = run(path, read_map("sample-catalogue"), errors_to=Path(folder) / "errors.csv")
        except UnusableFile:
            return
        json.dumps(report.as_dict())
