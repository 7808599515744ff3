"""Tables out of files: CSV, XLSX and JSON Lines, read one row at a time.

Rows carry the number a person sees: the row in a spreadsheet (the header is row 1, blank rows count), the line in
JSON Lines.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NoReturn

import openpyxl
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from ..errors import UnusableFile
from ..messages import N_
from ..schemas import clean

MOST_UNPACKED = 200 * 2**20
MOST_LINE = 8 * 2**20
MOST_SHEET_ROWS = 1_048_576
_QUOTED = re.compile(r'"[^"]*"')
_PACKED = b"PK\3\4"
_UTF_16 = N_(
    '%(name)s is UTF-16 ("Unicode text"). '
    'Open it in a spreadsheet or an editor and save it as UTF-8 ("CSV UTF-8" in Excel).'
)
#: How files of other kinds begin, whatever their names say.
_FOREIGN = {
    b"%PDF": N_(
        "%(name)s is a PDF document, not a table. Save the table it was made from as CSV in UTF-8 or as .xlsx."
    ),
    b"\xd0\xcf\x11\xe0": N_(
        "%(name)s is an old Excel workbook, or one with a password. "
        "Open it in a spreadsheet, remove any password, and save it as .xlsx."
    ),
    _PACKED: N_("%(name)s is a packed file, not a text table. If it is an Excel workbook, let its name end in .xlsx."),
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number and its cells by column. Cells are text, but in JSON Lines any JSON value."""

    number: int
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be used and what would mend it. `column` is empty when the whole row is meant."""

    row: int
    column: str
    value: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Table:
    """The columns a header names (None in JSON Lines) and the rows, each of them usable or a problem."""

    columns: tuple[str, ...] | None
    rows: Iterator[Row | RowProblem]


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """The table in a .csv, .tsv, .xlsx or .jsonl file. Raises UnusableFile, at the latest while rows are read."""
    if path.is_dir():
        raise UnusableFile(N_("%(name)s is a folder. Name a file in it.", name=str(path)))
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise UnusableFile(
            N_(
                "%(name)s cannot be opened: %(why)s. Check its name and that you may read it.",
                name=str(path),
                why=str(error),
            )
        ) from error
    with file:
        yield table_in(file, path.name)


def table_in(file: BinaryIO, name: str) -> Table:
    """The table in an open file, which stays open while rows are read. Raises UnusableFile as open_table does."""
    read = _READERS.get(PurePath(name).suffix.lower())
    if read is None:
        types = ", ".join(sorted(_READERS))
        raise UnusableFile(N_("%(name)s is of no known type. Save it as one of: %(types)s.", name=name, types=types))
    beginning = file.read(4)
    file.seek(0)
    foreign = next((said for mark, said in _FOREIGN.items() if beginning.startswith(mark)), None)
    if foreign and not (beginning == _PACKED and read is _xlsx):
        raise UnusableFile(N_(foreign, name=name))
    return read(file, name)


def shown(value: Any) -> str:
    """A cell as a problem shows it: one line of at most 200 characters."""
    text = "" if value is None else " ".join(clean(str(value)).split())
    return text if len(text) <= 200 else text[:199] + "…"


def _csv(file: BinaryIO, name: str) -> Table:
    _check_text(file, name)
    lines = _lines(file)
    opening = []
    for line in lines:
        opening.append(line)
        if line.strip():
            break
    delimiter = max(",;\t", key=_QUOTED.sub("", "".join(opening)).count)
    records = enumerate(_records(csv.reader(chain(opening, lines), delimiter=delimiter, strict=True)), 1)
    first: list[str] | csv.Error = next((record for _, record in records if record), [])
    if isinstance(first, csv.Error):
        raise UnusableFile(
            N_("The header of %(name)s cannot be read (%(why)s). Check its quotation marks.", name=name, why=str(first))
        )
    columns = _header(first, name)
    return Table(columns, _rows(columns, records))


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _xlsx(file: BinaryIO, name: str) -> Table:
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except Exception as error:
        raise _corrupt(name, error) from error
    if unpacked > MOST_UNPACKED:
        raise UnusableFile(
            N_(
                "%(name)s unpacks to %(size)s MB; at most %(most)s MB are read. "
                "Delete sheets and pictures that are not needed, or save it as CSV.",
                name=name,
                size=f"{unpacked // 2**20:,}",
                most=MOST_UNPACKED // 2**20,
            )
        )
    records = enumerate(_sheet(file, name), 1)
    columns = _header(next((cells for _, cells in records if any(cells)), []), name)
    return Table(columns, _rows(columns, records))


def _sheet(file: BinaryIO, name: str) -> Iterator[list[str]]:
    """The rows of the first sheet, as text. openpyxl raises whatever its parsers meet; all of it means one thing."""
    try:
        sheet = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False).worksheets[0]
        if isinstance(sheet, ReadOnlyWorksheet):
            # The size a file states is often wrong, and a huge one would be padded with empty cells.
            sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > MOST_SHEET_ROWS:
                raise ValueError(f"more than {MOST_SHEET_ROWS:,} rows")
            yield [_text(cell) for cell in cells]
    except Exception as error:
        raise _corrupt(name, error) from error


def _corrupt(name: str, error: Exception) -> UnusableFile:
    # openpyxl hides what its parser says behind a page of advice.
    cause = error.__cause__ or error.__context__ or error
    return UnusableFile(
        N_(
            "%(name)s cannot be read as an Excel workbook (%(why)s). "
            "Open it in a spreadsheet, remove any password, and save it again as .xlsx or as CSV in UTF-8.",
            name=name,
            why=shown(cause) or type(cause).__name__,
        )
    )


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return str(cell)


def _header(cells: Iterable[str], name: str) -> tuple[str, ...]:
    columns = tuple(clean(cell) for cell in cells)
    if not any(columns):
        raise UnusableFile(N_("%(name)s has no header. Put the names of the columns into its first row.", name=name))
    repeated = [column for column, times in Counter(filter(None, columns)).items() if times > 1]
    if repeated:
        raise UnusableFile(
            N_(
                "The header of %(name)s names %(column)s twice. Give every column its own name.",
                name=name,
                column=repr(repeated[0]),
            )
        )
    return columns


def _rows(
    columns: tuple[str, ...], records: Iterable[tuple[int, Sequence[str] | csv.Error]]
) -> Iterator[Row | RowProblem]:
    for number, cells in records:
        if isinstance(cells, csv.Error):
            yield RowProblem(
                number,
                "",
                "",
                N_("The row cannot be read (%(why)s).", why=str(cells)),
                N_("Check that each quotation mark is closed, and doubled inside a cell."),
            )
        elif any(cells[len(columns) :]):
            yield RowProblem(
                number,
                "",
                shown(next(filter(None, cells[len(columns) :]))),
                N_(
                    "The row has %(cells)s cells, but the header names %(columns)s columns.",
                    cells=len(cells),
                    columns=len(columns),
                ),
                N_("Put a cell that contains the separator between quotation marks."),
            )
        elif any(cells):
            # A spreadsheet leaves out empty cells at the end of a row.
            yield Row(number, {column: cell for column, cell in zip(columns, cells, strict=False) if column})


def _jsonl(file: BinaryIO, name: str) -> Table:
    _check_text(file, name)
    numbered = enumerate(_lines(file), 1)
    return Table(None, (_object(number, line) for number, line in numbered if line.strip()))


def _object(number: int, line: str) -> Row | RowProblem:
    try:
        cells = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        problem = N_("The line is not JSON (%(why)s).", why=shown(error))
    else:
        if isinstance(cells, dict):
            return Row(number, cells)
        problem = N_("The line is not a JSON object.")
    return RowProblem(number, "", shown(line), problem, N_('Write one object on the line, such as {"id": "1"}.'))


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _check_text(file: BinaryIO, name: str) -> None:
    """Read the whole file once, so that one in another encoding is refused before any of its rows is stored."""
    empty = True
    for number, line in enumerate(iter(lambda: file.readline(MOST_LINE), b""), 1):
        if len(line) == MOST_LINE:
            raise UnusableFile(
                N_(
                    "Line %(number)s of %(name)s is longer than %(most)s MB. Is this a text table?",
                    number=number,
                    name=name,
                    most=MOST_LINE // 2**20,
                )
            )
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnusableFile(
                N_(
                    "%(name)s is not UTF-8: byte %(place)s of line %(number)s is %(byte)s. "
                    'Open it in a spreadsheet or an editor and save it as UTF-8 ("CSV UTF-8" in Excel).',
                    name=name,
                    place=error.start + 1,
                    number=number,
                    byte=f"0x{line[error.start]:02x}",
                )
            ) from error
        empty = empty and not line.strip()
    if empty:
        raise UnusableFile(N_("%(name)s is empty. Check that it was saved and that it is the right file.", name=name))
    file.seek(0)


def _lines(file: BinaryIO) -> Iterator[str]:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as lines:
        for line in lines:
            yield line.replace("\0", "")


_READERS = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".xlsx": _xlsx, ".jsonl": _jsonl, ".ndjson": _jsonl}
