"""What waits for the moderators, the oldest first: what was sent, and what changed since it was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import joinedload

from models import AuditEntry, Decision, Listing, ListingVersion, User, db
from models.base import now
from models.taxonomy import PUBLIC_STATUSES

from ..errors import NotFound
from ..messages import N_
from ..policy import Actor, can

PAGE = 25
#: Whoever began to read a listing keeps it for so long; then another may take it over.
CLAIM_LASTS = timedelta(minutes=30)

What = Literal["new", "changed"]

_NEW = Listing.status.in_(("submitted", "in_review"))
#: Imports are checked as a whole, and what a catalogue changes is not read again.
_CHANGED = and_(
    Listing.status.in_(PUBLIC_STATUSES),
    Listing.source.is_(None),
    Listing.reviewed_version > 0,
    Listing.version > Listing.reviewed_version,
)
_WAITS = or_(_NEW, _CHANGED)
_REPLACED = (
    select(func.min(ListingVersion.replaced_at))
    .where(ListingVersion.listing_id == Listing.id, ListingVersion.version >= Listing.reviewed_version)
    .scalar_subquery()
)
#: Pictures are kept apart from what a listing says; only the audit trail tells when they changed.
_DECIDED = select(func.max(Decision.decided_at)).where(Decision.listing_id == Listing.id).scalar_subquery()
_PICTURED = (
    select(func.min(AuditEntry.at))
    .where(
        AuditEntry.thing_kind == "listing",
        AuditEntry.thing_id == Listing.id,
        AuditEntry.action.endswith("_image", autoescape=True),
        AuditEntry.at > func.coalesce(_DECIDED, Listing.created_at),
    )
    .scalar_subquery()
)
_SINCE = case(
    (_NEW, func.coalesce(Listing.submitted_at, Listing.created_at)),
    else_=func.coalesce(_REPLACED, _PICTURED, Listing.created_at),
)
_WHAT = case((_NEW, literal("new")), else_=literal("changed"))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the queue is looked at; None is all of it. `days` is the least age."""

    kind: str | None = None
    what: What | None = None
    days: int = 0

    def arguments(self) -> dict[str, Any]:
        """The filters that narrow, as an address holds them."""
        given = {"kind": self.kind, "what": self.what, "days": self.days}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A listing that waits, with its organisation; since when; who reads it now; whether the actor may decide."""

    listing: Listing
    what: What
    since: datetime
    reader: str | None
    read_since: datetime | None
    allowed: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the queue. `counts` are of the whole queue, by what waits and kind."""

    waiting: tuple[Waiting, ...]
    counts: dict[tuple[What, str], int]
    total: int
    page: int
    pages: int

    @property
    def everything(self) -> int:
        """How much waits in the whole queue."""
        return sum(self.counts.values())


def queue(actor: Actor, filters: Filters, page: int = 1, per_page: int = PAGE) -> Page:
    """A page of what waits, in three queries. Raises NotFound for whoever is no moderator."""
    check_moderator(actor)
    total = db.session.scalar(select(func.count()).select_from(Listing).where(*_conditions(filters))) or 0
    pages = max(1, -(-total // per_page))
    page = min(max(page, 1), pages)
    rows = db.session.execute(_rows(filters).limit(per_page).offset((page - 1) * per_page)).all()
    waiting = tuple(_waiting(actor, *row) for row in rows)
    return Page(waiting, counts(), total, page, pages)


def counts() -> dict[tuple[What, str], int]:
    """How much waits, by what and kind."""
    query = select(_WHAT, Listing.kind, func.count()).where(_WAITS).group_by(_WHAT, Listing.kind)
    return {(what, kind): number for what, kind, number in db.session.execute(query)}


def oldest() -> datetime | None:
    """Since when the oldest has waited."""
    found: datetime | None = db.session.scalar(select(func.min(_SINCE)).where(_WAITS))
    return found


def beside(actor: Actor, listing_id: int, filters: Filters) -> tuple[int | None, int | None]:
    """The listings before and after this one, of those the actor may read now; the first, when this one waits not."""
    free = or_(Listing.claimed_by_id.is_(None), Listing.claimed_by_id == actor.user_id, Listing.claimed_at < _ran_out())
    query = select(Listing.id).where(*_conditions(filters), or_(Listing.id == listing_id, free))
    if actor.organisation_id is not None:
        query = query.where(func.coalesce(Listing.organisation_id, 0) != actor.organisation_id)
    ids = list(db.session.scalars(query.order_by(_SINCE, Listing.id)))
    if listing_id not in ids:
        return None, next(iter(ids), None)
    place = ids.index(listing_id)
    return (ids[place - 1] if place else None), (ids[place + 1] if place + 1 < len(ids) else None)


def waits(listing: Listing) -> What | None:
    """What a listing waits for, if it does; the same rule as the queue's."""
    if listing.status in ("submitted", "in_review"):
        return "new"
    read = listing.reviewed_version
    changed = listing.status in PUBLIC_STATUSES and listing.source is None and read is not None
    return "changed" if changed and listing.version > (read or 0) else None


def decidable(listing: Listing, verdict: str) -> bool:
    """Whether a verdict is in place: on what waits, any; what is public can always be sent back or rejected."""
    return waits(listing) is not None or (listing.status in PUBLIC_STATUSES and verdict != "approve")


def pictures_changed(listing: Listing) -> bool:
    """Whether its pictures were changed since the last decision on a listing."""
    return db.session.scalar(select(_PICTURED).select_from(Listing).where(Listing.id == listing.id)) is not None


def held_by_other(actor: Actor, listing: Listing) -> bool:
    """Whether somebody else reads the listing now."""
    if listing.claimed_by_id in (None, actor.user_id) or listing.claimed_at is None:
        return False
    return listing.claimed_at >= _ran_out()


def check_moderator(actor: Actor) -> None:
    """Raise NotFound for whoever must not know that there is a queue."""
    if not can(actor, "moderation.see"):
        raise NotFound(N_("There is nothing at this address."))


def called(user: User) -> str:
    """A member of staff, as colleagues read it."""
    return user.name or user.email


def _ran_out() -> datetime:
    return now() - CLAIM_LASTS


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    part = {"new": _NEW, "changed": _CHANGED}
    conditions: list[ColumnElement[bool]] = [part[filters.what] if filters.what else _WAITS]
    if filters.kind:
        conditions.append(Listing.kind == filters.kind)
    if filters.days:
        conditions.append(now() - timedelta(days=filters.days) >= _SINCE)
    return conditions


def _rows(filters: Filters) -> Select[tuple[Listing, Any, Any, User]]:
    return (
        select(Listing, _WHAT, _SINCE, User)
        .outerjoin(User, User.id == Listing.claimed_by_id)
        .options(joinedload(Listing.organisation))
        .where(*_conditions(filters))
        .order_by(_SINCE, Listing.id)
    )


def _waiting(actor: Actor, listing: Listing, what: What, since: datetime, reader: User | None) -> Waiting:
    held = reader is not None and listing.claimed_at is not None and listing.claimed_at >= _ran_out()
    return Waiting(
        listing,
        what,
        since,
        called(reader) if reader and held else None,
        listing.claimed_at if held else None,
        can(actor, "listing.moderate", listing),
    )
