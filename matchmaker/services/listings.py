"""Listings: draft, publish, revise, withdraw, delete, read. Writes leave an audit entry and an outbox item beside."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from models import Listing, ListingVersion, Organisation, db
from models.base import LARGEST_ID, now
from models.taxonomy import PUBLIC_STATUSES

from ..errors import Conflict, Forbidden, NotFound
from ..listing_states import EDITABLE, after
from ..messages import N_
from ..policy import Actor, can
from ..schemas import NeedSchema, OfferSchema
from ..transaction import transaction
from . import auditing, outbox


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an imported listing comes from. `hash` changes when its row does."""

    source: str
    source_id: str
    url: str | None
    licence: str | None
    hash: str
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """One row of an import: what its schema made of it, whose it is, and where it comes from."""

    values: Mapping[str, Any]
    organisation: Organisation | None
    origin: Origin


def publish(actor: Actor, kind: str, values: Mapping[str, Any], organisation: Organisation | None = None) -> Listing:
    """Store a new listing and show it to everybody. `values` come out of its schema."""
    with transaction():
        listing = _new(kind, values, organisation)
        _publish(actor, [listing])
        return listing


def draft(actor: Actor, kind: str, values: Mapping[str, Any], organisation: Organisation | None = None) -> Listing:
    """Store a new listing that only its own side sees. `values` come out of its schema."""
    with transaction():
        listing = _draft(kind, values, organisation)
        listing.created_by_id = actor.user_id
        db.session.add(listing)
        db.session.flush()
        _record(actor, "listing.draft", listing, {}, {"kind": listing.kind, "title": listing.title})
        return listing


def publish_draft(actor: Actor, listing_id: int, version: int) -> Listing:
    """Show to everybody what was a draft or had been withdrawn. Raises NotFound, and Conflict when it has changed."""
    with transaction():
        listing = editable(actor, listing_id, version)
        if not can(actor, "listing.publish"):
            raise Forbidden(N_("Programme staff read every listing before it is public."))
        status = after("publish", listing.status)
        change(actor, listing, "listing.publish", {"status": status, **_dated(now())})
        return listing


def revise(actor: Actor, listing_id: int, version: int, values: Mapping[str, Any]) -> Listing:
    """Change fields of a listing that the actor read at `version`; a new version, unless nothing differs.

    `values` come out of its schema. Raises NotFound, and Conflict when somebody else was faster.
    """
    with transaction():
        listing = revisable(actor, listing_id, version)
        if any(getattr(listing, name) != value for name, value in values.items()):
            change(actor, listing, "listing.revise", values)
        return listing


def delete(actor: Actor, listing_id: int, version: int) -> None:
    """Remove a listing for good, with its matches; the audit trail stays. Raises NotFound and Conflict."""
    with transaction():
        listing = editable(actor, listing_id, version)
        if not can(actor, "listing.delete", listing):
            raise Forbidden(N_("Only owners of the organisation delete what was published. Withdraw it instead."))
        remove(actor, listing)


def remove(actor: Actor, listing: Listing) -> None:
    """Remove a listing whose row is locked, whoever may ask for it. Call it inside the transaction that locked it."""
    _record(actor, "listing.delete", listing, {"kind": listing.kind, "title": listing.title}, {})
    outbox.enqueue("index", listing.id)
    db.session.delete(listing)


def put_imported(actor: Actor, kind: str, source: str, rows: Sequence[Imported]) -> Counter[str]:
    """Publish, update or leave alone the listing of each row's source id, whichever makes it agree with the row.

    Returns how many were added, changed and unchanged. Raises Conflict when one is stored as the other kind.
    """
    outcomes: Counter[str] = Counter()
    fresh = []
    with transaction():
        ids = [row.origin.source_id for row in rows]
        stored = {
            listing.source_id: listing
            for listing in db.session.scalars(
                select(Listing).where(Listing.source == source, Listing.source_id.in_(ids)).with_for_update()
            )
        }
        for row in rows:
            listing = stored.get(row.origin.source_id)
            if listing is None:
                listing = _new(kind, row.values, row.organisation)
                _apply(listing, row.origin)
                fresh.append(listing)
                outcomes["added"] += 1
            else:
                outcomes[_reimport(actor, kind, listing, row)] += 1
        _publish(actor, fresh)
    return outcomes


