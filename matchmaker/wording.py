"""Codes in words, for pages and the API alike. Every sentence passes `_`, so that translations can come later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal
from flask_babel import gettext

from models.taxonomy import CATEGORIES, ORGANISATION_KINDS, PARTNERSHIPS, SDGS, SUBCATEGORY_NAMES, VERIFICATION_CHECKS

from .schemas import COUNTRIES
from .services.explaining import Band, Reason, Verdict
from .services.matching import LONGEST_TEXT


def _(text: str, **values: object) -> str:
    """The text in the reader's language, with its values filled in."""
    return str(gettext(text, **values))


_ENGLISH = Locale("en")

_BANDS = {Band.STRONG: "strong match", Band.GOOD: "good match", Band.POSSIBLE: "possible match"}

_VERDICTS = {Verdict.FITS: "Fits", Verdict.DIFFERS: "Does not fit", Verdict.UNKNOWN: "Unknown"}

_REASONS = {
    ("category", Verdict.FITS): "Same category: %(offered)s",
    ("category", Verdict.DIFFERS): "Different category: %(offered)s, not %(wanted)s",
    ("category", Verdict.UNKNOWN): "Category not stated",
    ("subcategory", Verdict.FITS): "Same field: %(offered)s",
    ("trl", Verdict.FITS): "TRL %(offered)s, and at least %(wanted)s is wanted",
    ("trl", Verdict.DIFFERS): "TRL %(offered)s, but at least %(wanted)s is wanted",
    ("trl", Verdict.UNKNOWN): "Readiness level not stated",
    ("deployed_in", Verdict.FITS): "Already at work in %(offered)s",
    ("available_in", Verdict.FITS): "Available in %(offered)s",
    ("available_in", Verdict.DIFFERS): "Available in %(offered)s, not in %(wanted)s",
    ("available_in", Verdict.UNKNOWN): "Not stated whether it is available in %(wanted)s",
    ("partnership", Verdict.FITS): "Same partnership: %(offered)s",
    ("partnership", Verdict.DIFFERS): "Different partnership: %(offered)s, not %(wanted)s",
    ("partnership", Verdict.UNKNOWN): "Type of partnership not stated",
    ("sdg", Verdict.FITS): "Same goals: %(offered)s",
    ("ip", Verdict.UNKNOWN): "Protection (patents and the like) not stated",
}

_NOTICES = {
    "no_vectors": "Only shared words are compared just now, not meaning, so some good results may be missing. "
    "Try again in a few minutes.",
    "no_keywords": "Only meaning is compared just now, not single words, so exact names may be missed. "
    "Try again in a few minutes.",
    "no_engine": "Search is limited just now: these are the newest listings that hold one of your words. "
    "Try again in a few minutes.",
    "text_cut": "The text is long. Its first %(most)s characters were used.",
    "ignored": "This filter is not known and was left out: %(value)s.",
}

_FACETS = {
    "category": "Category",
    "country": "Country",
    "trl": "Readiness level (TRL)",
    "partnership": "Partnership",
    "sdg": "Development goal (SDG)",
    "language": "Language",
    "status": "Status",
}

_STATUSES = {"published": "current", "stale": "not confirmed lately"}

#: Where a listing stands, for its own side and for staff.
_STANDINGS = {
    "draft": "draft",
    "submitted": "waits for staff",
    "in_review": "staff read it",
    "changes_requested": "changes asked for",
    "published": "public",
    "stale": "public, not confirmed lately",
    "archived": "archived",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}

_READINESS = (
    "basic principles observed",
    "concept formulated",
    "concept proven in experiments",
    "works in the laboratory",
    "works in surroundings like the real ones",
    "prototype shown in surroundings like the real ones",
    "prototype shown in real use",
    "complete and qualified",
    "proven in real use",
)

