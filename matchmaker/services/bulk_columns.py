"""The columns of an import or export through the browser, and how a field of a listing stands in a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from marshmallow import fields

from models import Listing
from models.taxonomy import (
    BENEFITS,
    CATEGORIES,
    IP_KINDS,
    IP_STATUSES,
    KINDS,
    PARTNERSHIPS,
    SDGS,
    SUBCATEGORY_NAMES,
)

from ..errors import UnusableFile
from ..messages import N_, together
from ..schemas import ROW_PARTS, clean, listing_schema
from .cells import PARTS, bared, escaped, number, split, unescaped
from .listings import CONTENT

#: What tells an own listing that is to be changed; what marks a row that is left out.
NUMBER, EXAMPLE = "number", "example"
#: Columns of an export that an import reads over.
UNREAD = ("status",)
FIELDS = {kind: tuple(listing_schema(kind).fields) for kind in KINDS}
COLUMNS = (NUMBER, "kind", *CONTENT, *UNREAD)
MOST_COLUMNS = 100
_SCHEMA_FIELDS = {**listing_schema("offer").fields, **listing_schema("need").fields}
_LISTS = frozenset(name for name, field in _SCHEMA_FIELDS.items() if isinstance(field, fields.List))
_SWITCHES = frozenset(name for name, field in _SCHEMA_FIELDS.items() if isinstance(field, fields.Boolean))
_COUNTRIES = N_("Countries by their ISO 3166-1 two-letter codes, such as KE;TZ. Several are separated by a semicolon.")

#: What each column holds. Pages show it, and a problem with a cell ends with it.
HINTS = {
    NUMBER: N_("Leave it empty for a new listing. The number of one of your own listings changes that listing."),
    "kind": N_("offer or need. Leave it empty, or the column out, where all rows are of the kind you choose."),
    "title": N_("At most 256 characters. Every new listing needs one."),
    "summary": N_("At most 500 characters. Every new listing needs one."),
    "description": N_("At most 8,000 characters; Markdown may be used."),
    "language": N_("The language of the texts by its tag, such as en, fr or zh-Hans; und where it is not known."),
    "category": N_("One of the codes. The second sheet of the template lists them. Every new listing needs one."),
    "subcategory": N_("One of the codes of its category. The second sheet of the template lists them."),
    "keywords": N_("At most 10, of 64 characters each. Several are separated by a semicolon."),
    "sdgs": N_("Development goals by their numbers, 1 to 17. Several are separated by a semicolon."),
    "benefits": N_(
        "tag|quantity|unit|baseline, such as water-saving|60|%|conventional dyeing. "
        "The last two may be left out. Several are separated by a semicolon."
    ),
    "trl": N_("A readiness level from 1 to 9; for a need the least level accepted."),
    "partnerships": N_("Codes. Several are separated by a semicolon."),
    "ip_kind": N_("How it is protected: one of the codes."),
    "ip_status": N_("How far its protection is: one of the codes."),
    "ip_publications": N_("Numbers of publications. Several are separated by a semicolon."),
    "ip_countries": _COUNTRIES,
    "ip_as_of": N_("The day of the last look at the protection, written as 2027-03-31."),
    "open_to_interest": N_("yes or no. Empty is yes for a new listing; another keeps what it says."),
    "anonymous": N_(
        "yes hides your organisation from others, no shows it. "
        "Empty is no for a new listing; another keeps what it says."
    ),
    "developed_in": _COUNTRIES,
    "deployed_in": _COUNTRIES,
    "available_in": _COUNTRIES,
    "wanted_in": _COUNTRIES,
    "problem": N_("At most 500 characters."),
    "constraints": N_("At most 500 characters."),
    "targets": N_(
        "name|quantity|unit, such as salt in the effluent|2|g/l. "
        "The unit may be left out. Several are separated by a semicolon."
    ),
    "budget_amount": N_("A number without spaces, such as 165000.50; together with budget_currency."),
    "budget_currency": N_("An ISO 4217 code, such as EUR; together with budget_amount."),
    "deadline": N_("The last day, written as 2027-03-31."),
    "status": N_("Told by an export; an import does not read it."),
}

#: The codes of each column with their names; those of a benefit are its tags.
CODES: dict[str, Mapping[Any, str]] = {
    "category": CATEGORIES,
    "subcategory": SUBCATEGORY_NAMES,
    "sdgs": SDGS,
    "benefits": BENEFITS,
    "partnerships": PARTNERSHIPS,
    "ip_kind": IP_KINDS,
    "ip_status": IP_STATUSES,
}

_EXAMPLES = {
    "title": "Fictional example: solar still for salty wells",
    "summary": "Fresh water out of a salty well, by the sun alone. This row is left out; replace it or let it stand.",
    "language": "en",
    "category": "water",
    "subcategory": "desalination",
    "keywords": "solar still; salty wells",
    "sdgs": "6; 13",
    "benefits": "energy-saving|90|%|reverse osmosis",
    "trl": 7,
    "partnerships": "sale; pilot",
    "open_to_interest": "yes",
    "anonymous": "no",
}
_MORE_EXAMPLES = {
    "offer": {
        "ip_kind": "patent",
        "ip_status": "pending",
        "ip_as_of": date(2026, 1, 31),
        "developed_in": "EG",
        "deployed_in": "EG; TN",
        "available_in": "EG; TN; MA",
    },
    "need": {
        "title": "Fictional example: our village well has turned salty",
        "wanted_in": "EG",
        "problem": "The well holds 6 g of salt in a litre.",
        "constraints": "There is no electricity.",
        "targets": "salt in the water|0.5|g/l",
        "budget_amount": Decimal("12000.00"),
        "budget_currency": "EUR",
        "deadline": date(2027, 3, 31),
    },
}


def template(kind: str) -> tuple[list[str], list[Any]]:
    """The header of a template and its one example, which an import leaves out."""
    header = [NUMBER, *FIELDS[kind]]
    example = {NUMBER: EXAMPLE, **_EXAMPLES, **_MORE_EXAMPLES[kind]}
    return header, [example.get(name) for name in header]


def cells_of(listing: Listing) -> dict[str, Any]:
    """The listing's cells by column, those of its kind only; an import that reads them changes nothing."""
    content = {name: cell_of(name, getattr(listing, name)) for name in FIELDS[listing.kind]}
    return {NUMBER: listing.id, "kind": listing.kind, **content, "status": listing.status}


