"""Verdicts on pairs, read from a file and tied to the listings they are about."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models import Listing, db
from models.base import LARGEST_ID

from ..errors import UnusableFile

GRADES = {0: 0, 1: 1, 2: 2, "0": 0, "1": 1, "2": 2, "no": 0, "yes": 1}
#: Databases take only so many values in one question.
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the file: 0 is not relevant, 1 serves in part (or simply yes), 2 is worth a call."""

    line: int
    need: int | str
    offer: int | str
    grade: int


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Grades of pairs of listing ids, sorted, and the listings themselves with their organisations."""

    grades: Mapping[tuple[int, int], int]
    listings: Mapping[int, Listing]


def read_verdicts(path: Path) -> Verdicts:
    """The verdicts of a file on listings in this database. Raises UnusableFile, naming the first line that is wrong.

    JSON Lines hold objects with need, offer (listing ids) and verdict (0, 1, 2, yes or no). A .tsv file holds judgments
    in the BEIR layout, whose ids are those the listings had where they were imported from. Of several verdicts on one
    pair the last counts, as in a log that is only appended to.
    """
    tabbed = path.suffix == ".tsv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_judgments(path, file) if tabbed else _json_lines(path, file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableFile(f"{path} cannot be read ({error}). Verdicts are JSON Lines or a .tsv file.") from error
    named = _named({name for row in rows for name in (row.need, row.offer)}, by_source=tabbed)
    grades = {}
    for row in rows:
        need, offer = (_the_one(path, row.line, named, *side) for side in (("need", row.need), ("offer", row.offer)))
        grades[need.id, offer.id] = row.grade
    listings = {listing.id: listing for found in named.values() for listing in found}
    return Verdicts(dict(sorted(grades.items())), listings)


def _named(names: set[int | str], *, by_source: bool) -> dict[tuple[str, int | str], list[Listing]]:
    """The listings of these names, by kind and name."""
    column = Listing.source_id if by_source else Listing.id
    ordered = sorted(names, key=str)
    named: dict[tuple[str, int | str], list[Listing]] = {}
    for start in range(0, len(ordered), _AT_ONCE):
        some = select(Listing).options(joinedload(Listing.organisation))
        for listing in db.session.scalars(some.where(column.in_(ordered[start : start + _AT_ONCE]))):
            name = (listing.source_id or "") if by_source else listing.id
            named.setdefault((listing.kind, name), []).append(listing)
    return named


def _the_one(
    path: Path, line: int, named: Mapping[tuple[str, int | str], list[Listing]], kind: str, name: int | str
) -> Listing:
    found = named.get((kind, name), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise UnusableFile(
            f"{path}, line {line}: {len(found)} sources have a {kind} {name}. Name listings by number, in JSON Lines."
        )
    raise UnusableFile(
        f"{path}, line {line}: no {kind} {name} in this database. Import it first, or take the line out."
    )


def _json_lines(path: Path, file: Any) -> Iterator[Verdict]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                row = json.loads(line)
                verdict = Verdict(number, row["need"], row["offer"], GRADES[row["verdict"]])
            except (ValueError, KeyError, TypeError, RecursionError):
                verdict = None
            if verdict is None or not (_number(verdict.need) and _number(verdict.offer)):
                raise UnusableFile(
                    f"{path}, line {number}: an object is expected with the numbers of a need and an offer and a "
                    'verdict (0, 1, 2, "yes" or "no"), such as {"need": 12, "offer": 34, "verdict": 2}.'
                )
            yield verdict


def _number(value: object) -> bool:
    """Whether the value can be a listing's id; JSON's true is no number."""
    return type(value) is int and 0 < value <= LARGEST_ID


def _judgments(path: Path, file: Any) -> Iterator[Verdict]:
    for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
        try:
            yield Verdict(number, row["query-id"], row["corpus-id"], GRADES[row["score"]])
        except KeyError as error:
            raise UnusableFile(
                f"{path}, line {number}: the columns query-id, corpus-id and score (0, 1 or 2) are expected, "
                "separated by tabs."
            ) from error
