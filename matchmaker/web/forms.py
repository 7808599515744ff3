"""Forms of listings: what a browser sends becomes what the schemas read, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from marshmallow import ValidationError
from rapidfuzz import fuzz, process, utils
from werkzeug.datastructures import MultiDict

from models.taxonomy import BENEFITS, CATEGORIES, IP_KINDS, IP_STATUSES, PARTNERSHIPS, SDGS, SUBCATEGORIES

from .. import wording
from ..schemas import COUNTRIES, CURRENCIES, facet_codes
from ..wording import _

#: Rows of a repeated group that a page shows when nothing is filled in.
FREE_ROWS = 3
_MOST_ROWS = 20
#: From which likeness on (of 100) a misspelt country's name is guessed.
_NEAR = 75

_COUNTRY_LISTS = ("developed_in", "deployed_in", "available_in", "wanted_in", "ip_countries")
_TEXT_LISTS = ("keywords", "ip_publications")
_CHECKED_LISTS = ("sdgs", "partnerships")
_CHECKS = ("open_to_interest", "anonymous")
_ROWS = {"benefits": ("tag", "quantity", "unit", "baseline"), "targets": ("name", "quantity", "unit")}
_APART = re.compile(r"[,;\n،、，；]")


def read(fields: Iterable[str], form: MultiDict[str, str]) -> dict[str, Any]:
    """What the form says of these fields, for their schema. Raises ValidationError for a country nobody knows."""
    values: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    for name in fields:
        if name in _COUNTRY_LISTS:
            values[name], unknown = _countries(form.get(name, ""))
            if unknown:
                problems[name] = unknown
        elif name in _TEXT_LISTS:
            values[name] = _listed(form.get(name, ""))
        elif name in _CHECKED_LISTS:
            values[name] = form.getlist(name)
        elif name in _CHECKS:
            values[name] = name in form
        elif name in _ROWS:
            values[name] = list(_rows(name, form))
        else:
            values[name] = form.get(name, "").strip() or _EMPTY.get(name)
    if problems:
        raise ValidationError(problems)
    if values.get("subcategory") and not values.get("category"):
        values["category"] = _category_of(values["subcategory"])
    return values


#: What an empty box means where it does not mean "unknown".
_EMPTY = {
    "title": "",
    "summary": "",
    "description": "",
    "problem": "",
    "constraints": "",
    "language": "und",
    "ip_kind": "unknown",
    "ip_status": "unknown",
}


def empty(fields: Iterable[str]) -> dict[str, Any]:
    """What stands in the boxes of a listing of which nothing is known."""
    values: dict[str, Any] = {}
    for name in fields:
        if name in (*_CHECKED_LISTS, *_ROWS):
            values[name] = []
        elif name in _CHECKS:
            values[name] = name == "open_to_interest"
        else:
            values[name] = _EMPTY.get(name, "")
    return values


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


def shown(fields: Iterable[str], listing: Any) -> dict[str, Any]:
    """What stands in the boxes for what is stored."""
    return {name: _shown(name, getattr(listing, name)) for name in fields}


def _shown(name: str, value: Any) -> Any:
    if name in _COUNTRY_LISTS:
        return ", ".join(sorted(wording.country(code) for code in value))
    if name in _TEXT_LISTS:
        return ", ".join(value)
    if name in _CHECKED_LISTS:
        return [str(code) for code in value]
    if name in _ROWS:
        return [{part: _plain(row[part]) for part in _ROWS[name]} for row in value]
    return value if name in _CHECKS else _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def given(fields: Iterable[str], form: MultiDict[str, str]) -> dict[str, Any]:
    """What stood in the boxes when the form was sent, to be shown again."""
    out: dict[str, Any] = {}
    for name in fields:
        if name in _CHECKED_LISTS:
            out[name] = form.getlist(name)
        elif name in _CHECKS:
            out[name] = name in form
        elif name in _ROWS:
            out[name] = list(_rows(name, form))
        else:
            out[name] = form.get(name, "")
    return out


def _category_of(subcategory: str) -> str | None:
    return next((category for category, inner in SUBCATEGORIES.items() if subcategory in inner), None)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in _APART.split(text) if part.strip()]


def _rows(name: str, form: MultiDict[str, str]) -> Iterable[dict[str, str]]:
    """The filled rows of a group such as benefits-0-tag, benefits-0-quantity, …"""
    for number in range(_MOST_ROWS):
        row = {part: form.get(f"{name}-{number}-{part}", "").strip() for part in _ROWS[name]}
        if any(row.values()):
            yield row


def _countries(text: str) -> tuple[list[str], list[str]]:
    """The codes of the countries named, by code or by their name in the page's language or English, and complaints."""
    known = _country_names()
    codes, unknown = [], []
    for part in _listed(text):
        code = known.get(part.casefold())
        if code:
            codes.append(code)
        else:
            unknown.append(_nearest(part, known))
    return codes, unknown


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
