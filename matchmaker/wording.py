"""Codes, dates and numbers in the reader's language, for pages and the API alike; in English where nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal
from flask_babel import force_locale, get_locale, gettext

from models.taxonomy import CATEGORIES, ORGANISATION_KINDS, PARTNERSHIPS, SDGS, SUBCATEGORY_NAMES, VERIFICATION_CHECKS

from .messages import N_, Translatable
from .schemas import COUNTRIES
from .services.explaining import Band, Reason, Verdict
from .services.matching import LONGEST_TEXT
from .translations import ENGLISH, LANGUAGES


def _(text: str, **values: object) -> str:
    """The text in the reader's language, with its values filled in; a message brings values of its own."""
    if isinstance(text, Translatable):
        own = {name: _(value) if isinstance(value, Translatable) else value for name, value in text.values.items()}
        text, values = text.template, own | values
    return str(gettext(text, **values))


_BANDS = {Band.STRONG: N_("strong match"), Band.GOOD: N_("good match"), Band.POSSIBLE: N_("possible match")}

_VERDICTS = {Verdict.FITS: N_("Fits"), Verdict.DIFFERS: N_("Does not fit"), Verdict.UNKNOWN: N_("Unknown")}

_REASONS = {
    ("category", Verdict.FITS): N_("Same category: %(offered)s"),
    ("category", Verdict.DIFFERS): N_("Different category: %(offered)s, not %(wanted)s"),
    ("category", Verdict.UNKNOWN): N_("Category not stated"),
    ("subcategory", Verdict.FITS): N_("Same field: %(offered)s"),
    ("trl", Verdict.FITS): N_("TRL %(offered)s, and at least %(wanted)s is wanted"),
    ("trl", Verdict.DIFFERS): N_("TRL %(offered)s, but at least %(wanted)s is wanted"),
    ("trl", Verdict.UNKNOWN): N_("Readiness level not stated"),
    ("deployed_in", Verdict.FITS): N_("Already at work in %(offered)s"),
    ("available_in", Verdict.FITS): N_("Available in %(offered)s"),
    ("available_in", Verdict.DIFFERS): N_("Available in %(offered)s, not in %(wanted)s"),
    ("available_in", Verdict.UNKNOWN): N_("Not stated whether it is available in %(wanted)s"),
    ("partnership", Verdict.FITS): N_("Same partnership: %(offered)s"),
    ("partnership", Verdict.DIFFERS): N_("Different partnership: %(offered)s, not %(wanted)s"),
    ("partnership", Verdict.UNKNOWN): N_("Type of partnership not stated"),
    ("sdg", Verdict.FITS): N_("Same goals: %(offered)s"),
    ("ip", Verdict.UNKNOWN): N_("Protection (patents and the like) not stated"),
}

_NOTICES = {
    "no_vectors": N_(
        "Only shared words are compared just now, not meaning, so some good results may be missing. "
        "Try again in a few minutes."
    ),
    "no_keywords": N_(
        "Only meaning is compared just now, not single words, so exact names may be missed. Try again in a few minutes."
    ),
    "no_engine": N_(
        "Search is limited just now: these are the newest listings that hold one of your words. "
        "Try again in a few minutes."
    ),
    "text_cut": N_("The text is long. Its first %(most)s characters were used."),
    "ignored": N_("This filter is not known and was left out: %(value)s."),
}

_FACETS = {
    "category": N_("Category"),
    "country": N_("Country"),
    "trl": N_("Readiness level (TRL)"),
    "partnership": N_("Partnership"),
    "sdg": N_("Development goal (SDG)"),
    "language": N_("Language"),
    "status": N_("Status"),
}

_STATUSES = {"published": N_("current"), "stale": N_("not confirmed lately")}

_COMMAS = {"ar": "، ", "zh": "、"}


def reader() -> Locale:
    """The rules by which the reader writes dates, numbers and names; English ones without an application."""
    locale: Locale | None = get_locale()
    return locale or ENGLISH.locale


def spoken_to(locale: str | None) -> AbstractContextManager[None]:
    """Say what follows in the language that somebody else has chosen, if they have."""
    language = LANGUAGES.get(locale or "")
    return force_locale(str(language.locale)) if language else nullcontext()


#: Where a listing stands, for its own side and for staff.
_STANDINGS = {
    "draft": N_("draft"),
    "submitted": N_("waits for staff"),
    "in_review": N_("staff read it"),
    "changes_requested": N_("changes asked for"),
    "published": N_("public"),
    "stale": N_("public, not confirmed lately"),
    "archived": N_("archived"),
    "rejected": N_("rejected"),
    "withdrawn": N_("withdrawn"),
}

_READINESS = (
    N_("basic principles observed"),
    N_("concept formulated"),
    N_("concept proven in experiments"),
    N_("works in the laboratory"),
    N_("works in surroundings like the real ones"),
    N_("prototype shown in surroundings like the real ones"),
    N_("prototype shown in real use"),
    N_("complete and qualified"),
    N_("proven in real use"),
)

