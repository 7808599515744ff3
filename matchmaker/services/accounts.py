"""Accounts: their sign-ins, their rights, what is known of a person, and the way out."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import joinedload

from models import AuditEntry, Import, Invitation, Listing, Organisation, User, db
from models.base import LARGEST_ID, now
from models.taxonomy import ROLES

from ..errors import Conflict, Forbidden, Invalid, NotFound
from ..messages import N_
from ..policy import SYSTEM, Actor, actor_of, can
from ..transaction import transaction
from . import auditing, listings, membership, notifying, organisations, sessions

#: How many accounts a page of a search holds.
PAGE = 50


def check_new(email: str, role: str) -> None:
    """Raises Conflict when the address has an account, Invalid for a role that does not exist."""
    _check_role(role)
    if db.session.scalar(select(User.id).where(User.email == email)):
        raise Conflict(N_("There is an account for %(email)s already.", email=email))


def create(actor: Actor, email: str, name: str, role: str, password_hash: str) -> User:
    """Make an account whose address is taken as confirmed. Raises what check_new raises."""
    with transaction():
        check_new(email, role)
        user: User = User(email=email, name=name, role=role, password=password_hash, confirmed_at=now())
        db.session.add(user)
        db.session.flush()
        auditing.record(actor, "user.create", "user", user.id, {}, {"role": role})
        return user


def find(email: str) -> User | None:
    """The account of an address that can be used, confirmed or not."""
    user: User | None = db.session.scalar(select(User).where(User.email == email, User.active))
    return user


def named(email: str) -> User:
    """The account of an address. Raises NotFound."""
    user: User | None = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(N_("There is no account for %(email)s.", email=email))
    return user


def known_of(user_id: int) -> tuple[str | None, ...]:
    """Address, name and organisation of a person: what somebody who guesses their password tries first."""
    query = select(User.email, User.name, Organisation.name).outerjoin(Organisation).where(User.id == user_id)
    return tuple(db.session.execute(query).one())


def has_administrator() -> bool:
    """Whether anybody can give others a role."""
    return db.session.scalar(select(User.id).where(User.role == "administrator", User.active).limit(1)) is not None


def everybody() -> list[User]:
    """All accounts with their organisations, by address."""
    return list(db.session.scalars(select(User).options(joinedload(User.organisation)).order_by(User.email)))


def set_language(user_id: int, language: str) -> None:
    """The language in which a person reads pages and letters."""
    with transaction():
        db.session.execute(update(User).where(User.id == user_id).values(locale=language))


def note(user_id: int, action: str, after: dict[str, Any] | None = None) -> None:
    """Say in the audit trail what a person did with their own account."""
    with transaction():
        user = db.session.get(User, user_id)
        actor = actor_of(user) if user else SYSTEM
        auditing.record(actor, action, "user", user_id, {}, after)


def note_known_address(user_id: int) -> None:
    """Say in the audit trail that somebody tried to make an account with an address that has one."""
    with transaction():
        auditing.record(SYSTEM, "user.register_again", "user", user_id)


def note_limit(form: str, email: str = "", uniquifier: str = "") -> None:
    """Say in the audit trail that somebody tried a form too often for one account, or for an address without one."""
    with transaction():
        tried = db.session.scalar(select(User.id).where(or_(User.email == email, User.fs_uniquifier == uniquifier)))
        auditing.record(SYSTEM, "user.limit_reached", "user", tried, {}, {"form": form})


def confirm(user_id: int) -> None:
    """The person has shown that the address is theirs."""
    with transaction():
        unconfirmed = update(User).where(User.id == user_id, User.confirmed_at.is_(None))
        db.session.execute(unconfirmed.values(confirmed_at=now()))


def renew(user_id: int, except_key: str = "") -> str:
    """End every sign-in but the one with this key, those that are half done, and what links in letters open.

    Returns what cookies and links name the account by from now on.
    """
    with transaction():
        user = db.session.get_one(User, user_id)
        user.fs_uniquifier = uuid4().hex
        sessions.end_all(user_id, except_key)
        return user.fs_uniquifier


# Rights


def change_role(actor: Actor, user_id: int, role: str) -> User:
    """Give a user another role; their sign-ins end, so that it holds at once.

    Raises NotFound, Forbidden, Invalid for a role that does not exist, and Conflict for the last administrator.
    """
    with transaction():
        user = _locked(user_id)
        if not can(actor, "user.change_role", user):
            raise Forbidden(N_("Only administrators change roles, and nobody changes their own."))
        _check_role(role)
        if user.role == "administrator" and role != "administrator":
            _check_another_administrator(user)
        if user.role != role:
            auditing.record(actor, "user.change_role", "user", user.id, {"role": user.role}, {"role": role})
            user.role = role
            renew(user.id)
        return user


def reset_second_factor(actor: Actor, user_id: int) -> None:
    """Forget a user's second factor, for somebody who lost it and their recovery codes; their sign-ins end."""
    with transaction():
        user = _locked(user_id)
        if not can(actor, "user.change_role", user):
            raise Forbidden(N_("Only administrators do this, and nobody for themselves."))
        user.tf_primary_method = user.tf_totp_secret = user.tf_last_counter = None
        user.mf_recovery_codes = []
        auditing.record(actor, "user.reset_second_factor", "user", user.id)
        renew(user.id)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid(N_("There is no role %(role)r. Use one of: %(roles)s.", role=role, roles=", ".join(ROLES)))


