"""What staff read of a listing that waits: ages, findings of the automatic checks, verdicts, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from babel.units import format_unit

from models import Listing

from .. import wording
from ..messages import N_
from ..policy import Actor
from ..services import versions
from ..services.checking import Finding
from ..services.versions import Piece
from ..wording import _
from .facts import Fact, Line, facts

_FINDINGS = {
    "missing": (N_("Not stated"), ""),
    "vague": (
        N_("Needs a number or proof"),
        N_("How much, against what, measured by whom? The words alone prove nothing."),
    ),
    "contact": (
        N_("Contact details in the text"),
        N_("An introduction releases them; in the text everybody reads them."),
    ),
    "links": (N_("Links"), N_("See where they lead before you approve.")),
    "shouting": (N_("Written in capitals"), ""),
    "language_differs": (N_("Language"), N_("Stated is %(language)s, but most letters are %(script)s.")),
    "language_unsure": (
        N_("Language"),
        N_("The letters fit %(language)s. Whether it is that language, this check cannot tell."),
    ),
    "language_unknown": (N_("Language"), N_("None is stated, or there is too little text: cannot tell.")),
}

_VERDICTS = {
    "approve": N_("Approved"),
    "request_changes": N_("Changes asked for"),
    "reject": N_("Rejected"),
    "undo": N_("Decision taken back"),
}

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Check:
    """A finding in words. `items` are words of the listing, or of ours when it names what is missing."""

    code: str
    name: str
    hint: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextChange:
    """A text of the listing, word by word."""

    name: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class FactChange:
    """A row of the fact table, before and now."""

    name: str
    before: tuple[Line, ...]
    now: tuple[Line, ...]


def check(found: Finding) -> Check:
    """The finding in words."""
    name, hint = _FINDINGS[found.code]
    if found.code.startswith("language"):
        script = found.items[1] if len(found.items) > 1 else ""
        said = _(hint, language=wording.language(found.items[0]), script=script)
        return Check(found.code, _(name), said, ())
    items = tuple(wording.gap(item)[0] for item in found.items) if found.code == "missing" else found.items
    return Check(found.code, _(name), _(hint) if hint else "", items)


def verdict(code: str) -> str:
    """What was decided."""
    return _(_VERDICTS[code])


def age(moment: datetime) -> str:
    """How long ago: 3 days."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    unit, length = next((pair for pair in _UNITS if seconds >= pair[1]), _UNITS[-1])
    return format_unit(seconds // length, f"duration-{unit}", locale=wording.reader())


def all_facts(listing: Listing, actor: Actor) -> list[Fact]:
    """The rows of the fact table, with what a listing's page says elsewhere."""
    beside = {
        "trl": f"TRL {listing.trl}" if listing.trl else "",
        "language": wording.language(listing.language) if listing.language != "und" else "",
        "anonymous": _("yes") if listing.anonymous else _("no"),
        "open_to_interest": _("yes") if listing.open_to_interest else _("no"),
    }
    named = [Fact(wording.field(name), (Line(ours=said),) if said else ()) for name, said in beside.items()]
    return facts(listing, actor) + named


def changes(before: Listing, after: Listing, actor: Actor) -> tuple[list[TextChange], list[FactChange]]:
    """What differs between two states of a listing: its texts word by word, and its facts."""
    names = ("title", "summary", "description")
    texts = [
        TextChange(wording.field(name), versions.differences(getattr(before, name), getattr(after, name)))
        for name in names
        if getattr(before, name) != getattr(after, name)
    ]
    rows = zip(all_facts(before, actor), all_facts(after, actor), strict=True)
    return texts, [FactChange(new.name, old.lines, new.lines) for old, new in rows if old.lines != new.lines]
