"""Invitations to join an organisation: a letter with a link that works once, for a week, for the address it went to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models import Invitation, Organisation, User, db
from models.base import LARGEST_ID, now

from ..errors import Conflict, Forbidden, NotFound
from ..messages import N_
from ..policy import Actor, can
from ..transaction import transaction
from . import auditing, keys, notifying, organisations

LASTS = timedelta(days=7)
#: Waiting for an answer at once: nobody sends letters to half the world in an organisation's name.
MOST_WAITING = 20

#: Makes subject and text of a letter from an invitation, with its organisation, and its key.
Letter = Callable[[Invitation, str], tuple[str, str]]


def waiting(actor: Actor, organisation_id: int) -> list[Invitation]:
    """Invitations that nobody has answered, ended ones too. Raises NotFound for whoever may not see the members."""
    if not can(actor, "organisation.see_members", organisations.find(organisation_id)):
        raise NotFound(N_("There is no such page, or it is not for your account."))
    query = select(Invitation).where(Invitation.organisation_id == organisation_id).order_by(Invitation.email)
    return list(db.session.scalars(query))


def invite(actor: Actor, organisation_id: int, values: Mapping[str, Any], letter: Letter) -> Invitation:
    """Send a letter to an address. `values` come out of the schema.

    Whether the address has an account is told to nobody. Raises NotFound, Forbidden, and Conflict for whoever belongs
    to the organisation or was invited already.
    """
    with transaction():
        organisation = organisations.allowed(actor, organisation_id, "organisation.invite")
        email = values["email"]
        _check_new(organisation.id, email)
        invitation = Invitation(organisation=organisation, email=email, owner=values["owner"])
        _send(invitation, letter)
        auditing.record(actor, "invitation.send", "organisation", organisation.id, {}, dict(values))
        return invitation


def resend(actor: Actor, organisation_id: int, invitation_id: int, letter: Letter) -> Invitation:
    """Send a new letter; the link in the one before opens nothing any more. Raises NotFound and Forbidden."""
    with transaction():
        organisations.allowed(actor, organisation_id, "organisation.invite")
        invitation = _own(organisation_id, invitation_id)
        _send(invitation, letter)
        auditing.record(actor, "invitation.resend", "organisation", organisation_id, {}, {"email": invitation.email})
        return invitation


def revoke(actor: Actor, organisation_id: int, invitation_id: int) -> None:
    """Take an invitation back. Raises NotFound and Forbidden."""
    with transaction():
        organisations.allowed(actor, organisation_id, "organisation.invite")
        invitation = _own(organisation_id, invitation_id)
        auditing.record(actor, "invitation.revoke", "organisation", organisation_id, {"email": invitation.email}, {})
        db.session.delete(invitation)


def opened(key: str) -> Invitation:
    """The invitation with its organisation. Raises NotFound when it is unknown, used, taken back or ended."""
    query = select(Invitation).where(Invitation.key_hash == keys.hashed(key))
    found: Invitation | None = db.session.scalar(query.options(joinedload(Invitation.organisation)))
    if found is None:
        raise NotFound(N_("This invitation does not hold: it was used or taken back, or a newer letter replaced it."))
    if ended(found):
        raise NotFound(N_("This invitation has ended; it held for seven days. Ask whoever sent it for a new one."))
    return found


def ended(invitation: Invitation) -> bool:
    """Whether it was not answered in time."""
    return invitation.expires_at <= now()


def accept(actor: Actor, key: str) -> Organisation:
    """Make the actor a member. Raises NotFound, Forbidden when the invitation is for another address, and Conflict for
    somebody who belongs to an organisation."""
    with transaction():
        its = select(Invitation.organisation_id).where(Invitation.key_hash == keys.hashed(key))
        organisations.hold(db.session.scalar(its) or opened(key).organisation_id)
        # Behind the lock: it may have been used or taken back a moment ago.
        invitation = opened(key)
        organisation = invitation.organisation
        user = organisations.account(actor)
        if user.email != invitation.email or user.confirmed_at is None:
            raise Forbidden(
                N_(
                    "This invitation went to another address than that of your account. Sign in with the account of "
                    "the address that got the letter, or ask for an invitation to yours."
                )
            )
        _check_free(user, organisation)
        user.organisation_id, user.owner = organisation.id, invitation.owner
        after = {"user_id": user.id, "owner": invitation.owner}
        auditing.record(actor, "invitation.accept", "organisation", organisation.id, {"email": invitation.email}, after)
        db.session.delete(invitation)
        return organisation


def _check_new(organisation_id: int, email: str) -> None:
    if db.session.scalar(select(User.id).where(User.organisation_id == organisation_id, User.email == email)):
        raise Conflict(N_("%(email)s belongs to your organisation already.", email=email))
    of_organisation = Invitation.organisation_id == organisation_id
    if db.session.scalar(select(Invitation.id).where(of_organisation, Invitation.email == email)):
        raise Conflict(N_("%(email)s is invited already. Use “Send again” in the list.", email=email))
    if (db.session.scalar(select(func.count()).where(of_organisation)) or 0) >= MOST_WAITING:
        raise Conflict(
            N_("%(most)s invitations wait for an answer. Take some back before you send others.", most=MOST_WAITING)
        )


def _check_free(user: User, organisation: Organisation) -> None:
    if user.organisation_id == organisation.id:
        raise Conflict(N_("You belong to this organisation already."))
    if user.organisation_id is not None:
        raise Conflict(
            N_("You belong to another organisation. Leave it on its page of members, then open this invitation again.")
        )


def _own(organisation_id: int, invitation_id: int) -> Invitation:
    query = (
        select(Invitation)
        .options(joinedload(Invitation.organisation))
        .where(Invitation.id == invitation_id, Invitation.organisation_id == organisation_id)
    )
    found: Invitation | None = db.session.scalar(query) if 0 < invitation_id <= LARGEST_ID else None
    if found is None:
        raise NotFound(N_("There is no such invitation. It may have been accepted."))
    return found


def _send(invitation: Invitation, letter: Letter) -> None:
    key = keys.made()
    invitation.key_hash, invitation.created_at, invitation.expires_at = keys.hashed(key), now(), now() + LASTS
    db.session.add(invitation)
    db.session.flush()
    subject, text = letter(invitation, key)
    notifying.owe(invitation.email, subject, text)
