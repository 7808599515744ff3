"""Rows of an import, checked: each is ready to be stored, or its problems are known. No database is needed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from models.taxonomy import KINDS

from ..errors import Invalid, UnusableFile
from ..messages import N_
from ..schemas import OrganisationSchema, clean, listing_schema
from .listings import Origin
from .mapping import LONGEST, ImportMap, Mapped
from .tables import Row, RowProblem, shown

LONGEST_TITLE = 120
_FIRST_SENTENCE = re.compile(r".+?(?:[.!?…](?=\s|$)|[。！？])")
_CLAUSE_END = re.compile(r"[,;:—–](?=\s)|[，；：]")


@dataclass(frozen=True, slots=True)
class Ready:
    """A row that passed its schema. `organisation` is empty when the row names none."""

    row: int
    values: dict[str, Any]
    organisation: dict[str, Any]
    origin: Origin


class RowChecker:
    """Checks the rows of one file, as the map reads them, against the schema of the kind.

    Raises Invalid for an unknown kind and UnusableFile for a map that cannot serve it.
    """

    def __init__(self, kind: str, map: ImportMap) -> None:
        if kind not in KINDS:
            raise Invalid(f"{kind!r} is no kind of listing. Use one of: {', '.join(KINDS)}.")
        self.kind, self.map = kind, map
        self.schema, self.organisation_schema = listing_schema(kind), OrganisationSchema()
        self._check_map()

    def check(self, row: Row) -> Ready | list[RowProblem]:
        """The row ready to be stored, or everything that is wrong with it."""
        mapped = self.map.read(row)
        if not mapped.values.get("title"):
            mapped.values["title"] = self._title(mapped.values)
        problems = mapped.problems + list(self._identity_problems(row, mapped))
        organisation: dict[str, Any] = {}
        values: dict[str, Any] = {}
        try:
            # Columns that are mapped may be empty; an object that somebody wrote must be whole.
            if mapped.organisation.get("name") or (mapped.organisation and self.map.fields is None):
                organisation = dict(self.organisation_schema.load(mapped.organisation))
        except ValidationError as error:
            problems += self._field_problems(row, "organisation.", mapped.organisation, error)
        try:
            values = dict(self.schema.load(mapped.values))
        except ValidationError as error:
            problems += self._field_problems(row, "", mapped.values, error)
        return problems or Ready(row.number, values, organisation, self._origin(mapped, values, organisation))

    def _check_map(self) -> None:
        for name in (*self.map.constants, *(self.map.fields or ())):
            if name not in self.schema.fields and name != "organisation":
                raise UnusableFile(
                    f"The map {self.map.name} gives {name}, which {self.kind}s do not have. "
                    "Take it out, or import the file as the other kind."
                )
        constants = {name: value for name, value in self.map.constants.items() if name != "organisation"}
        for name, messages in self.schema.validate(constants, partial=True).items():
            if name in constants:
                said = " ".join(flat(messages))
                raise UnusableFile(f"constants.{name} of the map {self.map.name} cannot be used. {said}")

    @staticmethod
    def _title(values: Mapping[str, Any]) -> str:
        texts = (values.get(name) for name in ("summary", "problem", "description"))
        return next((title for text in texts if isinstance(text, str) and (title := title_from(text))), "")

    def _identity_problems(self, row: Row, mapped: Mapped) -> Iterator[RowProblem]:
        """What is wrong with the row's id, address and kind."""

        def problem(key: str, value: str, what: str, remedy: str) -> RowProblem:
            columns = next((pick.columns for name, pick in self.map.picks() if name == key), (key,))
            return RowProblem(row.number, ", ".join(columns), shown(value), what, remedy)

        if not mapped.source_id:
            yield problem("id", "", "The row has no id.", "Give every row an id of its own.")
        if len(mapped.source_id) > 256:
            yield problem("id", mapped.source_id, "The id is too long.", "Use at most 256 characters.")
        if mapped.url and (len(mapped.url) > 1024 or not re.fullmatch(r"https?://\S+", mapped.url)):
            remedy = "Give one that starts with https:// or http:// and has at most 1,024 characters, or none."
            yield problem("url", mapped.url, "This is no web address.", remedy)
        said = row.cells.get("kind") if self.map.fields is None else None
        if said not in (None, "", self.kind):
            remedy = f"Keep only rows of kind {self.kind} in this file."
            yield problem("kind", said, f"The row is no {self.kind}.", remedy)

    def _field_problems(
        self, row: Row, prefix: str, given: Mapping[str, Any], error: ValidationError
    ) -> Iterator[RowProblem]:
        """The schema's messages, said of the columns that feed the fields."""
        for name, messages in error.messages_dict.items():
            columns = self.map.columns_of(prefix + name)
            value = row.cells.get(columns[0], given.get(name)) if len(columns) == 1 else given.get(name)
            said, remedy = " ".join(flat(messages)), "Correct the cell, or how the map reads it."
            if name == "title" and not given.get(name):
                said, remedy = "The row has neither a title nor a text to take one from.", "Give it a title."
            elif name in LONGEST and len(str(given.get(name))) > LONGEST[name]:
                remedy = f"Shorten the text, or write cut = true for {name} in the map."
            yield RowProblem(row.number, ", ".join(columns) or prefix + name, shown(value), said, remedy)

    def _origin(self, mapped: Mapped, values: dict[str, Any], organisation: dict[str, Any]) -> Origin:
        content = [values, organisation, mapped.url, self.map.licence, self.map.sample]
        plain = json.dumps(content, sort_keys=True, default=str)
        return Origin(
            source=self.map.source,
            source_id=mapped.source_id,
            url=mapped.url or None,
            licence=self.map.licence,
            hash=hashlib.sha256(plain.encode()).hexdigest(),
            sample=self.map.sample,
        )


def title_from(text: str) -> str:
    """A title out of a text: its first line or sentence, shortened to whole clauses or words when it is long."""
    line = clean(text).partition("\n")[0].strip("#*_> ")
    if len(line) > LONGEST_TITLE and (sentence := _FIRST_SENTENCE.match(line)):
        line = sentence[0]
    line = line.rstrip(" .。")
    if len(line) <= LONGEST_TITLE:
        return line
    clauses = [end.start() for end in _CLAUSE_END.finditer(line, 0, LONGEST_TITLE)]
    if clauses and clauses[-1] > LONGEST_TITLE // 3:
        return line[: clauses[-1]]
    words, space, _ = line[:LONGEST_TITLE].rpartition(" ")
    return (words if space else line[: LONGEST_TITLE - 1]) + "…"


def flat(messages: Any) -> Iterator[str]:
    """The messages of a field, those of a list's items with their position from 1."""
    if isinstance(messages, dict):
        for key, below in messages.items():
            name = N_("item %(number)s", number=key + 1) if isinstance(key, int) else key
            yield from (N_("%(name)s: %(said)s", name=name, said=said) for said in flat(below))
    else:
        yield from messages
