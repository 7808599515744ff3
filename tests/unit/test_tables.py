from __future__ import annotations

import tempfile
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaker.errors import UnusableFile
from matchmaker.services import tables
from matchmaker.services.tables import Row, RowProblem, open_table


def read(path: Path) -> list[Row | RowProblem]:
    with open_table(path) as table:
        return list(table.rows)


def rows_of(folder: Path, name: str, content: str | bytes) -> list[Row | RowProblem]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


def workbook(folder: Path, *rows: list[object]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    path = folder / "t.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_told_from_the_header(tmp_path: Path, delimiter: str) -> None:
    content = f'id{delimiter}"name, in; full"\n1{delimiter}Pump\n'
    assert rows_of(tmp_path, "t.csv", content) == [Row(2, {"id": "1", "name, in; full": "Pump"})]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "t.csv", "\ufeffid,name\n1,Ölpresse\n") == [Row(2, {"id": "1", "name": "Ölpresse"})]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_ends_a_row(tmp_path: Path, end: str) -> None:
    assert [row.number for row in read_rows(tmp_path, f"id{end}1{end}{end}2{end}")] == [2, 4]


def read_rows(folder: Path, content: str) -> list[Row]:
    return [row for row in rows_of(folder, "t.csv", content) if isinstance(row, Row)]


def test_rows_are_numbered_as_a_spreadsheet_numbers_them(tmp_path: Path) -> None:
    rows = read_rows(tmp_path, '\nid,text\n1,"two\nlines"\n,\n2,b\n')
    assert [(row.number, row.cells["id"]) for row in rows] == [(3, "1"), (5, "2")]


def test_another_encoding_is_named_with_its_line_before_any_row_is_read(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"byte 3 of line 2 is 0xe9.*save it as UTF-8"):
        rows_of(tmp_path, "t.csv", b"id,name\n1,\xe9olienne\n")


def test_an_excel_unicode_text_file_is_told_to_become_utf_8(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="save it as UTF-8"):
        rows_of(tmp_path, "t.csv", "id,name\n1,a\n".encode("utf-16"))


def test_nul_bytes_are_dropped(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "t.csv", b"id,na\0me\n1,a\0b\n") == [Row(2, {"id": "1", "name": "ab"})]


def test_a_row_with_too_many_cells_is_a_problem_and_the_next_one_is_read(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, "t.csv", "id,name\n1,Pump, blue\n2,b\n")
    assert isinstance(first, RowProblem)
    assert first.row == 2
    assert "3 cells" in first.problem
    assert second == Row(3, {"id": "2", "name": "b"})


def test_an_open_quotation_mark_is_a_problem_of_its_row(tmp_path: Path) -> None:
    good, bad = rows_of(tmp_path, "t.csv", 'id,name\n1,a\n2,"b\n')
    assert isinstance(good, Row)
    assert isinstance(bad, RowProblem)
    assert "quotation mark" in bad.remedy


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "", "is empty"),
        ("t.csv", " \n\n", "is empty"),
        ("t.jsonl", "", "is empty"),
        ("t.csv", ",,\n1,2,3\n", "has no header"),
        ("t.csv", "id,name,id\n", "'id' twice"),
        ("t.csv", '"id"x,name\n', "header of t.csv cannot be read"),
        ("t.xls", "id", "Save it as one of: .csv"),
        ("t.xlsx", "no workbook", "cannot be read as an Excel workbook"),
        ("t.xlsx", "", "cannot be read as an Excel workbook"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: str, said: str) -> None:
    with pytest.raises(UnusableFile, match=said):
        rows_of(tmp_path, name, content)


def test_a_folder_and_a_missing_file_say_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="is a folder"):
        read(tmp_path)
    with pytest.raises(UnusableFile, match="cannot be opened"):
        read(tmp_path / "none.csv")


def test_cells_of_a_workbook_come_out_as_people_see_them(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["id", "n", "day", "yes"], [], [7, 2.0, date(2027, 3, 1), True], [None, 1.5])
    assert read(path) == [
        Row(3, {"id": "7", "n": "2", "day": "2027-03-01", "yes": "true"}),
        Row(4, {"id": "", "n": "1.5"}),
    ]


def test_a_workbook_that_breaks_off_is_named(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["id"], [1])
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(broken, "w") as part:
        for name in whole.namelist():
            content = whole.read(name)
            part.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    with pytest.raises(UnusableFile, match="save it again"):
        read(broken)


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_UNPACKED", 1000)
    with pytest.raises(UnusableFile, match="save it as CSV"):
        read(workbook(tmp_path, ["id"], [1]))


def test_a_workbook_with_entities_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["id"], [1])
    evil = tmp_path / "evil.xlsx"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(evil, "w") as part:
        for name in whole.namelist():
            content = whole.read(name)
            if "sheet1" in name:
                content = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + content
            part.writestr(name, content)
    with pytest.raises(UnusableFile, match="Entit"):
        read(evil)


def test_a_bad_line_of_json_is_a_problem_and_the_next_one_is_read(tmp_path: Path) -> None:
    lines = ['{"id": 1}', "", "{oops", "[1]", '{"id": NaN}', "[" * 100_000, '{"id": "2"}']
    read_lines = rows_of(tmp_path, "t.jsonl", "\n".join(lines))
    assert [type(item) for item in read_lines] == [Row, RowProblem, RowProblem, RowProblem, RowProblem, Row]
    assert [item.row if isinstance(item, RowProblem) else item.number for item in read_lines] == [1, 3, 4, 5, 6, 7]


@settings(max_examples=150)
@given(
    st.sampled_from([".csv", ".jsonl", ".xlsx"]),
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='a,;\t"\n\r\0{}[]:1é', max_size=200).map(str.encode),
    ),
)
def test_no_bytes_whatever_raise_anything_but_unusable_file(ending: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            for item in rows_of(Path(folder), "t" + ending, content):
                assert isinstance(item, Row | RowProblem)
        except UnusableFile:
            return
