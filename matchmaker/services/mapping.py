"""How a row becomes the fields of a listing. `import_map` reads these parts out of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pycountry
from marshmallow import fields as schema_fields
from marshmallow import validate

from ..errors import UnusableFile
from ..schemas import NeedSchema, OfferSchema, clean
from .tables import Row, RowProblem, shown

FIELDS = {**OfferSchema().fields, **NeedSchema().fields}
LISTS = frozenset(name for name, found in FIELDS.items() if isinstance(found, schema_fields.List))
#: The longest text each field takes.
LONGEST = {
    name: rule.max
    for name, found in FIELDS.items()
    if name not in LISTS
    for rule in found.validators
    if isinstance(rule, validate.Length) and rule.max is not None
}
#: A column's name in a template.
HOLE = re.compile(r"\{([^{}]+)\}")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s|$)|[。！？]")


class _NoTranslation(Exception):
    """A value that neither its table nor the conversion knows."""


@dataclass(frozen=True, slots=True)
class Pick:
    """How the value of one field comes out of a row."""

    columns: tuple[str, ...]
    template: str = ""
    table: Mapping[str, Any] | None = None
    convert: str = ""
    otherwise: Any = None
    split: str = ""
    separator: str = " "
    cut: bool = False

    def pieces(self, cells: Mapping[str, Any]) -> list[Any]:
        """The values in the row, none of them empty."""
        given = [self._filled(cells)] if self.template else [cells.get(column) for column in self.columns]
        flat = [part for value in given for part in _parts(value, self.split) if _as_text(part)]
        return [piece for piece in map(self._translated, flat) if piece not in ("", None)]

    def _filled(self, cells: Mapping[str, Any]) -> str:
        values = {column: _as_text(cells.get(column)) for column in self.columns}
        return HOLE.sub(lambda hole: values[hole[1]], self.template) if all(values.values()) else ""

    def _translated(self, piece: Any) -> Any:
        if self.table is None and not self.convert:
            return piece
        key = clean(str(piece)).casefold()
        found = _looked_up(self.table, key) if self.table is not None else None
        if found is None and self.convert:
            found = _country_codes().get(key)
        if found is None:
            found = self.otherwise
        if found is None:
            raise _NoTranslation(shown(piece))
        return found


@dataclass(frozen=True, slots=True)
class Skip:
    """Rows left out on purpose: those with one of the values in the column."""

    column: str
    values: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row as the map reads it; not yet checked against the schema."""

    source_id: str
    url: str
    values: dict[str, Any]
    organisation: dict[str, Any]
    problems: list[RowProblem]