_PAGES = {
    "what": N_("What it is"),
    "field": N_("Where it belongs"),
    "advantage": N_("What it does better"),
    "readiness": N_("How ready it is, and where"),
    "protection": N_("How it is protected"),
    "terms": N_("How you want to work together"),
    "problem": N_("What has to be solved"),
    "place": N_("Where and when"),
}

_FIELDS = {
    "title": N_("Title"),
    "summary": N_("Summary"),
    "description": N_("Description"),
    "language": N_("Language of the text"),
    "category": N_("Category"),
    "subcategory": N_("Field"),
    "keywords": N_("Keywords"),
    "sdgs": N_("Development goals"),
    "benefits": N_("Advantages"),
    "trl": N_("Readiness level (TRL)"),
    "partnerships": N_("Partnership"),
    "ip_kind": N_("Kind of protection"),
    "ip_status": N_("Status of protection"),
    "ip_publications": N_("Publication numbers"),
    "ip_countries": N_("Protected in"),
    "ip_as_of": N_("As of"),
    "open_to_interest": N_("Others may ask for an introduction"),
    "anonymous": N_("Keep our name out of it"),
    "developed_in": N_("Developed in"),
    "deployed_in": N_("At work in"),
    "available_in": N_("Available in"),
    "wanted_in": N_("Wanted in"),
    "problem": N_("Problem"),
    "constraints": N_("Constraints"),
    "targets": N_("Values to reach"),
    "budget_amount": N_("Budget"),
    "budget_currency": N_("Currency"),
    "deadline": N_("Deadline"),
    "name": N_("Name"),
    "kind": N_("Kind"),
    "size_band": N_("Size"),
    "country": N_("Country"),
    "website": N_("Website"),
    "email": N_("E-mail address"),
    "owner": N_("As an owner"),
    "file": N_("Picture"),
    "alternative": N_("What it shows"),
}

#: What is missing, and what it costs.
_GAPS = {
    "few_words": (
        N_("Longer text"),
        N_("Meaning is compared passage by passage; less than 40 words hold little."),
    ),
    "category": (N_("Category"), N_("Searches that are narrowed to a category leave out what has none.")),
    "advantage": (
        N_("Advantage with a number"),
        N_("A number and what it is measured against let a seeker judge it at once."),
    ),
    "trl": (N_("Readiness level"), N_("Many needs ask for a least level; yours shows as unknown.")),
    "available_in": (N_("Countries"), N_("Seekers look for what they can get in their country.")),
    "ip_status": (N_("Protection"), N_("Partners ask first whether they may use it; yours shows as unknown.")),
    "partnerships": (N_("Kind of partnership"), N_("A licence or a sale? Who wants the one skips the other.")),
    "language": (N_("Language of the text"), N_("Searches by language leave it out.")),
    "keywords": (N_("Keywords"), N_("Names that experts use are found even if your text says it otherwise.")),
    "problem": (N_("Problem in a few words"), N_("Offers are compared with the problem first.")),
    "targets": (N_("Values to reach"), N_("Providers see at once whether they can.")),
    "wanted_in": (N_("Countries"), N_("Offers that are available there come first.")),
    "least_trl": (N_("Least readiness level"), N_("You also get what is still in the laboratory.")),
    "deadline": (N_("Deadline"), N_("Providers see whether they can be in time.")),
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
    return joined(_(VERIFICATION_CHECKS[code]) for code in codes)


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
    return str(reader().territories.get(code) or COUNTRIES.get(code, code))


def language(tag: str) -> str:
    """A language's name, from its BCP-47 tag."""
    locale = _locale(tag)
    return (locale.get_display_name(reader()) if locale else None) or tag


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
    return format_date(moment, "long", locale=reader())


def period(first: date | None, last: date | None) -> str:
    """A period that may be open at either end."""
    if first and last:
        return _("posted %(first)s to %(last)s", first=day(first), last=day(last))
    return _("posted since %(day)s", day=day(first)) if first else _("posted until %(day)s", day=day(last or date.max))


def number(value: float | Decimal) -> str:
    """A number with its thousands apart; one too large or too small to be read so, by its powers of ten."""
    readable = value == 0 or 1e-3 <= abs(float(value)) < 1e16
    return format_decimal(value, locale=reader()) if readable else f"{value:g}"


def fixed(value: float, places: int) -> str:
    """A number with just so many places."""
    return format_decimal(value, f"0.{'0' * places}", locale=reader())


def comma() -> str:
    """What stands between the items of a list."""
    return _COMMAS.get(reader().language, ", ")


def joined(names: Iterable[str]) -> str:
    """The names as a list."""
    return comma().join(names)


def listed(names: Sequence[str], most: int = 4) -> str:
    """The names with commas between; past `most`, how many more there are."""
    shown = joined(names[:most])
    more = len(names) - most
    return _("%(shown)s and %(more)s more", shown=shown, more=more) if more > 0 else shown


def sdgs(goals: Iterable[int]) -> list[str]:
    """Development goals by number and name."""
    return [f"{code_name('sdg', str(goal))}: {_(SDGS[goal])}" for goal in goals]
