"""A listing's facts in words, for the table on its page. What is not known is shown as such."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from models import Listing
from models.taxonomy import BENEFITS, IP_KINDS, IP_STATUSES, PARTNERSHIPS

from .. import wording
from ..policy import Actor, can
from ..text import plain, web_address
from ..wording import _


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a fact: the page's own words, then the listing's words in the listing's language."""

    ours: str = ""
    theirs: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the fact table. No lines: not stated."""

    name: str
    lines: tuple[Line, ...]


def facts(listing: Listing, actor: Actor) -> list[Fact]:
    """The rows of the table for an offer or a need, as far as this actor may read them."""
    return [
        _ours(_("Category"), [wording.category_path(listing.category, listing.subcategory)]),
        *(_offered(listing, actor) if listing.kind == "offer" else _wanted(listing)),
        _ours(_("Partnership"), [wording.joined(_(PARTNERSHIPS[code]) for code in listing.partnerships)]),
        _ours(_("Development goals"), wording.sdgs(listing.sdgs)),
        _theirs(_("Keywords"), [" · ".join(listing.keywords)]),
    ]


def abstract(listing: Listing) -> str:
    """What the listing is about, on one line, for those who show it elsewhere; "" when it says no more than a title."""
    return " ".join((listing.summary or listing.problem or plain(listing.description)).split())


def source_address(listing: Listing, actor: Actor) -> str | None:
    """Where the listing was published before, unless that would give an anonymous organisation away."""
    return web_address(listing.source_url) if can(actor, "listing.see_organisation", listing) else None


def patents(listing: Listing, actor: Actor) -> list[str]:
    """Numbers of publications. Anybody can look up whose they are, so an anonymous listing keeps them back."""
    return listing.ip_publications if can(actor, "listing.see_organisation", listing) else []


def _offered(listing: Listing, actor: Actor) -> list[Fact]:
    return [
        Fact(_("Advantage"), tuple(_benefit(given) for given in listing.benefits)),
        _ours(_("Developed in"), _countries(listing.developed_in)),
        _ours(_("At work in"), _countries(listing.deployed_in)),
        _ours(_("Available in"), _countries(listing.available_in)),
        _ours(_("Protection"), _protection(listing, actor)),
    ]


def _wanted(listing: Listing) -> list[Fact]:
    amount = listing.budget_amount
    return [
        _theirs(_("Problem"), [listing.problem]),
        _theirs(_("Constraints"), [listing.constraints]),
        _theirs(_("To be reached"), [f"{given['name']}: {_quantity(given)}" for given in listing.targets]),
        Fact(_("Hoped for"), tuple(_benefit(given) for given in listing.benefits)),
        _ours(_("Wanted in"), _countries(listing.wanted_in)),
        _ours(_("Budget"), [f"{wording.number(amount)} {listing.budget_currency}"] if amount is not None else []),
        _ours(_("Deadline"), [wording.day(listing.deadline)] if listing.deadline else []),
    ]


def _ours(name: str, lines: Iterable[str]) -> Fact:
    return Fact(name, tuple(Line(ours=line) for line in lines if line))


def _theirs(name: str, lines: Iterable[str]) -> Fact:
    return Fact(name, tuple(Line(theirs=line) for line in lines if line))


def _benefit(given: dict[str, Any]) -> Line:
    baseline = f" ({given['baseline']})" if given["baseline"] else ""
    return Line(f"{_(BENEFITS[given['tag']])}:", _quantity(given) + baseline)


def _quantity(given: dict[str, Any]) -> str:
    return f"{wording.number(given['quantity'])} {given['unit']}".strip()


def _countries(codes: Iterable[str]) -> list[str]:
    return [wording.joined(sorted(wording.country(code) for code in codes))]


def _protection(listing: Listing, actor: Actor) -> list[str]:
    known = [
        *([_(IP_KINDS[listing.ip_kind])] if listing.ip_kind != "unknown" else []),
        *([_(IP_STATUSES[listing.ip_status]).lower()] if listing.ip_status != "unknown" else []),
        *([_("as of %(day)s", day=wording.day(listing.ip_as_of))] if listing.ip_as_of else []),
    ]
    return [wording.joined(known), ", ".join(patents(listing, actor)), *_countries(listing.ip_countries)]
