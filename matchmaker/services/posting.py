"""Posting: a draft is filled page by page, checked, sent to the moderators, and kept true afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from models import Listing, ListingVersion, Organisation, db
from models.base import now
from models.taxonomy import other_kind
from search_index.local import LocalEngine

from ..errors import Forbidden, Invalid, NotFound
from ..listing_states import after
from ..messages import N_
from ..policy import Actor, can
from ..schemas import listing_schema
from ..transaction import transaction
from . import checking, explaining, listings, matching
from .matching import Link, MatchView

#: The pages of the form: which fields each one fills. They may be filled in any order.
PAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "offer": {
        "what": ("title", "summary", "description", "language"),
        "field": ("category", "subcategory", "sdgs", "keywords"),
        "advantage": ("benefits",),
        "readiness": ("trl", "developed_in", "deployed_in", "available_in"),
        "protection": ("ip_kind", "ip_status", "ip_publications", "ip_countries", "ip_as_of"),
        "terms": ("partnerships", "open_to_interest", "anonymous"),
    },
    "need": {
        "what": ("title", "summary", "description", "language"),
        "problem": ("problem", "constraints", "targets", "benefits"),
        "field": ("category", "subcategory", "sdgs", "keywords"),
        "place": ("wanted_in", "trl", "deadline"),
        "terms": ("partnerships", "budget_amount", "budget_currency", "open_to_interest", "anonymous"),
    },
}
#: How many listings a page of one's own holds.
PAGE = 50
#: What a listing must hold before it is sent.
REQUIRED = ("title", "summary", "category")


@dataclass(frozen=True, slots=True)
class Preview:
    """What posting a listing as it is now would lead to."""

    count: int
    best: tuple[MatchView, ...]
    repeats: Link | None


def begin(actor: Actor, kind: str, given: Mapping[str, Any]) -> Listing:
    """Make a draft of the actor's organisation from its first page. Raises Forbidden and ValidationError."""
    if not can(actor, "listing.post"):
        raise Forbidden(N_("Listings belong to an organisation. Name yours first."))
    values = listing_schema(kind, PAGES[kind]["what"]).load(given)
    with transaction():
        return listings.draft(actor, kind, values, db.session.get_one(Organisation, actor.organisation_id))


def save(actor: Actor, listing: Listing, version: int, page: str, given: Mapping[str, Any]) -> Listing:
    """Store what one page of the form says. Raises NotFound, Conflict and ValidationError."""
    values = listing_schema(listing.kind, fields_of(listing.kind, page)).load(given)
    return listings.revise(actor, listing.id, version, values)


def fields_of(kind: str, page: str) -> tuple[str, ...]:
    """The fields that a page of the form fills. Raises NotFound."""
    if page not in PAGES[kind]:
        raise NotFound(N_("The form has no such page."))
    return PAGES[kind][page]


def own(actor: Actor, listing_id: int, kind: str | None = None) -> Listing:
    """A listing of the actor's own side, with its organisation. Raises NotFound."""
    listing = listings.find(actor, listing_id, kind)
    if not can(actor, "listing.edit", listing):
        raise NotFound(N_("There is no such listing among yours."))
    return listing


def submit(actor: Actor, listing_id: int, version: int) -> Listing:
    """Send a listing to the moderators. Raises NotFound, Conflict, and Invalid while something needed is missing."""
    with transaction():
        listing = listings.editable(actor, listing_id, version)
        missing = [name for name in REQUIRED if not getattr(listing, name)]
        if missing:
            raise Invalid(
                N_("Something is missing that every listing needs."), {name: [N_("Fill this in.")] for name in missing}
            )
        values = {"status": after("submit", listing.status), "submitted_at": now()}
        listings.change(actor, listing, "listing.submit", values)
        return listing


def take_back(actor: Actor, listing_id: int, version: int) -> Listing:
    """Make a draft again of what no moderator has taken up yet. Raises NotFound and Conflict."""
    with transaction():
        listing = listings.editable(actor, listing_id, version)
        listings.change(actor, listing, "listing.take_back", {"status": after("take_back", listing.status)})
        return listing


def confirm(actor: Actor, listing_id: int) -> Listing:
    """Say that a public listing still holds. Raises NotFound and Conflict."""
    with transaction():
        listing = listings.editable(actor, listing_id)
        listings.confirm(actor, listing)
        return listing


def of_organisation(actor: Actor, page: int) -> tuple[list[Listing], bool]:
    """A page of the listings of the actor's organisation, the newest first, and whether there are more."""
    if actor.organisation_id is None:
        return [], False
    query = select(Listing).where(Listing.organisation_id == actor.organisation_id)
    paged = query.order_by(Listing.id.desc()).limit(PAGE + 1).offset((page - 1) * PAGE)
    found = list(db.session.scalars(paged))
    return found[:PAGE], len(found) > PAGE


def versions(actor: Actor, listing_id: int) -> tuple[Listing, list[ListingVersion]]:
    """A listing of the actor's side, or any for staff, and what it said before, the latest first."""
    listing = listings.find(actor, listing_id)
    if not (can(actor, "listing.edit", listing) or can(actor, "staff.see")):
        raise NotFound(N_("There is no such listing among yours."))
    query = select(ListingVersion).where(ListingVersion.listing_id == listing.id)
    return listing, list(db.session.scalars(query.order_by(ListingVersion.version.desc())))


def preview(engine: LocalEngine, actor: Actor, listing: Listing, most: int = 3) -> Preview:
    """How many listings of the other kind match the listing well now, the best of them, and what it nearly repeats.

    While the engine is down it says so as every search does, and looks for no repetition.
    """
    other = other_kind(listing.kind)
    page = matching.find(engine, actor, other, listing=listing, per_page=most, least_score=explaining.LEAST_GOOD)
    return Preview(page.total, page.matches, checking.repeats(engine, listing, page.encoded))