@dataclass(frozen=True, slots=True)
class ImportMap:
    """What a map file says. `fields` is None for columns that are named like the fields."""

    name: str
    source: str
    id: Pick
    licence: str | None = None
    url: Pick | None = None
    sample: bool = False
    constants: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Pick] | None = None
    organisation: Mapping[str, Pick] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()

    def picks(self) -> Iterator[tuple[str, Pick]]:
        """Every pick with its key in the map."""
        yield "id", self.id
        if self.url:
            yield "url", self.url
        yield from ((f"fields.{name}", pick) for name, pick in (self.fields or {}).items())
        yield from ((f"fields.organisation.{name}", pick) for name, pick in self.organisation.items())

    def check_columns(self, columns: tuple[str, ...] | None) -> None:
        """Raises UnusableFile when the header (None: there is none) and the columns that the map reads do not agree."""
        if columns is None:
            return
        wanted = [(key, column) for key, pick in self.picks() for column in pick.columns]
        wanted += [("skip.column", skip.column) for skip in self.skips]
        for key, column in wanted:
            if column not in columns:
                raise UnusableFile(
                    f"The file has no column {column!r}, which {key} of the map {self.name} reads. "
                    f"Use another map, or one of the file's columns: {', '.join(filter(None, columns))}."
                )
        strange = set(filter(None, columns)) - self._used() - {*FIELDS, "organisation"}
        if self.fields is None and strange:
            raise UnusableFile(
                f"The file's column {min(strange)!r} is not a field of a listing. Correct its name, take it out, "
                "or use a map with a [fields] section; docs/importing.md shows how."
            )

    def columns_of(self, field_name: str) -> tuple[str, ...]:
        """The columns that feed a field, for saying where a problem is."""
        if self.fields is None:
            return () if field_name in self.constants else (field_name,)
        if field_name == "organisation":
            return tuple(dict.fromkeys(column for pick in self.organisation.values() for column in pick.columns))
        pick = self.organisation.get(field_name.removeprefix("organisation.")) or self.fields.get(field_name)
        return pick.columns if pick else ()

    def skipped(self, row: Row) -> str | None:
        """Why the row is left out, or None."""
        for skip in self.skips:
            if _as_text(row.cells.get(skip.column)).casefold() in skip.values:
                return skip.reason
        return None

    def read(self, row: Row) -> Mapped:
        """The row's values by field. Empty cells are left out: unknown stays unknown."""
        values = dict(self.constants)
        organisation = dict(values.pop("organisation", {}))
        identity: dict[str, Any] = {}
        problems: list[RowProblem] = []
        self._put(row, "id", self.id, identity, problems)
        if self.url:
            self._put(row, "url", self.url, identity, problems)
        if self.fields is None:
            values |= self._same(row.cells)
            named = values.pop("organisation", {})
            organisation |= named if isinstance(named, dict) else {"name": named}
        else:
            for name, pick in self.fields.items():
                self._put(row, name, pick, values, problems)
            for name, pick in self.organisation.items():
                self._put(row, name, pick, organisation, problems)
        source_id, url = (_as_text(identity.get(name)) for name in ("id", "url"))
        return Mapped(source_id, url, values, organisation, problems)

    def _put(self, row: Row, name: str, pick: Pick, values: dict[str, Any], problems: list[RowProblem]) -> None:
        try:
            pieces = pick.pieces(row.cells)
        except _NoTranslation as unknown:
            problems.append(
                RowProblem(
                    row.number,
                    ", ".join(pick.columns),
                    str(unknown),
                    f"The map has no value of {name} for it.",
                    "Correct the cell, or add the value to the table in the map, or give the field an `otherwise`.",
                )
            )
            return
        if name in LISTS and pieces:
            values[name] = pieces
        elif pieces:
            value = pieces[0] if len(pieces) == 1 else pick.separator.join(map(str, pieces))
            values[name] = cut(str(value), LONGEST[name]) if pick.cut else value

    def _same(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        used = self._used()
        return {
            name: (_parts(value, ";") if name in LISTS else clean(value)) if isinstance(value, str) else value
            for name, value in cells.items()
            if (name in FIELDS or name not in used) and _as_text(value)
        }

    def _used(self) -> set[str]:
        """The columns that serve other ends than a field of the same name."""
        picked = {column for _, pick in self.picks() for column in pick.columns}
        return picked | {skip.column for skip in self.skips} | {"kind"}


def cut(text: str, most: int) -> str:
    """The text, shortened to `most` characters at the end of a sentence, else of a word with an ellipsis."""
    text = clean(text)
    if len(text) <= most:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text) if found.end() <= most]
    if ends and ends[-1] > most // 2:
        return text[: ends[-1]]
    head, space, _ = text[:most].rpartition(" ")
    return (head if space and len(head) > most // 2 else text[: most - 1]).rstrip(" ,;:") + "…"


def _as_text(value: Any) -> str:
    return "" if value is None else clean(str(value))


def _parts(value: Any, split: str) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    return [clean(part) for part in (value.split(split) if split else [value])]


def _looked_up(table: Mapping[str, Any], key: str) -> Any:
    """The table's value: of the key itself, else of the longest beginning that the table marks with *."""
    if key in table:
        return table[key]
    beginnings = [known for known in table if known.endswith("*") and key.startswith(known[:-1])]
    return table[max(beginnings, key=len)] if beginnings else None


@cache
def _country_codes() -> dict[str, str]:
    """ISO 3166-1 alpha-2 by every code and English name of a country, in lower case."""
    names = ("official_name", "common_name", "name", "alpha_3", "alpha_2")
    return {
        getattr(country, name).casefold(): country.alpha_2
        for name in names
        for country in pycountry.countries
        if hasattr(country, name)
    }
