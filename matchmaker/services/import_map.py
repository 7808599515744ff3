"""Import maps: a TOML file that says how the columns of a table become the fields of a listing.

    source = "our-registry"           # stored with every listing; together with the id it tells rows apart
    id = "number"                     # a column, or a template such as "{country}-{number}"
    licence = "CC BY 4.0"             # optional
    url = "https://example.org/{number}"   # optional: where the row can be read
    sample = false                    # optional: marks made-up listings

    [constants]                       # what every row gets, unless one of its own fields says otherwise
    language = "en"

    [fields]                          # or, instead of this section, at the top: fields = "same"
    title = "name"                    # a column, or a template
    summary = { column = "about", cut = true }
    description = { columns = ["about", "use"], separator = "\\n\\n" }
    keywords = { column = "words", split = ";" }
    category = { column = "sector", table = "sectors", otherwise = "" }
    wanted_in = { column = "country", convert = "country" }
    organisation = { name = "firm", kind = { column = "type", table = "kinds" }, country = "country" }

    [tables.sectors]                  # values by value, in any case; a key may end in *
    "Power and heat" = "energy"
    "H2*" = "energy"

    [[skip]]                          # rows left out on purpose
    column = "type"
    values = ["Training"]
    reason = "no technology"

A value is looked up in its table first, then converted. One found by neither becomes `otherwise`; without `otherwise`
the row is a problem. "" is unknown. A template with an empty column gives nothing. `fields = "same"` takes columns
that are named like the fields, with lists split at ";".
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import UnusableFile
from ..schemas import OrganisationSchema, clean
from .mapping import FIELDS, HOLE, LISTS, LONGEST, ImportMap, Pick, Skip

MAPS = Path(__file__).parent.parent / "maps"
_T = TypeVar("_T")


def map_names() -> list[str]:
    """The maps that come with the product."""
    return sorted(path.stem for path in MAPS.glob("*.toml"))


def read_map(where: str | Path) -> ImportMap:
    """The map of this name (see map_names) or at this path. Raises UnusableFile, naming the key that is wrong."""
    path = MAPS / f"{where}.toml" if str(where) in map_names() else Path(where)
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UnusableFile(f"The map {path.name} is not valid TOML: {error}. Correct that line.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UnusableFile(
            f"The map {where} cannot be read: {error}. Name a TOML file in UTF-8, or one of: {', '.join(map_names())}."
        ) from error
    return _map(_Section(path.name, "", given))


@dataclass(slots=True)
class _Section:
    """A part of the map. Keys are taken out one by one; what is left is unknown."""

    map_name: str
    key: str
    values: dict[str, Any]

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        value = self.values.pop(key, default)
        if value is None:
            raise self.wrong(key, "is missing. Add it")
        if not isinstance(value, kind):
            raise self.wrong(key, f"is {value!r}. Give {_KINDS[kind]}")
        return value

    def section(self, key: str) -> _Section:
        return _Section(self.map_name, f"{self.key}{key}.", dict(self.take(key, dict, {})))

    def done(self) -> None:
        for key in self.values:
            raise self.wrong(key, "is not known. Check its spelling, or take it out")

    def wrong(self, key: str, problem: str) -> UnusableFile:
        return UnusableFile(f"{self.key}{key} of the map {self.map_name} {problem}; docs/importing.md shows how.")


_KINDS: dict[type, str] = {
    str: "a text between quotation marks",
    bool: "true or false",
    list: "a list",
    dict: "a section",
}


def _map(top: _Section) -> ImportMap:
    tables = top.section("tables")
    known = {name: _table(tables, name) for name in list(tables.values)}
    source, licence = top.take("source", str).strip(), top.take("licence", str, "").strip()
    for key, text, most in (("source", source, 64), ("licence", licence, 256)):
        if len(text) > most:
            raise top.wrong(key, f"is too long. Shorten it to {most} characters")
    for key, empty in (("source", not source), ("id", not top.values.get("id"))):
        if empty:
            raise top.wrong(key, "is missing. Add it")
    same = top.values.get("fields") == "same" and top.take("fields", str)
    fields, organisation = (None, {}) if same else _fields(top.section("fields"), known)
    read = ImportMap(
        name=top.map_name,
        source=source,
        id=_pick(top, "id", known),
        licence=licence or None,
        url=_pick(top, "url", known) if "url" in top.values else None,
        sample=top.take("sample", bool, False),
        constants=_constants(top.section("constants")),
        fields=fields,
        organisation=organisation,
        skips=tuple(_skip(top, rule) for rule in top.take("skip", list, [])),
    )
    top.done()
    return read


def _constants(section: _Section) -> dict[str, Any]:
    for key, value in section.values.items():
        if key not in FIELDS and key != "organisation":
            raise section.wrong(key, "is not a field of a listing. Check its spelling")
        if key == "organisation" and not isinstance(value, dict):
            raise section.wrong(key, f"is {value!r}. Give a section with a name")
    return section.values


def _fields(section: _Section, tables: Mapping[str, Any]) -> tuple[dict[str, Pick], dict[str, Pick]]:
    if not section.values:
        raise section.wrong("title", 'is missing. Name the columns under [fields], or write fields = "same" at the top')
    who = section.section("organisation")
    for name in who.values:
        if name not in OrganisationSchema().fields:
            raise who.wrong(name, "is not known. Use name, kind and country")
    organisation = {name: _pick(who, name, tables) for name in list(who.values)}
    for name in section.values:
        if name not in FIELDS:
            raise section.wrong(name, "is not a field of a listing. Check its spelling")
    return {name: _pick(section, name, tables) for name in list(section.values)}, organisation


def _pick(section: _Section, key: str, tables: Mapping[str, Any]) -> Pick:
    given = section.values[key]
    if isinstance(given, str):
        section.values[key] = {"template" if HOLE.search(given) else "column": given}
    how = section.section(key)
    template, column = how.take("template", str, ""), how.take("column", str, "")
    columns = how.take("columns", list, [])
    if not all(isinstance(name, str) for name in columns):
        raise how.wrong("columns", "does not list names only. Give each between quotation marks")
    if sum(map(bool, (template, column, columns))) != 1:
        raise section.wrong(key, "names no single source. Give one of column, columns or template")
    table, convert = how.take("table", str, ""), how.take("convert", str, "")
    if table and table not in tables:
        raise how.wrong("table", f"is {table!r}, which is not there. Add [tables.{table}]")
    if convert not in ("", "country"):
        raise how.wrong("convert", f'is {convert!r}. Use "country"')
    shorten = how.take("cut", bool, False)
    if shorten and key not in LONGEST:
        raise how.wrong("cut", "is for texts only. Take it out")
    pick = Pick(
        columns=tuple(HOLE.findall(template)) if template else tuple(columns or [column]),
        template=template,
        table=tables.get(table),
        convert=convert,
        otherwise=how.take("otherwise", str) if "otherwise" in how.values else None,
        split=how.take("split", str, ""),
        separator=how.take("separator", str, " "),
        cut=shorten,
    )
    if pick.split and key not in LISTS:
        raise how.wrong("split", "is for lists only. Take it out")
    how.done()
    return pick


def _table(tables: _Section, name: str) -> dict[str, Any]:
    entries = tables.section(name)
    for key, value in entries.values.items():
        if not isinstance(value, str | int):
            raise entries.wrong(key, f"is {value!r}. Give a text or a whole number")
    return {clean(key).casefold(): value for key, value in entries.values.items()}


def _skip(top: _Section, given: Any) -> Skip:
    if not isinstance(given, dict):
        raise top.wrong("skip", "holds something else than rules. Write each under [[skip]]")
    rule = _Section(top.map_name, "skip.", dict(given))
    column, values = rule.take("column", str), rule.take("values", list)
    reason = rule.take("reason", str, "") or f"its {column} is on the map's list"
    rule.done()
    return Skip(column, frozenset(clean(str(value)).casefold() for value in values), reason)
