"""Files for tests of imports, honest and hostile."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import openpyxl

from matchmaker.services import exporting

FORMATS = exporting.FORMATS


def written(format: str, *rows: Sequence[Any]) -> bytes:
    """The rows as the product itself writes them."""
    file = io.BytesIO()
    if format == "csv":
        exporting.write_csv(file, rows)
    else:
        exporting.write_workbook(file, {"Listings": rows})
    return file.getvalue()


def cells(format: str, content: bytes) -> list[list[Any]]:
    """The cells as a spreadsheet program finds them in the file, formulas unevaluated."""
    if format == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    page = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [
        [cell.date() if isinstance(cell, datetime) else cell for cell in row]
        for row in page.iter_rows(values_only=True)
    ]


def workbook(*rows: Iterable[Any]) -> bytes:
    """A workbook as somebody else's program writes it."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """The workbook's file."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """The workbook with one of its parts replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, part if member == name else old.read(member))
        if name not in old.namelist():
            new.writestr(name, part)
    return file.getvalue()


def sheet(rows: bytes, before: bytes = b"", behind: bytes = b"", prolog: bytes = b"") -> bytes:
    """The XML of a sheet."""
    return (
        b'<?xml version="1.0"?>'
        + prolog
        + b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        + before
        + b"<sheetData>"
        + rows
        + b"</sheetData>"
        + behind
        + b"</worksheet>"
    )