def set_active(actor: Actor, user_id: int, *, active: bool) -> User:
    """Let a user sign in again, or no more; their sign-ins end.

    Raises NotFound, Forbidden, and Conflict for the last administrator.
    """
    with transaction():
        user = _locked(user_id)
        if not can(actor, "user.change_role", user):
            raise Forbidden(N_("Only administrators do this, and nobody for themselves."))
        if not active and user.role == "administrator":
            _check_another_administrator(user)
        if user.active != active:
            auditing.record(actor, "user.set_active", "user", user.id, {"active": user.active}, {"active": active})
            user.active = active
            sessions.end_all(user.id)
        return user


def found(actor: Actor, user_id: int) -> User:
    """An account with its organisation, for whoever may see it. Raises NotFound."""
    query = select(User).options(joinedload(User.organisation)).where(User.id == user_id)
    user: User | None = db.session.scalar(query) if 0 < user_id <= LARGEST_ID else None
    if user is None or not can(actor, "user.see", user):
        raise NotFound(N_("There is no such account."))
    return user


def search(actor: Actor, text: str = "", role: str | None = None, page: int = 1) -> tuple[list[User], bool]:
    """Accounts whose address, name or organisation holds the text, with their organisations, by address.

    Returns a page of them and whether another follows. Raises NotFound for whoever may not look for people.
    """
    if not can(actor, "user.find"):
        raise NotFound(N_("There is nothing at this address."))
    query = select(User).outerjoin(Organisation, Organisation.id == User.organisation_id)
    if text:
        fields = (User.email, User.name, Organisation.name)
        query = query.where(or_(*(field.icontains(text, autoescape=True) for field in fields)))
    if role:
        query = query.where(User.role == role)
    query = query.options(joinedload(User.organisation)).order_by(User.email).offset((page - 1) * PAGE).limit(PAGE + 1)
    users = list(db.session.scalars(query))
    return users[:PAGE], len(users) > PAGE


def _locked(user_id: int) -> User:
    query = select(User).where(User.id == user_id).with_for_update()
    user: User | None = db.session.scalar(query) if 0 < user_id <= LARGEST_ID else None
    if user is None:
        raise NotFound(N_("There is no such account."))
    return user


def _check_another_administrator(user: User) -> None:
    others = select(func.count()).where(User.role == "administrator", User.active, User.id != user.id)
    if not db.session.scalar(others):
        raise Conflict(N_("This is the last administrator. Make somebody else one first."))


# What is known of a person, and the way out


def everything_about(actor: Actor) -> dict[str, Any]:
    """All that is stored of the actor, for them to take along."""
    user = db.session.get_one(User, actor.user_id)
    own = select(Listing).where(Listing.created_by_id == user.id).order_by(Listing.id)
    done = select(AuditEntry).where(AuditEntry.actor_id == user.id).order_by(AuditEntry.id)
    columns = ("email", "name", "role", "owner", "locale", "organisation_id", "created_at", "confirmed_at")
    return {
        "account": {name: auditing.plain(getattr(user, name)) for name in columns}
        | {"second_factor": user.tf_primary_method is not None},
        "sign_ins": [
            {name: auditing.plain(getattr(session, name)) for name in ("agent", "created_at", "last_seen_at")}
            for session in sessions.of_user(user.id)
        ],
        "invitations": [
            {"organisation_id": one.organisation_id, "expires_at": auditing.plain(one.expires_at)}
            for one in db.session.scalars(select(Invitation).where(Invitation.email == user.email))
        ],
        "listings": [
            {"number": one.id, "kind": one.kind, "status": one.status, **listings.content_of(one)}
            for one in db.session.scalars(own)
        ],
        "imports": [
            {"file_name": one.file_name, "created_at": auditing.plain(one.created_at)}
            for one in db.session.scalars(select(Import).where(Import.user_id == user.id))
        ],
        "actions": [
            {"at": auditing.plain(one.at), "action": one.action, "thing": f"{one.thing_kind} {one.thing_id}"}
            for one in db.session.scalars(done)
        ],
    }


def remove(actor: Actor) -> None:
    """Delete the actor's account. The last member's listings leave the public; the audit trail keeps a number only.

    Raises Conflict while others depend on the actor: as the only owner of an organisation, as the last administrator.
    """
    with transaction():
        if actor.organisation_id:
            organisations.hold(actor.organisation_id)
        user = _locked(actor.user_id or 0)
        if user.role == "administrator":
            _check_another_administrator(user)
        membership.part(actor, user)
        auditing.record(actor, "user.delete", "user", user.id)
        db.session.execute(delete(Invitation).where(Invitation.email == user.email))
        notifying.forget(user.email)
        db.session.delete(user)
