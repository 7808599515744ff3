"""Forms of listings: what a browser sends becomes what the schemas read, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError
from rapidfuzz import fuzz, process, utils
from werkzeug.datastructures import MultiDict

from models.taxonomy import BENEFITS, CATEGORIES, IP_KINDS, IP_STATUSES, PARTNERSHIPS, SDGS, category_of

from .. import wording
from ..schemas import COUNTRIES, CURRENCIES, ROW_PARTS, facet_codes
from ..wording import _

_MOST_ROWS = 20
#: From which likeness on (of 100) a misspelt country's name is guessed.
_NEAR = 75

_APART = re.compile(r"[,;\n،、，；]")


@dataclass(frozen=True, slots=True)
class _Box:
    """How a field stands in its box: what a form holds of it, what that says, and what is shown of what is stored."""

    given: Callable[[MultiDict[str, str], str], Any]
    said: Callable[[Any], Any]
    shown: Callable[[Any], Any]
    #: What stands in it when nothing is known.
    empty: Any = ""


def _written(form: MultiDict[str, str], name: str) -> str:
    return form.get(name, "")


def _chosen(form: MultiDict[str, str], name: str) -> list[str]:
    return form.getlist(name)


def _ticked(form: MultiDict[str, str], name: str) -> bool:
    return name in form


def _rows(form: MultiDict[str, str], name: str) -> list[dict[str, str]]:
    """The filled rows of a group such as benefits-0-tag, benefits-0-quantity, …"""
    rows = (
        {part: form.get(f"{name}-{number}-{part}", "").strip() for part in ROW_PARTS[name]}
        for number in range(_MOST_ROWS)
    )
    return [row for row in rows if any(row.values())]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in _APART.split(text) if part.strip()]


def _itself(value: Any) -> Any:
    return value


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(nothing: str | None = None) -> _Box:
    """A box whose text, when there is none, says `nothing`."""
    return _Box(_written, lambda text: text.strip() or nothing, _plain, nothing or "")


_WORDS = _Box(_written, _listed, ", ".join)
_COUNTRIES = _Box(
    _written, lambda text: _countries(text), lambda codes: ", ".join(sorted(wording.country(code) for code in codes))
)
_SEVERAL = _Box(_chosen, _itself, lambda codes: [str(code) for code in codes], [])
_ROWS = _Box(_rows, _itself, lambda rows: [{part: _plain(value) for part, value in row.items()} for row in rows], [])
_UNKNOWN = _text()

_BOXES = {
    **dict.fromkeys(("title", "summary", "description", "problem", "constraints"), _text("")),
    "language": _text("und"),
    **dict.fromkeys(("ip_kind", "ip_status"), _text("unknown")),
    **dict.fromkeys(("developed_in", "deployed_in", "available_in", "wanted_in", "ip_countries"), _COUNTRIES),
    **dict.fromkeys(("keywords", "ip_publications"), _WORDS),
    **dict.fromkeys(("sdgs", "partnerships"), _SEVERAL),
    **dict.fromkeys(ROW_PARTS, _ROWS),
    "open_to_interest": _Box(_ticked, _itself, _itself, True),
    "anonymous": _Box(_ticked, _itself, _itself, False),
}


def _box(name: str) -> _Box:
    return _BOXES.get(name, _UNKNOWN)


def read(fields: Iterable[str], form: MultiDict[str, str]) -> dict[str, Any]:
    """What the form says of these fields, for their schema. Raises ValidationError for a country nobody knows."""
    values: dict[str, Any] = {}
    problems: dict[str, Any] = {}
    for name, said in given(fields, form).items():
        try:
            values[name] = _box(name).said(said)
        except ValidationError as error:
            problems[name] = error.messages
    if problems:
        raise ValidationError(problems)
    if values.get("subcategory") and not values.get("category"):
        values["category"] = category_of(values["subcategory"])
    return values


def given(fields: Iterable[str], form: MultiDict[str, str]) -> dict[str, Any]:
    """What stood in the boxes when the form was sent, to be shown again."""
    return {name: _box(name).given(form, name) for name in fields}


def empty(fields: Iterable[str]) -> dict[str, Any]:
    """What stands in the boxes of a listing of which nothing is known."""
    return {name: _box(name).empty for name in fields}


def shown(fields: Iterable[str], listing: Any) -> dict[str, Any]:
    """What stands in the boxes for what is stored."""
    return {name: _box(name).shown(getattr(listing, name)) for name in fields}


def choices() -> dict[str, list[tuple[str, str]]]:
    """What can be chosen in each box, in words."""
    languages = [(code, wording.language(code)) for code in facet_codes()["language"].values() if code != "und"]
    return {
        "language": [("und", _("Not stated")), *sorted(languages, key=lambda item: item[1])],
        "category": [(code, _(name)) for code, name in CATEGORIES.items()],
        "sdgs": [(str(goal), f"{goal} {_(name)}") for goal, name in SDGS.items()],
        "partnerships": [(code, _(name)) for code, name in PARTNERSHIPS.items()],
        "benefit": [(code, _(name)) for code, name in BENEFITS.items()],
        "ip_kind": [(code, _(name)) for code, name in IP_KINDS.items()],
        "ip_status": [(code, _(name)) for code, name in IP_STATUSES.items()],
        "trl": [(str(level), f"{level}: {wording.readiness(level)}") for level in range(1, 10)],
        "currency": [(code, code) for code in sorted(CURRENCIES)],
    }


def _countries(text: str) -> list[str]:
    """The codes of the countries named, by code or by their name in the page's language or English.

    Raises ValidationError with a complaint about each that nobody knows.
    """
    known = _country_names()
    parts = _listed(text)
    if unknown := [_nearest(part, known) for part in parts if part.casefold() not in known]:
        raise ValidationError(unknown)
    return [known[part.casefold()] for part in parts]


def _country_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for code, name in COUNTRIES.items():
        for spelling in (code, name, wording.country(code)):
            names[spelling.casefold()] = code
    return names


def _nearest(part: str, known: Mapping[str, str]) -> str:
    found = process.extractOne(
        part, known.keys(), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_NEAR
    )
    if found is None:
        return _("%(name)s is not a country we know. Write its name or its two-letter code.", name=part[:64])
    near = wording.country(known[found[0]])
    return _("%(name)s is not a country we know. Do you mean %(near)s?", name=part[:64], near=near)


def problems(error: ValidationError) -> dict[str, list[str]]:
    """Per box what is wrong with it; a row of a group is named by its number."""
    told: dict[str, list[str]] = {}
    for name, said in error.normalized_messages().items():  # type: ignore[no-untyped-call]
        told[str(name)] = list(_flat(said, lambda number: _("Row %(number)s", number=number + 1)))
    return told


def _flat(said: Any, row: Callable[[int], str], before: str = "") -> Iterable[str]:
    if isinstance(said, str):
        yield f"{before}{_(said)}"
    elif isinstance(said, list):
        for one in said:
            yield from _flat(one, row, before)
    else:
        for key, inner in said.items():
            yield from _flat(inner, row, f"{before}{row(key)}: " if isinstance(key, int) else before)
