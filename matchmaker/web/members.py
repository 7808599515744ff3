"""Who belongs to an organisation: rights, invitations, leaving and joining."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_security import auth_required
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from models import Invitation

from ..errors import Conflict
from ..policy import can
from ..schemas_people import InvitationSchema
from ..services import accounts, invitations, membership, organisations
from ..wording import _, spoken_to
from .addresses import public_address
from .forms import problems
from .security import actor

members = Blueprint("members", __name__)

_ONE = "/organisations/<id:organisation_id>"


@members.get(f"{_ONE}/members")
@auth_required("session")
def show(organisation_id: int) -> str:
    """The members with their rights, and the invitations that nobody has answered."""
    return _page(organisation_id)


@members.post(f"{_ONE}/members/<id:user_id>/owner")
@auth_required("session")
def set_owner(organisation_id: int, user_id: int) -> Redirect:
    """Give or take the right to look after the organisation."""
    owner = request.form.get("owner") == "yes"
    membership.set_owner(actor(), organisation_id, user_id, owner)
    flash(_("They look after the organisation now.") if owner else _("They are a member now, no longer an owner."))
    return _after_change(organisation_id)


@members.post(f"{_ONE}/members/<id:user_id>/remove")
@auth_required("session")
def remove(organisation_id: int, user_id: int) -> Redirect:
    """End somebody else's membership."""
    membership.remove(actor(), organisation_id, user_id)
    flash(_("They do not belong to the organisation any more."))
    return _after_change(organisation_id)


@members.post(f"{_ONE}/leave")
@auth_required("session")
def leave(organisation_id: int) -> Redirect:
    """End one's own membership."""
    membership.leave(actor(), organisation_id)
    flash(_("You have left the organisation."))
    return redirect(url_for("account.overview"))


@members.post(f"{_ONE}/invitations")
@auth_required("session")
def invite(organisation_id: int) -> Redirect | tuple[str, int]:
    """Send a letter that asks somebody to join."""
    try:
        values = InvitationSchema().load(request.form.to_dict())
        invitations.invite(actor(), organisation_id, values, _letter)
    except ValidationError as error:
        return _page(organisation_id, problems(error)), 422
    except Conflict as error:
        return _page(organisation_id, {"email": [_(error.message)]}), error.status
    flash(_("The letter is on its way to %(address)s.", address=values["email"]))
    return _after_change(organisation_id)


@members.post(f"{_ONE}/invitations/<id:invitation_id>/resend")
@auth_required("session")
def resend(organisation_id: int, invitation_id: int) -> Redirect:
    """Send a new letter in place of the one before."""
    invitations.resend(actor(), organisation_id, invitation_id, _letter)
    flash(_("A new letter is on its way. The link in the one before does not work any more."))
    return _after_change(organisation_id)


@members.post(f"{_ONE}/invitations/<id:invitation_id>/revoke")
@auth_required("session")
def revoke(organisation_id: int, invitation_id: int) -> Redirect:
    """Take an invitation back."""
    invitations.revoke(actor(), organisation_id, invitation_id)
    flash(_("The invitation is taken back."))
    return _after_change(organisation_id)


@members.get("/invitations/<key>")
def invitation(key: str) -> str:
    """What an invitation is about; whoever has no account yet learns what to do first."""
    return render_template("organisations/invitation.html", invitation=invitations.opened(key), key=key)


@members.post("/invitations/<key>")
@auth_required("session")
def accept(key: str) -> Redirect:
    """Join the organisation."""
    organisation = invitations.accept(actor(), key)
    flash(_("You belong to %(name)s now.", name=organisation.name))
    return redirect(url_for("organisations.show", organisation_id=organisation.id))


def _page(organisation_id: int, told: dict[str, list[str]] | None = None) -> str:
    organisation = organisations.find(organisation_id)
    return render_template(
        "organisations/members.html",
        organisation=organisation,
        members=membership.members(actor(), organisation_id),
        invitations=[(one, invitations.ended(one)) for one in invitations.waiting(actor(), organisation_id)],
        may_change=can(actor(), "organisation.change_members", organisation),
        problems=told or {},
        values={"email": request.form.get("email", ""), "owner": "owner" in request.form},
    )


def _after_change(organisation_id: int) -> Redirect:
    return redirect(url_for("members.show", organisation_id=organisation_id))


def _letter(invitation: Invitation, key: str) -> tuple[str, str]:
    name = invitation.organisation.name
    link = public_address(url_for("members.invitation", key=key))
    invited = accounts.find(invitation.email)
    with spoken_to(invited.locale if invited else None):
        text = render_template("email/invitation.txt", name=name, owner=invitation.owner, link=link)
        return _("%(name)s invites you to Matchmaker", name=name), text
