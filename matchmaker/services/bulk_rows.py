"""Rows of a file against the schema and the organisation's own listings: what each would do, or what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select

from models import Listing, db
from models.base import LARGEST_ID
from models.taxonomy import KINDS

from ..listing_states import EDITABLE
from ..messages import N_, together
from ..schemas import listing_schema
from .bulk_columns import EXAMPLE, FIELDS, HINTS, NUMBER, field_of, keeps_when_empty
from .cells import bared
from .import_rows import flat
from .listings import CONTENT, content_of
from .posting import REQUIRED
from .tables import Row, RowProblem, shown

_DIGITS = re.compile(r"([0-9]{1,19})(?:\.0+)?")


@dataclass(frozen=True, slots=True)
class Checked:
    """A row that can be used. `listing` is the own one that it is about; no `values`: it says what it said before."""

    row: int
    kind: str
    values: dict[str, Any]
    listing: Listing | None = None

    @property
    def outcome(self) -> str:
        """Which count of an import it belongs to."""
        return "added" if self.listing is None else "changed" if self.values else "unchanged"


class BulkChecker:
    """Checks rows of one file, of listings of one organisation; `kind` is that of rows which name none."""

    def __init__(self, organisation_id: int | None, kind: str, rows: Iterable[Row | RowProblem]) -> None:
        self.organisation_id, self.kind = organisation_id, kind
        self.schemas = {kind: listing_schema(kind) for kind in KINDS}
        self.first: dict[int, int] = {}
        for row in rows:
            if isinstance(row, Row) and (number := _number(row)):
                self.first.setdefault(number, row.number)

    def check(self, rows: Sequence[Row | RowProblem]) -> Iterator[Checked | list[RowProblem]]:
        """Each row ready to be stored, or everything that is wrong with it. Costs one query."""
        numbers = {number for row in rows if isinstance(row, Row) and (number := _number(row))}
        own = select(Listing).where(Listing.id.in_(numbers), Listing.organisation_id == self.organisation_id)
        stored = {listing.id: listing for listing in db.session.scalars(own)} if numbers else {}
        for row in rows:
            yield [row] if isinstance(row, RowProblem) else self._checked(row, stored)

    def _checked(self, row: Row, stored: Mapping[int, Listing]) -> Checked | list[RowProblem]:
        listing = None
        if _text(row, NUMBER):
            number = _number(row)
            listing = stored.get(number) if number else None
            if problem := self._number_problem(row, listing):
                return [problem]
        kind = _text(row, "kind").lower().removesuffix("s") or (listing.kind if listing else self.kind)
        if kind not in KINDS or (listing and listing.kind != kind):
            if listing:
                said = N_("Your listing %(number)s is no %(kind)s.", number=listing.id, kind=shown(kind))
            else:
                said = N_("There is no such kind.")
            return [_problem(row, "kind", said)]
        given, problems = _given(row, kind)
        before = {} if listing is None else {name: content_of(listing)[name] for name in FIELDS[kind]}
        emptied = [name for name in FIELDS[kind] if name in row.cells and not _text(row, name)]
        kept = {name: value for name, value in before.items() if name not in emptied or keeps_when_empty(name)}
        try:
            values = dict(self.schemas[kind].load({**kept, **given}))
        except ValidationError as error:
            broken = {problem.column for problem in problems}
            problems += [
                _problem(row, name, together(flat(messages)))
                for name, messages in error.messages_dict.items()
                if name not in broken and not (name == "title" and "title" not in given)
            ]
        problems += _missing(row, given) if listing is None else []
        if problems:
            return problems
        if listing is not None:
            values = {name: value for name, value in values.items() if getattr(listing, name) != value}
        return Checked(row.number, kind, values, listing)

    def _number_problem(self, row: Row, listing: Listing | None) -> RowProblem | None:
        if listing is None:
            return _problem(row, NUMBER, N_("Your organisation has no listing with this number."))
        if (first := self.first[listing.id]) != row.number:
            said = N_("Row %(row)s has the same number.", row=first)
            return _problem(row, NUMBER, said, N_("Keep one of the two rows."))
        if listing.status not in EDITABLE:
            remedy = N_("Take it back, or wait until they are done; then send the file again.")
            if listing.status == "rejected":
                said = N_("The moderators have rejected this listing.")
                return _problem(row, NUMBER, said, N_("Take the row out."))
            return _problem(row, NUMBER, N_("This listing is with the moderators."), remedy)
        return None


def without_examples(rows: Iterable[Row | RowProblem]) -> list[Row | RowProblem]:
    """The rows that are meant: what a template shows stays out."""
    return [row for row in rows if isinstance(row, RowProblem) or _text(row, NUMBER).lower() != EXAMPLE]


def _given(row: Row, kind: str) -> tuple[dict[str, Any], list[RowProblem]]:
    """The filled cells as the schema takes them, and what is wrong with them before it looks."""
    given: dict[str, Any] = {}
    problems = []
    for name in CONTENT:
        if not _text(row, name):
            continue
        if name not in FIELDS[kind]:
            said = N_("A listing of kind %(kind)s has none.", kind=kind)
            problems.append(_problem(row, name, said, N_("Empty the cell.")))
            continue
        try:
            given[name] = field_of(name, row.cells[name])
        except ValueError as error:
            problems.append(_problem(row, name, error.args[0]))
    return given, problems


def _missing(row: Row, given: Mapping[str, Any]) -> list[RowProblem]:
    """What moderators would have to ask for."""
    return [
        _problem(row, name, N_("The row has no %(column)s.", column=name)) for name in REQUIRED if not given.get(name)
    ]


def _problem(row: Row, column: str, said: str, remedy: str = "") -> RowProblem:
    return RowProblem(row.number, column, shown(_text(row, column)), said, remedy or HINTS[column])


def _text(row: Row, column: str) -> str:
    return bared(str(row.cells.get(column) or "")).strip()


def _number(row: Row) -> int | None:
    found = _DIGITS.fullmatch(_text(row, NUMBER))
    number = int(found[1]) if found else 0
    return number if 0 < number <= LARGEST_ID else None
