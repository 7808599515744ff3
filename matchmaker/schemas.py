"""One schema per input. HTML forms, JSON bodies and rows of a file all pass through these."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import pycountry
from babel import Locale, UnknownLocaleError
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from models.taxonomy import (
    BENEFITS,
    CATEGORIES,
    IP_KINDS,
    IP_STATUSES,
    ORGANISATION_KINDS,
    PARTNERSHIPS,
    PUBLIC_STATUSES,
    SDGS,
    SUBCATEGORIES,
    SUBCATEGORY_NAMES,
)

from .messages import N_

COUNTRIES = {country.alpha_2: country.name for country in pycountry.countries}
CURRENCIES = {currency.alpha_3 for currency in pycountry.currencies}
#: The highest page shown; past it a search should be narrowed instead.
MOST_PAGES = 10_000

_ZEROS = re.compile(r"\.0+$")
#: Control characters, and marks that turn the direction of the text around them.
_CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text in Unicode NFC, with line ends as \\n, without control characters or outer space."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _CONTROL.sub("", text)).strip()


class Text(fields.String):
    """A cleaned string of at most `most` characters; a `filled` one has some."""

    def __init__(self, most: int, *, filled: bool = False, **kwargs: Any) -> None:
        rules = [validate.Length(max=most, error=N_("Shorten this to at most %(most)s characters.", most=f"{most:,}"))]
        if filled:
            rules.append(validate.Length(min=1, error=N_("Fill this in.")))
        super().__init__(validate=rules, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return clean(str(super()._deserialize(value, attr, data, **kwargs)))


class Whole(fields.Integer):
    """A whole number, as a number or in digits; 7.5 is refused rather than cut."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, float) and not value.is_integer():
            raise self.make_error("invalid", input=value)
        # Spreadsheets write 3 as 3.0.
        whole = _ZEROS.sub("", value.strip()) if isinstance(value, str) else value
        return int(super()._validated(whole))