_PAGES = {
    "what": "What it is",
    "field": "Where it belongs",
    "advantage": "What it does better",
    "readiness": "How ready it is, and where",
    "protection": "How it is protected",
    "terms": "How you want to work together",
    "problem": "What has to be solved",
    "place": "Where and when",
}

_FIELDS = {
    "title": "Title",
    "summary": "Summary",
    "description": "Description",
    "language": "Language of the text",
    "category": "Category",
    "subcategory": "Field",
    "keywords": "Keywords",
    "sdgs": "Development goals",
    "benefits": "Advantages",
    "trl": "Readiness level (TRL)",
    "partnerships": "Partnership",
    "ip_kind": "Kind of protection",
    "ip_status": "Status of protection",
    "ip_publications": "Publication numbers",
    "ip_countries": "Protected in",
    "ip_as_of": "As of",
    "open_to_interest": "Others may ask for an introduction",
    "anonymous": "Keep our name out of it",
    "developed_in": "Developed in",
    "deployed_in": "At work in",
    "available_in": "Available in",
    "wanted_in": "Wanted in",
    "problem": "Problem",
    "constraints": "Constraints",
    "targets": "Values to reach",
    "budget_amount": "Budget",
    "budget_currency": "Currency",
    "deadline": "Deadline",
    "name": "Name",
    "kind": "Kind",
    "size_band": "Size",
    "country": "Country",
    "website": "Website",
    "email": "E-mail address",
    "owner": "As an owner",
    "file": "Picture",
    "alternative": "What it shows",
}

#: What is missing, and what it costs.
_GAPS = {
    "few_words": (
        "Longer text",
        "Meaning is compared passage by passage; less than 40 words hold little.",
    ),
    "category": ("Category", "Searches that are narrowed to a category leave out what has none."),
    "advantage": ("Advantage with a number", "A number and what it is measured against let a seeker judge it at once."),
    "trl": ("Readiness level", "Many needs ask for a least level; yours shows as unknown."),
    "available_in": ("Countries", "Seekers look for what they can get in their country."),
    "ip_status": ("Protection", "Partners ask first whether they may use it; yours shows as unknown."),
    "partnerships": ("Kind of partnership", "A licence or a sale? Who wants the one skips the other."),
    "language": ("Language of the text", "Searches by language leave it out."),
    "keywords": ("Keywords", "Names that experts use are found even if your text says it otherwise."),
    "problem": ("Problem in a few words", "Offers are compared with the problem first."),
    "targets": ("Values to reach", "Providers see at once whether they can."),
    "wanted_in": ("Countries", "Offers that are available there come first."),
    "least_trl": ("Least readiness level", "You also get what is still in the laboratory."),
    "deadline": ("Deadline", "Providers see whether they can be in time."),
}


def band(code: str) -> str:
    """A band: strong match, good match or possible match."""
    return _(_BANDS[Band(code)])


def verdict(code: str) -> str:
    """Whether a reason fits, does not fit or cannot be told."""
    return _(_VERDICTS[Verdict(code)])


def reason(found: Reason) -> str:
    """A reason as one plain line."""
    sides = {
        "wanted": listed([code_name(found.fact, code) for code in found.wanted]),
        "offered": listed([code_name(found.fact, code) for code in found.offered]),
    }
    return _(_REASONS[found.fact, found.verdict], **sides)


def notice(code: str, value: str = "") -> str:
    """What the reader should know about how results came about; `value` is what an "ignored" notice names."""
    return _(_NOTICES[code], value=value, most=number(LONGEST_TEXT))


def facet(name: str) -> str:
    """The heading of a facet."""
    return _(_FACETS[name])


def status(code: str) -> str | None:
    """What a public listing's status tells a reader beside its listing, if anything."""
    return _(_STATUSES[code]) if code in _STATUSES and code != "published" else None


def standing(code: str) -> str:
    """Where a listing stands, for its own side and for staff."""
    return _(_STANDINGS[code])


def readiness(level: int) -> str:
    """What a readiness level means (ISO 16290)."""
    return _(_READINESS[level - 1])


