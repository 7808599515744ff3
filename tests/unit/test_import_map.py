from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.errors import UnusableFile
from matchmaker.services.import_map import map_names, read_map
from matchmaker.services.import_rows import LONGEST_TITLE, title_from
from matchmaker.services.mapping import ImportMap, Mapped, cut
from matchmaker.services.tables import Row

HEAD = 'source = "s"\nid = "no"\n'


def map_of(folder: Path, text: str) -> ImportMap:
    path = folder / "m.toml"
    path.write_text(text, "utf-8")
    return read_map(path)


def mapped(folder: Path, text: str, cells: dict[str, Any]) -> Mapped:
    return map_of(folder, HEAD + text).read(Row(2, cells))


def test_every_map_that_comes_with_the_product_can_be_read() -> None:
    assert {"cordis-h2020-cleantech", "ndc-country-needs", "open-sustainable-technology", "sample-catalogue"} <= set(
        map_names()
    )
    for name in map_names():
        assert read_map(name).source == name


def test_a_field_takes_a_column_a_template_or_several_columns(tmp_path: Path) -> None:
    fields = """
    [fields]
    title = "name"
    summary = "{name} in {place}"
    description = { columns = ["about", "use"], separator = "; " }
    keywords = { column = "words", split = ";" }
    """
    cells = {"no": 7, "name": " Pump ", "place": "Nairobi", "about": "A", "use": "B", "words": "x; y;;"}
    row = mapped(tmp_path, fields, cells)
    assert row.source_id == "7"
    assert row.values == {
        "title": "Pump",
        "summary": "Pump in Nairobi",
        "description": "A; B",
        "keywords": ["x", "y"],
    }


def test_empty_cells_stay_unknown(tmp_path: Path) -> None:
    fields = '[fields]\ntitle = "name"\nsummary = "{name} in {place}"\nkeywords = { column = "words", split = ";" }'
    assert mapped(tmp_path, fields, {"no": "1", "name": "Pump", "place": " ", "words": ""}).values == {"title": "Pump"}


def test_a_constant_fills_what_the_row_leaves_open(tmp_path: Path) -> None:
    text = '[constants]\nlanguage = "fr"\n[fields]\nlanguage = "lang"\n'
    assert mapped(tmp_path, text, {"no": "1", "lang": "sw"}).values == {"language": "sw"}
    assert mapped(tmp_path, text, {"no": "1", "lang": ""}).values == {"language": "fr"}


TABLE = """
[fields]
category = { column = "sector", table = "sectors" }
[tables.sectors]
"Power and heat" = "energy"
"H2*" = "energy"
"H2O*" = "water"
"Other" = ""
"""


@pytest.mark.parametrize(
    ("sector", "category"),
    [("power AND heat", "energy"), ("h2 storage", "energy"), ("H2O networks", "water"), ("Other", None), ("", None)],
)
def test_a_table_translates_values_in_any_case_and_by_their_beginning(
    tmp_path: Path, sector: str, category: str | None
) -> None:
    row = mapped(tmp_path, TABLE, {"no": "1", "sector": sector})
    assert (row.values.get("category"), row.problems) == (category, [])


def test_a_value_missing_from_a_table_is_a_problem_that_names_it(tmp_path: Path) -> None:
    (problem,) = mapped(tmp_path, TABLE, {"no": "1", "sector": "Dance"}).problems
    assert (problem.row, problem.column, problem.value) == (2, "sector", "Dance")
    assert "category" in problem.problem
    assert "otherwise" in problem.remedy


def test_an_id_that_its_table_does_not_know_is_a_problem_too(tmp_path: Path) -> None:
    text = 'source = "s"\nid = { column = "no", table = "t" }\n[fields]\ntitle = "t"\n[tables.t]\nx = "1"\n'
    row = map_of(tmp_path, text).read(Row(2, {"no": "y", "t": "Pump"}))
    assert [(problem.column, problem.value) for problem in row.problems] == [("no", "y")]


def test_otherwise_takes_what_the_table_does_not_know(tmp_path: Path) -> None:
    row = mapped(tmp_path, TABLE.replace('"sectors" }', '"sectors", otherwise = "" }'), {"no": "1", "sector": "Dance"})
    assert (row.values, row.problems) == ({}, [])


@pytest.mark.parametrize(
    ("country", "code"),
    [("KE", "KE"), ("ken", "KE"), ("Kenya", "KE"), ("Republic of Kenya", "KE"), ("Bolivia", "BO"), ("UK", "GB")],
)
def test_countries_are_converted_from_codes_and_names_after_the_table(tmp_path: Path, country: str, code: str) -> None:
    text = '[fields]\nwanted_in = { column = "c", table = "t", convert = "country" }\n[tables.t]\nUK = "GB"\n'
    assert mapped(tmp_path, text, {"no": "1", "c": country}).values == {"wanted_in": [code]}


def test_a_country_is_never_guessed(tmp_path: Path) -> None:
    row = mapped(tmp_path, '[fields]\nwanted_in = { column = "c", convert = "country" }', {"no": "1", "c": "Kenia"})
    assert [problem.value for problem in row.problems] == ["Kenia"]


def test_an_organisation_is_read_from_its_columns(tmp_path: Path) -> None:
    text = (
        '[fields]\ntitle = "t"\n[fields.organisation]\nname = "firm"\ncountry = { column = "c", convert = "country" }'
    )
    row = mapped(tmp_path, text, {"no": "1", "t": "Pump", "firm": "Jua Works", "c": "KEN"})
    assert row.organisation == {"name": "Jua Works", "country": "KE"}


