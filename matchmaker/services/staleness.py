"""Keeping what is public true: owners are asked whether it holds, and what nobody confirms leaves the public.

Ages count in whole days (UTC), so that it does not matter at what hour of the night this runs. Imported listings are
left alone: their catalogue is the one to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from models import Listing, User, db
from models.base import UTCDateTime
from models.taxonomy import PUBLIC_STATUSES

from ..errors import Conflict, NotFound
from ..letters import Letters
from ..links import Links
from ..listing_states import after
from ..messages import N_
from ..policy import SYSTEM, actor_of, can
from ..transaction import transaction
from . import auditing, listings, notifying

#: After so long without a word from its owners a listing is marked as not confirmed lately; so long later it is
#: archived. The owners are asked so long before the first.
STALE_AFTER = timedelta(days=180)
ARCHIVED_AFTER = timedelta(days=180)
ASKED_BEFORE = timedelta(days=14)

_BATCH = 100
_CONFIRMED = func.coalesce(Listing.confirmed_at, Listing.published_at, type_=UTCDateTime)
_OWN = and_(Listing.source.is_(None), Listing.status.in_(PUBLIC_STATUSES))
_ASKED = and_(Listing.reminded_at.is_not(None), Listing.reminded_at >= _CONFIRMED)


def keep_true(letters: Letters, now: datetime) -> dict[str, int]:
    """All that a night does to listings. Returns how many were archived, grew stale, and are asked about."""
    return {
        "archived": archive(letters, now),
        "stale": grow_stale(now),
        "asked": remind(letters, now),
    }


def remind(letters: Letters, now: datetime) -> int:
    """Ask the owners of what grows stale in two weeks whether it still holds, once. Returns how many listings."""

    def ask(listing: Listing) -> None:
        listing.reminded_at = now
        auditing.record(SYSTEM, "listing.remind", "listing", listing.id, {}, {"reminded_at": now})
        for user in notifying.answerable(listing):
            days = _days(letters.links, listing, user, now)
            letter = letters.write("still_valid", user.locale, listing=listing, **days)
            notifying.owe(user.email, letter.subject, letter.text)

    return _each(and_(_older(_CONFIRMED, now, STALE_AFTER - ASKED_BEFORE), ~_ASKED), ask)


def grow_stale(now: datetime) -> int:
    """Mark as not confirmed lately what nobody confirmed in time, though they were asked. Returns how many."""

    def mark(listing: Listing) -> None:
        listings.change(SYSTEM, listing, "listing.go_stale", {"status": after("go_stale", listing.status)})

    # Where the nights' work rested for a while, owners have their two weeks all the same.
    late = and_(_older(_CONFIRMED, now, STALE_AFTER), _ASKED, _older(Listing.reminded_at, now, ASKED_BEFORE))
    return _each(and_(Listing.status == "published", late), mark)


def archive(letters: Letters, now: datetime) -> int:
    """Take out of the public what was stale for long, what its owners let expire, and needs past their deadline."""
    expired = Listing.expires_at <= now
    overdue = and_(Listing.kind == "need", Listing.deadline < now.date())
    forgotten = and_(
        Listing.status == "stale",
        _older(_CONFIRMED, now, STALE_AFTER + ARCHIVED_AFTER),
        _ASKED,
        _older(Listing.reminded_at, now, ASKED_BEFORE + ARCHIVED_AFTER),
    )
    causes = ((expired, "expired"), (overdue, "deadline"), (forgotten, "stale"))

    def put_away(cause: str) -> Callable[[Listing], None]:
        def act(listing: Listing) -> None:
            listings.change(SYSTEM, listing, "listing.archive", {"status": after("archive", listing.status)})
            notifying.tell(listing, letters, "archived", cause=cause)

        return act

    return sum(_each(condition, put_away(cause)) for condition, cause in causes)


def asked_about(links: Links, token: str) -> Listing:
    """The listing that a letter's link is about. Raises NotFound, and Conflict for one that was used or is late."""
    return _listing_of(links, token, lock=False)[0]


def confirm(links: Links, token: str) -> Listing:
    """Say by a letter's link that a listing still holds; works once. Raises NotFound and Conflict."""
    with transaction():
        listing, user = _listing_of(links, token, lock=True)
        listings.confirm(actor_of(user), listing)
        return listing


def _listing_of(links: Links, token: str, *, lock: bool) -> tuple[Listing, User]:
    listing_id, user_id, moment = links.read_still_valid(token)
    user = db.session.get(User, user_id)
    if user is None or not user.active:
        raise NotFound(N_("The account that this letter was written to is gone."))
    listing = listings.find(actor_of(user), listing_id, lock=lock)
    if not can(actor_of(user), "listing.edit", listing):
        raise NotFound(N_("There is no such listing among yours."))
    if listing.status not in PUBLIC_STATUSES:
        raise Conflict(N_("This listing is not public any more. Sign in and send it to the moderators again."))
    if (listing.confirmed_at or listing.published_at) != moment:
        raise Conflict(N_("This listing has been confirmed already. There is nothing more to do."))
    return listing, user


def _older(column: Any, now: datetime, age: timedelta) -> ColumnElement[bool]:
    """Whether the day of a moment lies so many days before today, or more."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found: ColumnElement[bool] = column < midnight + timedelta(days=1) - age
    return found


def _each(condition: ColumnElement[bool], act: Callable[[Listing], None]) -> int:
    """Do something to every listing that the condition holds for and ceases to hold for thereby, a batch at a time."""
    done = 0
    while True:
        with transaction():
            query = select(Listing).where(_OWN, condition).order_by(Listing.id).limit(_BATCH)
            batch = db.session.scalars(query.with_for_update(skip_locked=True)).all()
            for listing in batch:
                act(listing)
        done += len(batch)
        if len(batch) < _BATCH:
            return done


def _days(links: Links, listing: Listing, user: User, now: datetime) -> dict[str, Any]:
    """What the letter says of days, and its link."""
    confirmed = listing.confirmed_at or listing.published_at or now
    stale = max(confirmed + STALE_AFTER, now + ASKED_BEFORE)
    return {
        "confirmed": confirmed,
        "stale": stale,
        "archived": stale + ARCHIVED_AFTER,
        "link": links.still_valid(listing.id, user.id, confirmed),
    }
