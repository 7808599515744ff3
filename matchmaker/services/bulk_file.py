"""Reading a file that somebody sent: what is too large, or would grow so when it is unpacked, is told from outside."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from ..errors import UnusableFile
from ..messages import N_
from .bulk_columns import columns_of
from .tables import Row, RowProblem, Table, table_in

MOST_BYTES = 10 * 2**20
MOST_ROWS = 5_000
_MOST_LINES = 500_000
#: Of all cells together, in characters: a workbook may repeat one long text in each of them.
MOST_TEXT = 64 * 2**20
_MOST_UNPACKED = 64 * 2**20
#: Real workbooks shrink to a tenth, or to a fiftieth where rows repeat; what shrinks far beyond is made to do harm.
_MOST_RATIO, _RATIO_MATTERS = 200, 2**20
_MOST_MEMBERS = 1_000
#: Tags of cells, rows and texts, then how many of them are cells, then all other tags: what a reader makes of each
#: of these takes a hundred times its room.
_MOST_TAGS, _MOST_CELLS, _MOST_OTHER = 2_000_000, 400_000, 100_000
_SHEET_TAG = re.compile(rb"</?(?:\w+:)?(?:c|v|row|f|is|t|si)[\s/>]")
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
#: Every row up to this one would be made, if only to be empty.
_FAR_ROW = re.compile(rb"<(?:\w+:)?row\s[^<>]*\br\s*=\s*[\"']0*[1-9][0-9]{5}")
_LONG_TAG = re.compile(rb"<[^<>]{65536}")
#: A workbook may take this much memory and time while it is read, so one is read at a time.
_one_workbook = threading.Lock()


@dataclass(frozen=True, slots=True)
class Content:
    """The known columns of a file and its rows; their cells have the columns' names."""

    columns: tuple[str, ...]
    rows: list[Row | RowProblem]


def read(name: str, content: bytes) -> Content:
    """The rows of a CSV file or of a workbook's first sheet. Raises UnusableFile, with a way on, for any other file."""
    if len(content) > MOST_BYTES:
        raise UnusableFile(
            N_(
                "%(name)s has %(size)s MB; at most %(most)s MB are taken. Split it into several files.",
                name=name,
                size=f"{len(content) / 2**20:.1f}",
                most=MOST_BYTES // 2**20,
            )
        )
    if not content.strip():
        raise UnusableFile(N_("%(name)s is empty. Check that it was saved and that it is the right file.", name=name))
    if PurePath(name).suffix.lower() not in (".csv", ".tsv", ".txt", ".xlsx"):
        raise UnusableFile(N_("%(name)s is of no known type. Save the table as .csv or .xlsx.", name=name))
    if content.startswith(b"PK") and name.lower().endswith(".xlsx"):
        with _one_workbook:
            _check_workbook(name, content)
            return _content(name, table_in(io.BytesIO(content), name))
    if max(content.count(b"\n"), content.count(b"\r")) > _MOST_LINES:
        raise _too_many_rows(name)
    return _content(name, table_in(io.BytesIO(content), name))


def _too_many_rows(name: str) -> UnusableFile:
    return UnusableFile(
        N_("%(name)s has more than %(most)s rows. Split it into several files.", name=name, most=f"{MOST_ROWS:,}")
    )


def _content(name: str, table: Table) -> Content:
    header = tuple(filter(None, table.columns or ()))
    columns = dict(zip(header, columns_of(table.columns or (), name), strict=True))
    rows = list(_few_enough(name, table.rows))
    if not rows:
        raise UnusableFile(N_("%(name)s has a header but no rows. Put one listing in each row below it.", name=name))
    # Programs leave out the last cells of a row when they are empty.
    named = (
        Row(row.number, {column: row.cells.get(name, "") for name, column in columns.items()})
        if isinstance(row, Row)
        else row
        for row in rows
    )
    return Content(tuple(columns.values()), list(named))


def _few_enough(name: str, rows: Iterator[Row | RowProblem]) -> Iterator[Row | RowProblem]:
    text = 0
    for count, row in enumerate(rows, 1):
        text += sum(map(len, row.cells.values())) if isinstance(row, Row) else 0
        if count > MOST_ROWS or text > MOST_TEXT:
            raise _too_many_rows(name)
        yield row


def _check_workbook(name: str, content: bytes) -> None:
    """Look at the members of the archive before anything is made of them. Their stated sizes hold: no more is read."""
    try:
        if content.count(b"PK\1\2") > _MOST_MEMBERS:
            raise _too_large(name, N_("it is made of too many parts"))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_sizes(name, archive)
            tags = cells = others = 0
            for member in archive.infolist():
                part = archive.read(member)
                if part[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"):
                    raise _too_large(name, N_("it is written in UTF-16"))
                if not part.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                    continue  # a picture or the like
                here = part.count(b"<")
                tags += here
                if tags > _MOST_TAGS or _LONG_TAG.search(part) or _FAR_ROW.search(part):
                    most = f"{MOST_ROWS:,}"
                    raise _too_large(name, N_("it holds more than %(most)s rows, or far too many cells", most=most))
                cells += sum(1 for _ in _CELL.finditer(part))
                others += here - sum(1 for _ in _SHEET_TAG.finditer(part))
        if cells > _MOST_CELLS:
            raise _too_large(name, N_("it holds %(count)s cells", count=f"{cells:,}"))
        if others > _MOST_OTHER:
            raise _too_large(name, N_("it holds too many formats, merged cells or drawings"))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnusableFile(
            N_(
                "%(name)s cannot be read as an Excel workbook (%(why)s). "
                "Open it in a spreadsheet, remove any password, and save it again as .xlsx or as CSV in UTF-8.",
                name=name,
                why=str(error),
            )
        ) from error


def _check_sizes(name: str, archive: zipfile.ZipFile) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _MOST_UNPACKED:
        raise _too_large(
            name,
            N_(
                "it unpacks to %(size)s MB; at most %(most)s MB are read",
                size=f"{unpacked // 2**20:,}",
                most=_MOST_UNPACKED // 2**20,
            ),
        )
    for member in archive.infolist():
        if member.file_size > max(_RATIO_MATTERS, _MOST_RATIO * member.compress_size):
            raise _too_large(name, N_("it is packed so tightly that most of it must be empty"))


def _too_large(name: str, why: str) -> UnusableFile:
    return UnusableFile(
        N_(
            "%(name)s is not read: %(why)s. "
            "Copy the cells that are needed into a new workbook, or save the sheet as CSV.",
            name=name,
            why=why,
        )
    )
