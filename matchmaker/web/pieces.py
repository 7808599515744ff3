"""One sample of everything that a piece of the look shows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

from werkzeug.datastructures import MultiDict

from ..services.explaining import Band, Reason, Verdict
from ..services.matching import Link, ListingView, MatchView
from ..wording import _
from .facts import Fact, Line
from .results import Chip, Choice, FacetGroup, Search

_WORDS = ("salt", "dye bath")


def samples() -> dict[str, Any]:
    """What the page of all pieces shows them with."""
    offer = _listing("offer", "Brine recovery from dye baths by loose nanofiltration", "en", 8)
    return {
        "listings": [
            offer,
            _listing("need", "بئر مالحة تحتاج إلى تحلية", "ar", 6),
            _listing("offer", "染色废水回用", "zh", None, organisation=None, anonymous=True, sample=True),
        ],
        "match": _match(offer),
        "words": _WORDS,
        "facts": _facts(),
        "facet": _facet(),
        "chips": [Chip(_("Water"), "#chip"), Chip("TRL 7", "#chip")],
        "days": (date(2026, 1, 31), None),
        "search": Search.read("listings.search", {"kind": "offer"}, MultiDict()),
        "page": SimpleNamespace(page=3, pages=12),
        "problems": {"title": [_("Fill this in.")]},
        "organisation": SimpleNamespace(
            id=1,
            name="Jua & Maji Works",
            kind="sme",
            country="KE",
            verified_at=datetime(2026, 5, 3, tzinfo=UTC),
            verified_checks=["register", "website"],
        ),
    }


def _listing(kind: str, title: str, language: str, trl: int | None, **given: Any) -> ListingView:
    values: dict[str, Any] = {
        "id": 1,
        "kind": kind,
        "title": title,
        "summary": "The salt and the water of a dye bath go back to the next bath; the colour stays behind.",
        "language": language,
        "category": "water",
        "subcategory": "wastewater",
        "trl": trl,
        "sdgs": (6, 12),
        "partnerships": ("sale", "pilot"),
        "organisation": "Jua & Maji Works",
        "country": "KE",
        "anonymous": False,
        "sample": False,
        "source": None,
        "published": datetime(2026, 5, 3, tzinfo=UTC),
        "confirmed": None,
        "organisation_id": None,
        "verified": None,
        "deadline": None,
    }
    return ListingView(**{**values, **given})


def _match(listing: ListingView) -> MatchView:
    """A result whose points are made up and add up."""
    pair = SimpleNamespace(
        wanted="We want to reuse the salt and the dye bath.",
        found="The salt and the water of a dye bath go back to the next bath.",
        points=0.31,
    )
    evidence: Any = SimpleNamespace(
        terms=(SimpleNamespace(word="salt", points=0.16), SimpleNamespace(word="dye bath", points=0.12)),
        other_terms=0.04,
        pairs=(pair,),
        other_pairs=0.05,
    )
    hit: Any = SimpleNamespace(score=0.68)
    reasons = (
        Reason("category", Verdict.FITS, ("water",), ("water",)),
        Reason("available_in", Verdict.DIFFERS, ("BD",), ("KE", "TZ")),
        Reason("ip", Verdict.UNKNOWN),
    )
    folded = (Link(2, "offer", "Brine recovery, second edition", "en"),)
    return MatchView(listing, 1, hit, Band.STRONG, reasons, evidence, folded, 2)


def _facts() -> list[Fact]:
    return [
        Fact(_("Advantage"), (Line(_("Water saved:"), "60 % (conventional dyeing)"),)),
        Fact(_("Keywords"), (Line(theirs="dye bath · salt"),)),
        Fact(_("Protection"), ()),
    ]


def _facet() -> FacetGroup:
    choices = (
        Choice("water", _("Water"), 12, True),
        Choice("energy", _("Energy"), 3, False),
        Choice("transport", _("Transport"), 0, False),
    )
    return FacetGroup("category", _("Category"), choices[:2], choices[2:])