def _reimport(actor: Actor, kind: str, listing: Listing, row: Imported) -> str:
    if listing.kind != kind:
        raise Conflict(
            N_(
                "%(id)r is already stored as %(stored)s, so it cannot become %(kind)s.",
                id=row.origin.source_id,
                stored=listing.kind,
                kind=kind,
            )
        )
    if listing.source_hash == row.origin.hash:
        return "unchanged"
    organisation_id = row.organisation.id if row.organisation else None
    _apply(listing, row.origin)
    change(actor, listing, "listing.reimport", {**row.values, "organisation_id": organisation_id})
    return "changed"


def withdraw(actor: Actor, listing_id: int) -> Listing:
    """Take a listing out of every list and index; it stays in the database."""
    with transaction():
        listing = find(actor, listing_id, lock=True)
        if not can(actor, "listing.withdraw", listing):
            raise NotFound(N_("There is no such listing."))
        change(actor, listing, "listing.withdraw", {"status": after("withdraw", listing.status)})
        return listing


def editable(actor: Actor, listing_id: int, version: int | None = None) -> Listing:
    """The listing, its row locked until the transaction ends, if the actor may change it and read it as it is.

    Raises NotFound, and Conflict when it is not at `version` any more.
    """
    listing = find(actor, listing_id, lock=True)
    if not can(actor, "listing.edit", listing):
        raise NotFound(N_("There is no such listing."))
    if version is not None and listing.version != version:
        raise Conflict(
            N_(
                "Somebody else changed this listing meanwhile: it is at version %(now)s, you read version %(read)s. "
                "Read it again, then repeat your change.",
                now=listing.version,
                read=version,
            )
        )
    return listing


def revisable(actor: Actor, listing_id: int, version: int | None = None) -> Listing:
    """As `editable`, while what the listing shows may change. Raises Conflict too while moderators look at it."""
    listing = editable(actor, listing_id, version)
    if actor.kind != "system" and listing.status not in EDITABLE:
        raise Conflict(N_("This listing is with the moderators. Take it back before you change it."))
    return listing


def find(actor: Actor, listing_id: int, kind: str | None = None, *, lock: bool = False) -> Listing:
    """The listing with its organisation. Raises NotFound when it is not there or not for this actor."""
    query = select(Listing).options(joinedload(Listing.organisation)).where(Listing.id == listing_id)
    if lock:
        query = query.with_for_update(of=Listing)
    listing = db.session.scalar(query) if 0 < listing_id <= LARGEST_ID else None
    if listing is None or (kind and listing.kind != kind) or not can(actor, "listing.see", listing):
        raise NotFound(N_("There is no such listing. It may have been withdrawn."))
    return listing


def newest(kind: str, count: int) -> list[Listing]:
    """The latest published listings of a kind with their organisations."""
    query = (
        select(Listing)
        .options(joinedload(Listing.organisation))
        .where(Listing.kind == kind, Listing.status.in_(PUBLIC_STATUSES))
        .order_by(Listing.published_at.desc(), Listing.id.desc())
        .limit(count)
    )
    return list(db.session.scalars(query))


def totals() -> dict[str, int]:
    """How many offers and needs are public, and from how many countries; anonymous listings do not tell theirs."""
    public = Listing.status.in_(PUBLIC_STATUSES)
    kinds = select(Listing.kind, func.count().label("number")).where(public).group_by(Listing.kind)
    counted = {row.kind: row.number for row in db.session.execute(kinds)}
    countries = (
        select(func.count(func.distinct(Organisation.country)))
        .join(Listing, Listing.organisation_id == Organisation.id)
        .where(public, Listing.anonymous.is_(False))
    )
    return {
        "offers": counted.get("offer", 0),
        "needs": counted.get("need", 0),
        "countries": db.session.scalar(countries) or 0,
    }


