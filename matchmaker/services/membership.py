"""Who belongs to an organisation, who looks after it, and how somebody leaves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from models import Listing, User, db
from models.base import LARGEST_ID

from ..errors import Conflict, Invalid, NotFound
from ..listing_states import LIVE
from ..messages import N_
from ..policy import Actor, can
from ..transaction import transaction
from . import auditing, listings, organisations


def members(actor: Actor, organisation_id: int) -> list[User]:
    """Everybody who belongs to the organisation, owners first. Raises NotFound for whoever may not see them."""
    if not can(actor, "organisation.see_members", organisations.find(organisation_id)):
        raise NotFound(N_("There is no such page, or it is not for your account."))
    query = select(User).where(User.organisation_id == organisation_id)
    return list(db.session.scalars(query.order_by(User.owner.desc(), User.name, User.id)))


def set_owner(actor: Actor, organisation_id: int, user_id: int, owner: bool) -> User:
    """Give a member the right to look after the organisation, or take it. Raises NotFound, Forbidden, and Conflict
    when nobody would be left to look after it."""
    with transaction():
        organisations.allowed(actor, organisation_id, "organisation.change_members")
        user = _member(organisation_id, user_id)
        if user.owner != owner:
            if not owner and not any(other.owner for other in _others(user)):
                raise _last_owner()
            user.owner = owner
            action = "organisation.give_ownership" if owner else "organisation.take_ownership"
            auditing.record(
                actor,
                action,
                "organisation",
                organisation_id,
                {"user_id": user.id, "owner": not owner},
                {"user_id": user.id, "owner": owner},
            )
        return user


def remove(actor: Actor, organisation_id: int, user_id: int) -> User:
    """End somebody else's membership; what they posted stays. Raises NotFound, Forbidden and Conflict."""
    if user_id == actor.user_id:
        raise Invalid(N_("Use “Leave the organisation” to end your own membership."))
    with transaction():
        organisations.allowed(actor, organisation_id, "organisation.change_members")
        user = _member(organisation_id, user_id)
        part(actor, user)
        _end(actor, "organisation.remove_member", user)
        return user


def leave(actor: Actor, organisation_id: int) -> None:
    """End the actor's own membership; what they posted stays. Raises NotFound and Conflict."""
    with transaction():
        organisations.allowed(actor, organisation_id, "organisation.leave")
        user = _member(organisation_id, actor.user_id or 0)
        part(actor, user)
        _end(actor, "organisation.leave", user)


def part(actor: Actor, user: User) -> None:
    """See to what somebody leaves behind. Call it inside a transaction that holds the organisation.

    The last member's listings leave the public and the queue, since nobody could answer any more. Raises Conflict while
    other members would be left without an owner.
    """
    if user.organisation_id is None:
        return
    others = _others(user)
    if not others:
        # What waits for moderators would get public with nobody behind it.
        live = (Listing.organisation_id == user.organisation_id, Listing.status.in_(LIVE))
        for id in db.session.scalars(select(Listing.id).where(*live)).all():
            listings.withdraw(actor, id)
    elif user.owner and not any(other.owner for other in others):
        raise _last_owner()


def _end(actor: Actor, action: str, user: User) -> None:
    before = {"user_id": user.id, "owner": user.owner}
    auditing.record(actor, action, "organisation", user.organisation_id, before, {})
    user.organisation_id, user.owner = None, False


def _member(organisation_id: int, user_id: int) -> User:
    query = select(User).where(User.id == user_id, User.organisation_id == organisation_id).with_for_update()
    user: User | None = db.session.scalar(query) if 0 < user_id <= LARGEST_ID else None
    if user is None:
        raise NotFound(N_("There is no such member. They may have left."))
    return user


def _others(user: User) -> Sequence[User]:
    query = select(User).where(User.organisation_id == user.organisation_id, User.id != user.id)
    return db.session.scalars(query).all()


def _last_owner() -> Conflict:
    return Conflict(N_("An organisation needs an owner, and this is the only one. Make another member an owner first."))
