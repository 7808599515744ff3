"""Undoing an import: what it made goes, what it changed says again what it said, unless somebody has built on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import or_, select

from models import Image, Import, ImportChange, Listing, Match, db

from ..errors import Conflict, MatchmakerError
from ..messages import N_
from ..policy import Actor, can
from ..schemas import listing_schema
from ..transaction import transaction
from . import auditing, bulk, listings
from .bulk_columns import FIELDS

_AT_WORK = ("approved", "introduced", "closed")
_STAYS = {
    "in_review": N_("A moderator is reading it."),
    "rejected": N_("The moderators have rejected it; that stays on record."),
}


@dataclass(frozen=True, slots=True)
class Undone:
    """How many listings went, how many say again what they said, and how many stayed as they are."""

    removed: int
    restored: int
    kept: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A listing that an import made or changed and that its undoing left alone, and why."""

    listing: Listing
    why: str


def undo(actor: Actor, import_id: int) -> Undone:
    """Take a finished import back, a batch in a transaction: cut off, it goes on where it was when it is asked again.

    Raises NotFound, and Conflict when there is nothing to undo.
    """
    with transaction():
        _undoable(bulk.own(actor, import_id))
    counts: Counter[str] = Counter()
    last: int | None = 0
    while last is not None:
        with transaction():
            last = _undo_batch(actor, _undoable(bulk.own(actor, import_id)), last, counts)
    with transaction():
        run = _undoable(bulk.own(actor, import_id))
        run.status = "undone"
        auditing.record(actor, "import.undo", "import", run.id, {}, dict(counts))
    return Undone(counts["removed"], counts["restored"], counts["kept"])


def _undoable(run: Import) -> Import:
    if run.status not in ("done", "failed"):
        raise Conflict(N_("Only an import that is done can be undone. Reload the page to see how it stands."))
    return run


def _undo_batch(actor: Actor, run: Import, last: int, counts: Counter[str]) -> int | None:
    """Undo the next changes behind a listing's number. Returns the number of the last one, None when none was left."""
    changes = _changes(run, last, bulk.BATCH, lock=True)
    built_on = _built_on([listing.id for _, listing in changes])
    for change, listing in changes:
        if _obstacle(actor, change, listing, built_on):
            counts["kept"] += 1
        elif change.before is None:
            listings.remove(actor, listing)
            counts["removed"] += 1
        else:
            counts["restored" if _restored(actor, change, listing) else "kept"] += 1
    return changes[-1][1].id if changes else None


def kept(actor: Actor, run: Import, most: int = 100) -> list[Kept]:
    """What the undoing of an import left alone, with the reasons as they stand now."""
    changes = _changes(run, 0, most)
    built_on = _built_on([listing.id for _, listing in changes])
    return [
        Kept(listing, _obstacle(actor, change, listing, built_on) or N_("It was with the moderators."))
        for change, listing in changes
    ]


def _changes(run: Import, last: int, most: int, *, lock: bool = False) -> list[tuple[ImportChange, Listing]]:
    query = (
        select(ImportChange, Listing)
        .join(Listing, Listing.id == ImportChange.listing_id)
        .where(ImportChange.import_id == run.id, ImportChange.listing_id > last)
        .order_by(ImportChange.listing_id)
        .limit(most)
    )
    return [(row[0], row[1]) for row in db.session.execute(query.with_for_update() if lock else query)]


def _built_on(ids: Iterable[int]) -> dict[int, str]:
    """Listings on which others have built meanwhile, with what."""
    ids = list(ids)
    pictures = dict.fromkeys(
        db.session.scalars(select(Image.listing_id).where(Image.listing_id.in_(ids))), N_("It has pictures now.")
    )
    pairs = select(Match.need_id, Match.offer_id).where(
        Match.status.in_(_AT_WORK), or_(Match.need_id.in_(ids), Match.offer_id.in_(ids))
    )
    matched = {
        id: N_("It has been brought together with another one.") for row in db.session.execute(pairs) for id in row
    }
    return {id: why for id, why in {**pictures, **matched}.items() if id is not None}


def _obstacle(actor: Actor, change: ImportChange, listing: Listing, built_on: dict[int, str]) -> str | None:
    if bulk.content_hash(listing) != change.content_hash:
        return N_("It has been changed since.")
    if change.before is not None:
        return None
    if not can(actor, "listing.delete", listing):
        return N_("It is public, and only owners of the organisation delete what was published.")
    return _STAYS.get(listing.status) or built_on.get(listing.id)


def _restored(actor: Actor, change: ImportChange, listing: Listing) -> bool:
    """Let the listing say what it said; False while it must not be changed."""
    content = listings.content_of(listing)
    given = {name: content[name] for name in FIELDS[listing.kind]} | (change.before or {})
    values = listing_schema(listing.kind).load(given)
    try:
        listings.revise(actor, listing.id, listing.version, {name: values[name] for name in change.before or ()})
    except MatchmakerError:
        return False
    db.session.delete(change)
    return True
