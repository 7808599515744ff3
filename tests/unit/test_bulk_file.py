"""Files from outside: whatever they hold, the answer is quick, small and in words."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from datetime import datetime

import openpyxl
import pytest
from spreadsheets import saved, sheet, with_part, workbook

from matchmaker.errors import UnusableFile
from matchmaker.services.bulk_file import MOST_ROWS, read
from matchmaker.services.tables import Row

SHEET, STYLES = "xl/worksheets/sheet1.xml", "xl/styles.xml"
PLAIN = workbook(["title"], ["Pump"])
TITLE = b'<row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row>'


def cells(name: str, content: bytes) -> list[dict[str, object]]:
    return [row.cells for row in read(name, content).rows if isinstance(row, Row)]


def refusal(name: str, content: bytes) -> str:
    with pytest.raises(UnusableFile) as refused:
        read(name, content)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.xlsx", b" \n", "is empty"),
        ("a.csv", b"title\r\n", "a header but no rows"),
        ("a.xlsx", workbook(["title"]), "a header but no rows"),
        ("a.xlsx", workbook(), "has no header"),
        ("a.csv", b"title,title\nPump,Pump\n", "'title' twice"),
        ("a.csv", b"title,Title\nPump,Pump\n", "names title twice"),
        ("a.csv", b"title,sumary,Colour\nPump,,\n", "sumary (did you mean summary?), Colour. Correct their names"),
        ("a.csv", b"summary\nPump\n", "has no column named title"),
        ("a.csv", b"title,,summary\nPump,x,\n", "Column 2 of a.csv has no name"),
        ("a.csv", b"%PDF-1.7 \xe2\xe3", "is a PDF document"),
        ("a.csv", PLAIN, "let its name end in .xlsx"),
        ("a.xlsx", b"%PDF-1.7", "is a PDF document"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + bytes(99), "an old Excel workbook, or one with a password"),
        ("a.xlsx", b"title\nPump", "cannot be read as an Excel workbook"),
        ("a.xlsx", PLAIN[:-40], "cannot be read as an Excel workbook"),
        ("a.xlsx", with_part(PLAIN, SHEET, b"<worksheet><row"), "cannot be read as an Excel workbook"),
        ("a.ods", b"title\nPump", "Save the table as .csv or .xlsx"),
        ("a", b"title\nPump", "Save the table as .csv or .xlsx"),
        ("a.csv", "title\nPümpe\n".encode("cp1252"), 'save it as UTF-8 ("CSV UTF-8" in Excel)'),
        ("a.csv", "title\nPümpe\n".encode("utf-16"), 'is UTF-16 ("Unicode text")'),
        ("a.csv", "title\nPümpe\n".encode("utf-16-be"), "a.csv"),
        ("a.csv", b"title\n" + b"x" * (10 * 2**20), "10.0 MB; at most 10 MB"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_what_to_do(name: str, content: bytes, said: str) -> None:
    assert said in refusal(name, content)


def test_columns_are_known_in_any_case_with_spaces_or_dashes() -> None:
    assert read("a.csv", b" Title ,Available in,ip-kind\nPump,KE,patent\n").columns == (
        "title",
        "available_in",
        "ip_kind",
    )


def test_dates_are_days_formulas_their_values_and_merged_cells_stand_in_their_first() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(["title", "deadline", "trl", "summary"])))
    page = book.worksheets[0]
    page.append(["Pump", datetime(2027, 3, 31), 7.0, "=1+1"])
    page.merge_cells("C2:D2")
    # openpyxl works nothing out, so that the formula has no value.
    assert cells("a.xlsx", saved(book)) == [{"title": "Pump", "deadline": "2027-03-31", "trl": "7", "summary": ""}]


def test_the_value_a_spreadsheet_worked_out_stands_for_its_formula() -> None:
    row = b'<row r="2"><c r="A2" t="str"><f>"Pu"&amp;"mp"</f><v>Pump</v></c></row>'
    assert cells("a.xlsx", with_part(PLAIN, SHEET, sheet(TITLE + row))) == [{"title": "Pump"}]


def test_as_many_rows_as_promised_are_read() -> None:
    content = b"title\n" + b"Pump\n" * MOST_ROWS
    assert len(read("a.csv", content).rows) == MOST_ROWS
    assert "more than 5,000 rows" in refusal("a.csv", content + b"Pump\n")


def entities() -> bytes:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
    )
    return sheet(TITLE + b'<row r="2"><c r="A2" t="inlineStr"><is><t>&j;</t></is></c></row>', prolog=bomb + b"]>")


def repeated_text() -> bytes:
    """One long text that every cell leads to."""
    text = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>title</t></si><si><t>%s</t></si></sst>'
    rows = b"".join(b'<row><c t="s"><v>%d</v></c></row>' % (n > 0) for n in range(4000))
    book = with_part(PLAIN, SHEET, sheet(rows))
    return with_part(book, "xl/sharedStrings.xml", text % (bytes(range(97, 123)) * 20_000))


HOSTILE = {
    "a zip bomb": with_part(PLAIN, "xl/media/image1.png", bytes(60 * 2**20)),
    "a bomb of more than is ever unpacked": with_part(PLAIN, "xl/media/image1.png", bytes(80 * 2**20)),
    "a million rows": with_part(PLAIN, SHEET, sheet(TITLE + b"<row><c><v>1</v></c></row>" * 1_000_000)),
    "a row far below": with_part(PLAIN, SHEET, sheet(TITLE + b'<row r="999999999"><c><v>1</v></c></row>')),
    "ten thousand columns": workbook([f"column {n}" for n in range(10_000)]),
    "ten thousand columns of text": (",".join(f"c{n}" for n in range(10_000)) + "\n1\n").encode(),
    "half a million cells in a row": with_part(PLAIN, SHEET, sheet(TITLE + b"<row>" + b"<c/>" * 500_000 + b"</row>")),
    "merged cells": with_part(
        PLAIN, SHEET, sheet(TITLE, behind=b"<mergeCells>" + b'<mergeCell ref="A1:B9"/>' * 500_000 + b"</mergeCells>")
    ),
    "formats": with_part(PLAIN, STYLES, b"<styleSheet><cellXfs>" + b"<xf/>" * 900_000 + b"</cellXfs></styleSheet>"),
    "a tag of attributes": with_part(
        PLAIN, SHEET, sheet(TITLE, before=b"<cols " + b"".join(b'a%d="" ' % n for n in range(500_000)) + b"/>")
    ),
    "utf-16 that hides what it holds": with_part(PLAIN, SHEET, sheet(b"<row/>" * 100_000).decode().encode("utf-16")),
    "entities in entities": with_part(PLAIN, SHEET, entities()),
    "one text in every cell": repeated_text(),
    "ten thousand parts": b"PK\3\4" + b"PK\1\2" * 10_000,
    "nothing but line ends": b"title\n" + b"\n" * (9 * 2**20),
    "nothing but commas": b"title\n" + b"," * (9 * 2**20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_quickly_in_little_memory(name: str) -> None:
    content = HOSTILE[name]
    kind = "a.xlsx" if content.startswith(b"PK") else "a.csv"
    tracemalloc.start()
    began = time.monotonic()
    try:
        said = refusal(kind, content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kind in said
    assert most < 200 * 2**20
    # Counting memory makes everything several times slower.
    assert time.monotonic() - began < 60


def test_parts_that_lie_over_each_other_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<a/>" * 100)
    content = file.getvalue().replace(b"PK\1\2", b"PK\1\3", 1)
    assert "cannot be read as an Excel workbook" in refusal("a.xlsx", content)