def organisation_named(name: str, kind: str | None, country: str | None, *, sample: bool = False) -> Organisation:
    """The organisation that imports know by this name and country, made when it is new. Call it in a transaction.

    Two at once make it once; the slower one waits for the other's transaction.
    """
    key = hashlib.sha256(json.dumps([name, country]).encode()).hexdigest()
    known = select(Organisation).where(Organisation.import_key == key)
    if found := db.session.scalar(known):
        return found
    made = Organisation(name=name, kind=kind, country=country, sample=sample, import_key=key)
    try:
        with db.session.begin_nested():
            db.session.add(made)
    except IntegrityError:
        faster = db.session.scalar(known)
        if faster is None:
            raise
        return faster
    return made


#: What a listing says, in the order of its page; everything else is about the listing.
CONTENT = tuple(dict.fromkeys([*OfferSchema().fields, *NeedSchema().fields]))


def content_of(listing: Listing) -> dict[str, Any]:
    """What the listing says, as JSON holds it."""
    return {name: auditing.plain(getattr(listing, name)) for name in CONTENT}


def _draft(kind: str, values: Mapping[str, Any], organisation: Organisation | None) -> Listing:
    return Listing(kind=kind, organisation_id=organisation.id if organisation else None, **values)


def _new(kind: str, values: Mapping[str, Any], organisation: Organisation | None) -> Listing:
    listing = _draft(kind, values, organisation)
    for name, value in {"status": "published", **_dated(now())}.items():
        setattr(listing, name, value)
    return listing


def _dated(moment: datetime) -> dict[str, datetime]:
    return {"submitted_at": moment, "published_at": moment, "confirmed_at": moment}


def _publish(actor: Actor, listings: Sequence[Listing]) -> None:
    """Store new listings with what goes beside each; one flush gives all of them their numbers."""
    db.session.add_all(listings)
    db.session.flush()
    for listing in listings:
        _record(actor, "listing.publish", listing, {}, {"kind": listing.kind, "title": listing.title})
        outbox.enqueue("index", listing.id)


def _apply(listing: Listing, origin: Origin) -> None:
    listing.source, listing.source_id = origin.source, origin.source_id
    listing.source_url, listing.source_licence = origin.url, origin.licence
    listing.source_hash, listing.sample = origin.hash, origin.sample


def change(actor: Actor, listing: Listing, action: str, values: Mapping[str, Any]) -> None:
    """Set fields of a listing whose row is locked: a new version, an audit entry, an outbox item.

    What others may have read is kept as it was. What moderators have read stays read while it says the same. Call it
    inside the transaction that locked the row.
    """
    changed = {name: value for name, value in values.items() if getattr(listing, name) != value}
    before = {name: getattr(listing, name) for name in changed}
    says_other = any(name in CONTENT for name in changed)
    still_read = listing.reviewed_version == listing.version and not says_other
    if says_other and (listing.status != "draft" or listing.published_at):
        old = ListingVersion(listing_id=listing.id, version=listing.version, values=content_of(listing))
        old.replaced_by_id = actor.user_id
        db.session.add(old)
    for name, value in changed.items():
        setattr(listing, name, value)
    if still_read and "reviewed_version" not in values:
        listing.reviewed_version = listing.version + 1
    renew(actor, listing, action, before, changed)


def confirm(actor: Actor, listing: Listing) -> None:
    """Say that a public listing whose row is locked still holds. Raises Conflict. See `change`."""
    values = {"status": after("confirm", listing.status), "confirmed_at": now(), "reminded_at": None}
    change(actor, listing, "listing.confirm", values)


def renew(actor: Actor, listing: Listing, action: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Make what changed about a listing a new version, with its audit entry and outbox item. See `change`."""
    listing.version += 1
    _record(actor, action, listing, before, after)
    outbox.enqueue("index", listing.id)


def _record(actor: Actor, action: str, listing: Listing, before: dict[str, Any], after: dict[str, Any]) -> None:
    auditing.record(actor, action, "listing", listing.id, before, after)
