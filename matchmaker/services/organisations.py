"""Organisations: made by somebody, described, verified by staff, and read by everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models import Listing, Organisation, User, db
from models.base import LARGEST_ID, now
from models.taxonomy import PUBLIC_STATUSES

from ..errors import Conflict, Forbidden, NotFound
from ..messages import N_
from ..policy import Actor, actor_of, can
from ..transaction import transaction
from . import auditing, outbox

#: What staff compared: when it changes, their verification does not hold any more.
VERIFIED = ("name", "country", "website")
_UNVERIFIED: dict[str, Any] = {"verified_at": None, "verified_by_id": None, "verified_checks": []}
#: Listings on one page of an organisation.
PAGE = 20


@dataclass(frozen=True, slots=True)
class ListingPage:
    """Some of an organisation's public listings, with their organisation, and how many there are."""

    listings: Sequence[Listing]
    total: int
    page: int
    pages: int


def find(organisation_id: int) -> Organisation:
    """The organisation. Raises NotFound."""
    known = 0 < organisation_id <= LARGEST_ID
    found: Organisation | None = db.session.get(Organisation, organisation_id) if known else None
    if found is None:
        raise NotFound(N_("There is no such organisation."))
    return found


def make(actor: Actor, values: Mapping[str, Any]) -> Organisation:
    """Store an organisation; whoever makes it is its owner. `values` come out of its schema.

    Raises Forbidden, and Conflict for somebody who belongs to one.
    """
    with transaction():
        user = account(actor)
        if not can(actor_of(user), "organisation.make"):
            raise Conflict(N_("You belong to an organisation already. Leave it before you make another one."))
        organisation = Organisation(**values)
        db.session.add(organisation)
        db.session.flush()
        user.organisation_id, user.owner = organisation.id, True
        auditing.record(actor, "organisation.make", "organisation", organisation.id, {}, {**values, "owner": user.id})
        return organisation


def edit(actor: Actor, organisation_id: int, version: int, values: Mapping[str, Any]) -> Organisation:
    """Change an organisation that the actor read at `version`. `values` come out of its schema.

    A change of what staff compared ends their verification. Raises NotFound, Forbidden, and Conflict when somebody
    else was faster.
    """
    with transaction():
        organisation = allowed(actor, organisation_id, "organisation.edit")
        _check_version(organisation, version)
        changed = {name: value for name, value in values.items() if getattr(organisation, name) != value}
        if not changed:
            return organisation
        if organisation.verified_at and not changed.keys().isdisjoint(VERIFIED):
            changed |= _UNVERIFIED
        _change(actor, organisation, "organisation.edit", changed)
        if "country" in changed:
            _index_again(organisation.id)
        return organisation


def verify(actor: Actor, organisation_id: int, version: int, checks: Sequence[str]) -> Organisation:
    """Say that the actor compared these things today, in the organisation as it was at `version`.

    Raises NotFound, Forbidden, and Conflict when the organisation has changed since.
    """
    with transaction():
        organisation = _verifiable(actor, organisation_id)
        _check_version(organisation, version)
        values = {"verified_at": now(), "verified_by_id": actor.user_id, "verified_checks": list(checks)}
        _change(actor, organisation, "organisation.verify", values)
        return organisation


def unverify(actor: Actor, organisation_id: int) -> Organisation:
    """Take a verification back. Raises NotFound and Forbidden."""
    with transaction():
        organisation = _verifiable(actor, organisation_id)
        if organisation.verified_at:
            _change(actor, organisation, "organisation.unverify", _UNVERIFIED)
        return organisation


def verifier_of(organisation: Organisation) -> str | None:
    """The name of whoever verified the organisation, while their account lasts."""
    return db.session.scalar(select(User.name).where(User.id == organisation.verified_by_id))


def public_listings(organisation_id: int, page: int) -> ListingPage:
    """What the organisation shows to everybody under its name, the newest first; nothing anonymous, for anybody."""
    shown = (
        Listing.organisation_id == organisation_id,
        Listing.status.in_(PUBLIC_STATUSES),
        Listing.anonymous.is_(False),
    )
    total = db.session.scalar(select(func.count()).select_from(Listing).where(*shown)) or 0
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    query = (
        select(Listing)
        .options(joinedload(Listing.organisation))
        .where(*shown)
        .order_by(Listing.published_at.desc(), Listing.id.desc())
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    return ListingPage(db.session.scalars(query).all(), total, page, pages)


# What whoever changes an organisation or its people begins with, inside a transaction


def account(actor: Actor) -> User:
    """The actor's account, its row locked. Raises Forbidden when nobody is signed in."""
    query = select(User).where(User.id == actor.user_id, User.active).with_for_update()
    user: User | None = db.session.scalar(query)
    if user is None:
        raise Forbidden(N_("Sign in first."))
    return user


def hold(organisation_id: int) -> Organisation:
    """The organisation, its row locked: whoever changes its people or itself waits here. Raises NotFound."""
    query = select(Organisation).where(Organisation.id == organisation_id).with_for_update()
    found: Organisation | None = db.session.scalar(query) if 0 < organisation_id <= LARGEST_ID else None
    if found is None:
        raise NotFound(N_("There is no such organisation."))
    return found


def allowed(actor: Actor, organisation_id: int, action: str) -> Organisation:
    """The organisation, held, if the actor may do this to it.

    The account is read again behind the lock: its rights may have been taken a moment ago. Raises NotFound for
    whoever may not even see the members, Forbidden for other members and staff.
    """
    organisation = hold(organisation_id)
    by_now = actor_of(db.session.get_one(User, actor.user_id)) if actor.user_id else actor
    if not can(by_now, action, organisation):
        if can(by_now, "organisation.see_members", organisation):
            raise Forbidden(N_("Only owners of the organisation do this. Ask one of them."))
        raise NotFound(N_("There is no such page, or it is not for your account."))
    return organisation


def _verifiable(actor: Actor, organisation_id: int) -> Organisation:
    organisation = hold(organisation_id)
    if not can(actor, "organisation.verify", organisation):
        raise Forbidden(N_("Only programme staff verify organisations, and nobody their own."))
    return organisation


def _check_version(organisation: Organisation, version: int) -> None:
    if organisation.version != version:
        raise Conflict(N_("Somebody else changed this organisation meanwhile. Read it again, then repeat your change."))


def _change(actor: Actor, organisation: Organisation, action: str, values: Mapping[str, Any]) -> None:
    before = {name: getattr(organisation, name) for name in values}
    for name, value in values.items():
        setattr(organisation, name, value)
    organisation.version += 1
    auditing.record(actor, action, "organisation", organisation.id, before, values)


def _index_again(organisation_id: int) -> None:
    """A listing is found by its organisation's country."""
    public = select(Listing.id).where(Listing.organisation_id == organisation_id, Listing.status.in_(PUBLIC_STATUSES))
    for id in db.session.scalars(public).all():
        outbox.enqueue("index", id)