def page(name: str) -> str:
    """A page of the posting form."""
    return _(_PAGES[name])


def gap(name: str) -> tuple[str, str]:
    """Something a listing leaves out, and what that costs."""
    what, cost = _GAPS[name]
    return _(what), _(cost)


def field(name: str) -> str:
    """A field, as forms and versions name it."""
    return _(_FIELDS[name])


def code_name(kind: str, code: str) -> str:
    """A code of a facet or of a reason's fact, in words. An unknown one stands for itself."""
    if kind in ("country", "deployed_in", "available_in"):
        return country(code)
    if kind == "language":
        return language(code)
    if kind == "status":
        return _(_STATUSES.get(code, code))
    if kind == "sdg":
        return _("SDG %(goal)s", goal=code)
    names = {"category": CATEGORIES, "subcategory": SUBCATEGORY_NAMES, "partnership": PARTNERSHIPS}.get(kind, {})
    return _(names[code]) if code in names else code


def choice_name(kind: str, code: str) -> str:
    """A facet's code as a choice among others: what a number alone would not say is added."""
    if kind == "sdg":
        return f"{code} {_(SDGS[int(code)])}"
    return f"TRL {code}" if kind == "trl" else code_name(kind, code)


def organisation_kind(code: str) -> str:
    """What kind of organisation it is."""
    return _(ORGANISATION_KINDS[code])


def checks(codes: Iterable[str]) -> str:
    """What staff compared when they verified an organisation."""
    return ", ".join(_(VERIFICATION_CHECKS[code]) for code in codes)


def organisation(name: str | None, *, anonymous: bool) -> str:
    """Who stands behind a listing, as far as it may be told."""
    if name:
        return name
    return _("Anonymous organisation") if anonymous else _("Organisation not stated")


def category_path(category: str | None, subcategory: str | None) -> str:
    """A category and what it is narrowed to; "" when there is none."""
    codes = (("category", category), ("subcategory", subcategory))
    return " › ".join(code_name(kind, code) for kind, code in codes if code)


def country(code: str) -> str:
    """A country's everyday name; ISO's own names hold commas, which would break lists of countries."""
    return str(_ENGLISH.territories.get(code) or COUNTRIES.get(code, code))


def language(tag: str) -> str:
    """A language's name, from its BCP-47 tag."""
    locale = _locale(tag)
    return (locale.get_display_name(_ENGLISH) if locale else None) or tag


def direction(tag: str) -> str:
    """How the language is written: "ltr", "rtl", or "auto" when the language is unknown."""
    locale = _locale(tag)
    if locale is None:
        return "auto"
    return "rtl" if locale.character_order == "right-to-left" else "ltr"


def _locale(tag: str) -> Locale | None:
    try:
        return None if tag == "und" else Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def day(moment: date | datetime) -> str:
    """A date in full: 3 May 2026."""
    return format_date(moment, "d MMMM y", locale=_ENGLISH)


def period(first: date | None, last: date | None) -> str:
    """A period that may be open at either end."""
    if first and last:
        return _("posted %(first)s to %(last)s", first=day(first), last=day(last))
    return _("posted since %(day)s", day=day(first)) if first else _("posted until %(day)s", day=day(last or date.max))


def number(value: float | Decimal) -> str:
    """A number with its thousands apart; one too large or too small to be read so, by its powers of ten."""
    readable = value == 0 or 1e-3 <= abs(float(value)) < 1e16
    return format_decimal(value, locale=_ENGLISH) if readable else f"{value:g}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """The names with commas between; past `most`, how many more there are."""
    shown = ", ".join(names[:most])
    more = len(names) - most
    return _("%(shown)s and %(more)s more", shown=shown, more=more) if more > 0 else shown


def sdgs(goals: Iterable[int]) -> list[str]:
    """Development goals by number and name."""
    return [f"{code_name('sdg', str(goal))}: {_(SDGS[goal])}" for goal in goals]
