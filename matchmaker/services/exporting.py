"""Tables for people's spreadsheets, as CSV and as workbooks: no cell of them is ever run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font
from sqlalchemy import select

from models import Listing, db

from ..errors import Forbidden
from ..messages import N_
from ..policy import Actor, can
from .bulk_columns import COLUMNS, cells_of
from .cells import harmless, harmless_in_workbook

FORMATS = ("csv", "xlsx")
_BATCH = 200
#: Workbooks count days from 1900, and believe that its February had 29 of them.
_FIRST_DAY = date(1900, 3, 1)
_DATE_FORMAT = "yyyy-mm-dd"


def own_listings(actor: Actor) -> Iterator[list[Any]]:
    """The rows, under COLUMNS, of all listings of the actor's organisation. Raises Forbidden without one.

    They are read a few at a time, so that a large catalogue needs no more memory than a small one.
    """
    if actor.organisation_id is None or not can(actor, "listing.post"):
        raise Forbidden(N_("Listings belong to an organisation. Make yours, or join it, first."))
    return _own_rows(actor.organisation_id)


def _own_rows(organisation_id: int) -> Iterator[list[Any]]:
    last = 0
    while True:
        query = select(Listing).where(Listing.organisation_id == organisation_id, Listing.id > last)
        listings = db.session.scalars(query.order_by(Listing.id).limit(_BATCH)).all()
        if not listings:
            return
        last = listings[-1].id
        for listing in listings:
            cells = cells_of(listing)
            db.session.expunge(listing)
            yield [cells.get(column) for column in COLUMNS]


def write_csv(file: IO[bytes], rows: Iterable[Sequence[Any]]) -> None:
    """A CSV file in UTF-8 with its mark, without which Excel takes it for another encoding; lines end in CR LF."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerows([harmless(value) for value in row] for row in rows)
    # What closes the wrapper would close the file.
    text.detach()


def write_workbook(file: IO[bytes], sheets: Mapping[str, Iterable[Sequence[Any]]]) -> None:
    """A workbook of the sheets by name; the first row of each is its header. Rows go to the disk as they come."""
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for number, row in enumerate(rows):
            sheet.append([_cell(sheet, value, heading=number == 0) for value in row])
    book.save(file)


def _cell(sheet: Any, value: Any, *, heading: bool) -> Cell:
    if isinstance(value, date) and value < _FIRST_DAY:
        value = value.isoformat()
    cell: Cell = WriteOnlyCell(sheet, harmless_in_workbook(value))
    if value == "":
        cell.value = None
    elif isinstance(value, str):
        # Whatever it begins with, it is a text, and stays one when somebody edits it.
        cell.data_type, cell.quotePrefix = "s", harmless(value) != value
    elif isinstance(value, date):
        cell.number_format = _DATE_FORMAT
    if heading:
        cell.font = Font(bold=True)
    return cell