def test_rows_in_the_products_own_names_need_no_fields(tmp_path: Path) -> None:
    read = map_of(tmp_path, 'source = "s"\nid = "id"\nfields = "same"\n')
    row = read.read(
        Row(
            1,
            {
                "id": "a",
                "kind": "offer",
                "title": "Pump",
                "deadline": None,
                "keywords": "x; y",
                "sdgs": [6],
                "organisation": {"name": "Jua Works", "country": "KE"},
                "colour": "blue",
            },
        )
    )
    assert row.values == {"title": "Pump", "keywords": ["x", "y"], "sdgs": [6], "colour": "blue"}
    assert row.organisation == {"name": "Jua Works", "country": "KE"}


def test_a_skip_rule_leaves_rows_out_with_its_reason(tmp_path: Path) -> None:
    rule = '[fields]\ntitle = "t"\n[[skip]]\ncolumn = "type"\nvalues = ["Training"]\nreason = "no technology"\n'
    read = map_of(tmp_path, HEAD + rule)
    assert read.skipped(Row(2, {"type": "training"})) == "no technology"
    assert read.skipped(Row(2, {"type": "Pilot"})) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source = ", "not valid TOML"),
        ('id = "no"\n[fields]\ntitle = "t"', "^source of the map"),
        ('source = "s"\n[fields]\ntitle = "t"', "^id of the map"),
        (f'source = "{"s" * 65}"\nid = "no"\n[fields]\ntitle = "t"', "^source .* too long"),
        (HEAD, r"fields\.title .* is missing"),
        (HEAD + 'colour = "c"\n[fields]\ntitle = "t"', "^colour .* is not known"),
        (HEAD + '[fields]\ncolour = "c"', r"fields\.colour .* is not a field"),
        (HEAD + "[fields]\ntitle = 7", r"fields\.title .* Give a section"),
        (HEAD + '[fields]\ntitle = { colum = "t" }', r"fields\.title .* names no single source"),
        (HEAD + '[fields]\ntitle = { column = "t", colour = 1 }', r"fields\.title\.colour .* is not known"),
        (HEAD + '[fields]\ntitle = { column = "t", cut = "yes" }', r"fields\.title\.cut .* true or false"),
        (HEAD + '[fields]\nkeywords = { column = "t", cut = true }', r"keywords\.cut .* texts only"),
        (HEAD + '[fields]\ntitle = { column = "t", split = ";" }', r"title\.split .* lists only"),
        (HEAD + '[fields]\ncategory = { column = "t", table = "x" }', r"category\.table .* Add \[tables\.x\]"),
        (HEAD + '[fields]\ntitle = { column = "t", convert = "case" }', r"convert .* Use \"country\""),
        (HEAD + "[fields]\ntitle = { columns = [1] }", r"columns .* names only"),
        (HEAD + '[fields]\norganisation = { colour = "c" }', r"organisation\.colour .* name, kind and country"),
        (HEAD + '[constants]\ncolour = "red"\n[fields]\ntitle = "t"', r"constants\.colour"),
        (HEAD + 'skip = ["x"]\n[fields]\ntitle = "t"', r"^skip .* \[\[skip\]\]"),
        (HEAD + '[fields]\ntitle = "t"\n[tables.t]\nx = [1]', r"tables\.t\.x"),
    ],
)
def test_a_wrong_map_names_the_key_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnusableFile, match=said):
        map_of(tmp_path, text)


def test_a_missing_map_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="cordis-h2020-cleantech"):
        read_map(tmp_path / "none.toml")


def test_a_column_that_the_file_does_not_have_is_named_with_its_key(tmp_path: Path) -> None:
    read = map_of(tmp_path, HEAD + '[fields]\ntitle = "titel"')
    with pytest.raises(UnusableFile, match=r"'titel', which fields\.title .* no, title"):
        read.check_columns(("no", "title"))
    read.check_columns(("no", "titel"))


def test_a_header_of_own_field_names_is_checked_before_any_row(tmp_path: Path) -> None:
    read = map_of(tmp_path, 'source = "s"\nid = "id"\nfields = "same"\n')
    with pytest.raises(UnusableFile, match="'colour' is not a field"):
        read.check_columns(("id", "title", "colour"))


def test_a_long_text_is_cut_at_the_end_of_a_sentence() -> None:
    assert cut("One two three. Four five. Six 3.14 seven", 31) == "One two three. Four five."


@given(st.text(max_size=300), st.integers(1, 60))
def test_a_cut_text_never_exceeds_its_length(text: str, most: int) -> None:
    assert len(cut(text, most)) <= most


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Renewable Energy: Hydro", "Renewable Energy: Hydro"),
        ("Waste, Recycling.", "Waste, Recycling"),
        ("# A pump\n\nIt lifts water.", "A pump"),
        (f"It lifts water. {'x ' * 80}", "It lifts water"),
        (", ".join(["Sustainable land management"] * 6), ", ".join(["Sustainable land management"] * 4)),
        ("", ""),
    ],
)
def test_a_title_is_the_first_sentence_or_whole_clauses_of_a_text(text: str, title: str) -> None:
    assert title_from(text) == title


@given(st.text(max_size=400))
def test_a_title_fits_and_is_one_line(text: str) -> None:
    title = title_from(text)
    assert len(title) <= LONGEST_TITLE
    assert "\n" not in title