def cell_of(name: str, value: Any) -> Any:
    """A field's value as its cell: a text, a number or a date."""
    if name in ROW_PARTS:
        return "; ".join(_parted(item, ROW_PARTS[name]) for item in value)
    if name in _LISTS:
        return "; ".join(escaped(str(item)) for item in value)
    if name in _SWITCHES:
        return "yes" if value else "no"
    return value


def _parted(item: Mapping[str, Any], parts: tuple[str, ...]) -> str:
    said = [number(item[part]) if part == "quantity" else escaped(item[part]) for part in parts]
    while not said[-1]:
        said.pop()
    return PARTS.join(said)


def columns_of(header: tuple[str, ...], file_name: str) -> tuple[str, ...]:
    """The known columns that a header means, in its order; "" where it names none. Raises UnusableFile."""
    while header and not header[-1]:
        header = header[:-1]
    if len(header) > MOST_COLUMNS:
        raise UnusableFile(
            N_(
                "%(name)s has %(count)s columns; at most %(most)s are read. "
                "Copy the columns of the template into a file of their own.",
                name=file_name,
                count=f"{len(header):,}",
                most=MOST_COLUMNS,
            )
        )
    if "" in header:
        raise UnusableFile(
            N_(
                "Column %(number)s of %(name)s has no name. Name it in the first row, or take it out.",
                number=header.index("") + 1,
                name=file_name,
            )
        )
    columns = tuple(re.sub(r"[\s_-]+", "_", bared(name).casefold()) for name in header)
    strange = [_strange(name) for name, column in zip(header, columns, strict=True) if column not in COLUMNS]
    if strange:
        raise UnusableFile(
            N_(
                "%(name)s has columns that are not known: %(columns)s. "
                "Correct their names as in the template, or take them out.",
                name=file_name,
                columns=together(strange[:10], ", "),
            )
        )
    for place, column in enumerate(columns):
        if column in columns[:place]:
            raise UnusableFile(
                N_(
                    "The header of %(name)s names %(column)s twice. Give every column its own name.",
                    name=file_name,
                    column=column,
                )
            )
    if not {"title", NUMBER} & set(columns):
        raise UnusableFile(
            N_(
                "%(name)s has no column named title. "
                "Put the names of the columns into the first row, as in the template.",
                name=file_name,
            )
        )
    return columns


def _strange(name: str) -> str:
    near = get_close_matches(name.casefold(), COLUMNS, 1)
    shown = name if len(name) <= 64 else name[:63] + "…"
    return N_("%(given)s (did you mean %(near)s?)", given=shown, near=near[0]) if near else shown


def field_of(name: str, cell: str) -> Any:
    """What the schema takes for a filled cell. Raises ValueError, with what is wrong, for parts that are none."""
    if name in ROW_PARTS:
        return [_item(piece, ROW_PARTS[name]) for piece in _filled(cell)]
    if name in _LISTS:
        return [unescaped(piece) for piece in _filled(cell)]
    return clean(bared(cell))


def keeps_when_empty(name: str) -> bool:
    """Whether an empty cell leaves what a stored listing says: clearing a cell must not unmask anybody."""
    return name in _SWITCHES or name == "title"


def _filled(cell: str) -> list[str]:
    return [piece for piece in split(clean(bared(cell))) if piece.strip()]


def _item(piece: str, parts: tuple[str, ...]) -> dict[str, str]:
    said = [unescaped(part) for part in split(piece, PARTS)]
    if not 2 <= len(said) <= len(parts):
        raise ValueError(N_("%(piece)r is not written as %(form)s.", piece=piece.strip()[:200], form=PARTS.join(parts)))
    return dict(zip(parts, said, strict=False))
