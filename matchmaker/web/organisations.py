"""An organisation's public page, how it is made and described, and how staff verify it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_security import auth_required
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from models import Organisation
from models.taxonomy import ORGANISATION_KINDS, SIZE_BANDS, VERIFICATION_CHECKS

from .. import wording
from ..errors import Conflict, Forbidden, Invalid, NotFound
from ..policy import can
from ..schemas import COUNTRIES
from ..schemas_people import OrganisationFormSchema, VerificationSchema
from ..services import images, matching
from ..services import organisations as service
from ..text import rendered, web_address
from ..wording import _
from .forms import problems
from .images import sent_file
from .numbers import page_number, version_read
from .security import actor

organisations = Blueprint("organisations", __name__)

_FIELDS = tuple(OrganisationFormSchema().fields)
_ONE = "/organisations/<id:organisation_id>"


@organisations.get("/organisation")
@auth_required("session")
def own() -> Redirect:
    """Leads to one's own organisation, or to where one is made."""
    if actor().organisation_id is None:
        return redirect(url_for("organisations.new"))
    return redirect(url_for("organisations.show", organisation_id=actor().organisation_id))


@organisations.get(_ONE)
def show(organisation_id: int) -> str:
    """What an organisation says of itself, what staff checked, and what it posted under its name."""
    organisation = service.find(organisation_id)
    may_verify = can(actor(), "organisation.verify", organisation)
    page = service.public_listings(organisation.id, page_number())
    return render_template(
        "organisations/show.html",
        organisation=organisation,
        logo=images.logo_of(organisation.id),
        website=web_address(organisation.website),
        description=rendered(organisation.description),
        page=page,
        views=[matching.view_of(listing, actor()) for listing in page.listings],
        may_edit=can(actor(), "organisation.edit", organisation),
        may_see_members=can(actor(), "organisation.see_members", organisation),
        may_verify=may_verify,
        verifier=service.verifier_of(organisation) if may_verify and organisation.verified_at else None,
        checks=[(code, _(name)) for code, name in VERIFICATION_CHECKS.items()],
    )


@organisations.get("/organisation/new")
@auth_required("session")
def new() -> str:
    """Asks what the organisation is."""
    _check_free()
    return _form(None, dict.fromkeys(_FIELDS, ""))


@organisations.post("/organisation/new")
@auth_required("session")
def make() -> Redirect | tuple[str, int]:
    """Make an organisation; whoever does is its owner."""
    _check_free()
    try:
        organisation = service.make(actor(), OrganisationFormSchema().load(request.form.to_dict()))
    except ValidationError as error:
        return _form(None, _given(), problems(error)), 422
    flash(_("Your organisation is made. You look after it."))
    return redirect(url_for("organisations.show", organisation_id=organisation.id))


@organisations.get(f"{_ONE}/edit")
@auth_required("session")
def edit(organisation_id: int) -> str:
    """Shows what the organisation says of itself, to be changed."""
    organisation = _editable(organisation_id)
    return _form(organisation, {name: getattr(organisation, name) or "" for name in _FIELDS})


@organisations.post(f"{_ONE}/edit")
@auth_required("session")
def save(organisation_id: int) -> Redirect | tuple[str, int]:
    """Change what the organisation says of itself."""
    organisation = _editable(organisation_id)
    verified = organisation.verified_at is not None
    try:
        values = OrganisationFormSchema().load(request.form.to_dict())
        saved = service.edit(actor(), organisation_id, version_read() or 0, values)
    except ValidationError as error:
        return _form(organisation, _given(), problems(error)), 422
    except Conflict as error:
        # Nothing that was written is lost: it stands in the form, beside the version that it would replace.
        return _form(service.find(organisation_id), _given(), notice=_(error.message)), error.status
    ended = verified and saved.verified_at is None
    flash(_("Saved. The verification has ended; programme staff check anew.") if ended else _("Saved."))
    return redirect(url_for("organisations.show", organisation_id=organisation_id))


@organisations.post(f"{_ONE}/logo")
@auth_required("session")
def set_logo(organisation_id: int) -> Redirect | tuple[str, int]:
    """Give the organisation a logo."""
    organisation = _editable(organisation_id)
    try:
        images.set_logo(actor(), organisation_id, sent_file())
    except Invalid as error:
        stored = {name: getattr(organisation, name) or "" for name in _FIELDS}
        return _form(organisation, stored, {"file": [_(error.message)]}), error.status
    flash(_("The logo is stored."))
    return redirect(url_for("organisations.edit", organisation_id=organisation_id))


@organisations.post(f"{_ONE}/logo/remove")
@auth_required("session")
def remove_logo(organisation_id: int) -> Redirect:
    """Take the logo away."""
    images.remove_logo(actor(), organisation_id)
    flash(_("The logo is removed."))
    return redirect(url_for("organisations.edit", organisation_id=organisation_id))


@organisations.post(f"{_ONE}/verification")
@auth_required("session")
def verify(organisation_id: int) -> Redirect:
    """Say what was checked, and that it is right."""
    try:
        values = VerificationSchema().load({"checks": request.form.getlist("checks")})
    except ValidationError as error:
        raise Invalid(_("Nothing is verified yet."), problems(error)) from error
    service.verify(actor(), organisation_id, version_read() or 0, values["checks"])
    flash(_("The organisation is verified."))
    return redirect(url_for("organisations.show", organisation_id=organisation_id))


@organisations.post(f"{_ONE}/verification/end")
@auth_required("session")
def unverify(organisation_id: int) -> Redirect:
    """Take a verification back."""
    service.unverify(actor(), organisation_id)
    flash(_("The verification is taken back."))
    return redirect(url_for("organisations.show", organisation_id=organisation_id))


def _check_free() -> None:
    if not can(actor(), "organisation.make"):
        raise Conflict(_("You belong to an organisation already. Leave it before you make another one."))


def _editable(organisation_id: int) -> Organisation:
    """The organisation, for whoever may change it; for others it is there, but has no such page."""
    organisation = service.find(organisation_id)
    if not can(actor(), "organisation.edit", organisation):
        if can(actor(), "organisation.see_members", organisation):
            raise Forbidden(_("Only owners of the organisation do this. Ask one of them."))
        raise NotFound(_("There is no such page, or it is not for your account."))
    return organisation


def _form(
    organisation: Organisation | None,
    values: dict[str, Any],
    told: dict[str, list[str]] | None = None,
    notice: str = "",
) -> str:
    countries = sorted(((code, wording.country(code)) for code in COUNTRIES), key=lambda country: country[1])
    return render_template(
        "organisations/form.html",
        organisation=organisation,
        logo=images.logo_of(organisation.id) if organisation else None,
        values=values,
        problems=told or {},
        notice=notice,
        kinds=[(code, _(name)) for code, name in ORGANISATION_KINDS.items()],
        sizes=[(band, _("%(band)s people", band=band)) for band in SIZE_BANDS],
        countries=countries,
    )


def _given() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in _FIELDS}