class Code(fields.String):
    """One of the given codes, in any case."""

    def __init__(self, codes: Collection[str], what: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.codes = {code.lower(): code for code in codes}
        self.what = what

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given = clean(str(super()._deserialize(value, attr, data, **kwargs)))
        code = self.codes.get(given.lower())
        if code is None:
            few = ", ".join(sorted(self.codes.values())) if len(self.codes) <= 20 else N_("see the documentation")
            raise ValidationError(
                N_("%(given)r is not %(what)s. Use one of: %(codes)s.", given=given, what=self.what, codes=few)
            )
        return code


class Country(Code):
    """An ISO 3166-1 alpha-2 country code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(COUNTRIES, N_("an ISO 3166-1 two-letter country code, such as KE"), **kwargs)


def language_tag(tag: str) -> str:
    """A BCP-47 tag in its usual spelling. Raises ValidationError."""
    try:
        locale = Locale.parse(tag, sep="-") if tag != "und" else None
    except (ValueError, UnknownLocaleError):
        raise ValidationError(
            N_("%(tag)r is not a language tag. Use one such as en, fr or zh-Hans.", tag=tag)
        ) from None
    return "und" if locale is None else str(locale).replace("_", "-")


class Language(fields.String):
    """A BCP-47 language tag."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return language_tag(clean(str(super()._deserialize(value, attr, data, **kwargs))))


class Several(fields.List[Any]):
    """A list without repeats and empty texts, at most `most` long."""

    def __init__(self, inner: fields.Field[Any], most: int, **kwargs: Any) -> None:
        few = validate.Length(max=most, error=N_("Give at most %(most)s.", most=most))
        super().__init__(inner, load_default=list, validate=few, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        loaded = super()._deserialize(value, attr, data, **kwargs) or []
        return [item for position, item in enumerate(loaded) if item != "" and item not in loaded[:position]]


_IN_DIGITS = N_("Write a number in digits, such as 60 or 0.5.")


class Number(fields.Float):
    """A number; what is none is told how to write one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(error_messages={"invalid": _IN_DIGITS, "special": _IN_DIGITS}, **kwargs)


class Day(fields.Date):
    """A day as ISO 8601 writes it."""

    def __init__(self, **kwargs: Any) -> None:
        said = N_("Write the day as year, month and day, such as 2026-01-31.")
        super().__init__(error_messages={"invalid": said}, **kwargs)


_QUANTITY = validate.Range(-1e15, 1e15, error=N_("Use a larger unit: a number of at most fifteen digits."))


class BenefitSchema(Schema):
    """An advantage with its number and what it is measured against."""

    tag = Code(BENEFITS, N_("a benefit"), required=True)
    quantity = Number(required=True, allow_nan=False, validate=_QUANTITY)
    unit = Text(64, load_default="")
    baseline = Text(256, load_default="")


class TargetSchema(Schema):
    """A value the seeker must reach."""

    name = Text(128, filled=True, required=True)
    quantity = Number(required=True, allow_nan=False, validate=_QUANTITY)
    unit = Text(64, load_default="")


#: The parts of one row of the lists that are made of rows, in their order.
ROW_PARTS = {"benefits": tuple(BenefitSchema().fields), "targets": tuple(TargetSchema().fields)}


class OrganisationSchema(Schema):
    """The organisation behind a listing, as an import names it."""

    name = Text(256, filled=True, required=True)
    kind = Code(ORGANISATION_KINDS, N_("a kind of organisation"), load_default=None, allow_none=True)
    country = Country(load_default=None, allow_none=True)


class ListingSchema(Schema):
    """An offer or a need. What is absent is unknown."""

    class Meta:
        unknown = RAISE

    title = Text(256, required=True)
    summary = Text(500, load_default="")
    description = Text(8000, load_default="")
    language = Language(load_default="und")
    category = Code(CATEGORIES, N_("a category"), load_default=None, allow_none=True)
    subcategory = Code(SUBCATEGORY_NAMES, N_("a sub-category"), load_default=None, allow_none=True)
    keywords = Several(Text(64), 10)
    sdgs = Several(Whole(validate=validate.Range(min(SDGS), max(SDGS))), len(SDGS))
    benefits = Several(fields.Nested(BenefitSchema), 20)
    trl = Whole(load_default=None, allow_none=True, validate=validate.Range(1, 9, error=N_("Use a level from 1 to 9.")))
    partnerships = Several(Code(PARTNERSHIPS, N_("a type of partnership")), len(PARTNERSHIPS))
    ip_kind = Code(IP_KINDS, N_("a kind of protection"), load_default="unknown")
    ip_status = Code(IP_STATUSES, N_("a status of protection"), load_default="unknown")
    ip_publications = Several(Text(64), 50)
    ip_countries = Several(Country(), 250)
    ip_as_of = Day(load_default=None, allow_none=True)
    open_to_interest = fields.Boolean(load_default=True)
    anonymous = fields.Boolean(load_default=False)

    @validates_schema
    def _subcategory_belongs(self, data: Mapping[str, Any], **_: Any) -> None:
        category, subcategory = data.get("category"), data.get("subcategory")
        if subcategory and subcategory not in SUBCATEGORIES.get(category or "", {}):
            said = N_("%(given)r does not belong to the category %(category)r.", given=subcategory, category=category)
            raise ValidationError(said, "subcategory")

    @validates_schema
    def _title_says_something(self, data: Mapping[str, Any], **_: Any) -> None:
        if "title" in self.fields and not any(character.isalnum() for character in data.get("title", "")):
            raise ValidationError(N_("Give a title with at least one letter or digit."), "title")


class OfferSchema(ListingSchema):
    """A technology that is available."""

    developed_in = Several(Country(), 250)
    deployed_in = Several(Country(), 250)
    available_in = Several(Country(), 250)


class NeedSchema(ListingSchema):
    """A technology that is wanted."""

    wanted_in = Several(Country(), 250)
    problem = Text(500, load_default="")
    constraints = Text(500, load_default="")
    targets = Several(fields.Nested(TargetSchema), 20)
    budget_amount = fields.Decimal(
        load_default=None,
        allow_none=True,
        places=2,
        allow_nan=False,
        validate=validate.Range(0, 10**13, error=N_("Write an amount from 0 to ten million million.")),
        error_messages={"invalid": _IN_DIGITS, "special": _IN_DIGITS},
    )
    budget_currency = Code(CURRENCIES, N_("an ISO 4217 currency, such as EUR"), load_default=None, allow_none=True)
    deadline = Day(load_default=None, allow_none=True)

    @validates_schema
    def _budget_whole(self, data: Mapping[str, Any], **_: Any) -> None:
        if (data.get("budget_amount") is None) != (data.get("budget_currency") is None):
            raise ValidationError(N_("Give an amount together with its currency."), "budget_amount")


def listing_schema(kind: str, only: Sequence[str] | None = None) -> ListingSchema:
    """The schema of an offer or of a need, or of some of its fields."""
    return OfferSchema(only=only) if kind == "offer" else NeedSchema(only=only)


class SearchSchema(Schema):
    """A search as the address says it. Values nobody knows are dropped and named in `ignored`, never an error."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="")
    category = fields.List(fields.String(), load_default=list)
    country = fields.List(fields.String(), load_default=list)
    trl = fields.List(fields.String(), load_default=list)
    partnership = fields.List(fields.String(), load_default=list)
    sdg = fields.List(fields.String(), load_default=list)
    language = fields.List(fields.String(), load_default=list)
    status = fields.List(fields.String(), load_default=list)
    since = fields.String(load_default="")
    until = fields.String(load_default="")
    sort = fields.String(load_default="relevance")
    page = fields.String(load_default="1")

    @pre_load
    def _plain(self, data: Any, **_: Any) -> dict[str, Any]:
        """A MultiDict or a mapping of lists, as both forms and the API give it."""
        lists = (
            data.to_dict(flat=False)
            if hasattr(data, "to_dict")
            else {k: v if isinstance(v, list) else [v] for k, v in data.items()}
        )
        singles = {"q", "since", "until", "sort", "page"}
        return {key: (values[-1] if key in singles else values) for key, values in lists.items() if values}

    @post_load
    def _known(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        ignored: list[str] = []
        filters: dict[str, tuple[str, ...]] = {}
        for facet, known in facet_codes().items():
            chosen: dict[str, None] = {}
            for value in data.pop(facet):
                code = known.get(clean(value).lower())
                if code is None:
                    ignored.append(f"{facet}: {clean(value)[:64]}")
                else:
                    chosen[code] = None
            if chosen:
                filters[facet] = tuple(chosen)
        days = {name: _day(data[name]) for name in ("since", "until")}
        ignored += [f"{name}: {clean(data[name])[:64]}" for name, day in days.items() if data[name].strip() and not day]
        page = data["page"].strip()
        number = int(page[:9]) if page.isascii() and page.isdigit() else 1
        return {
            "text": clean(data["q"]),
            "filters": filters,
            "posted": (days["since"], days["until"]),
            "sort": data["sort"] if data["sort"] in ("relevance", "newest") else "relevance",
            "page": min(max(number, 1), MOST_PAGES),
            "ignored": tuple(ignored),
        }


@cache
def facet_codes() -> dict[str, dict[str, str]]:
    """For each facet, its codes by their lower-case spelling. Languages are the two- and three-letter ones."""
    languages = (str(code) for code in Locale("en").languages)
    return {
        "category": {code: code for code in CATEGORIES},
        "country": {code.lower(): code for code in COUNTRIES},
        "trl": {str(level): str(level) for level in range(1, 10)},
        "partnership": {code: code for code in PARTNERSHIPS},
        "sdg": {str(goal): str(goal) for goal in SDGS},
        "language": {code: code for code in languages if "_" not in code},
        "status": {code: code for code in PUBLIC_STATUSES},
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(clean(text))
    except ValueError:
        return None
