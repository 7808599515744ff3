"""Posting an offer or a need: a task list of short pages, a check, and what its own side does with it later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_security import auth_required
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from models import Listing

from ..errors import Conflict, Invalid, NotFound
from ..listing_states import EDITABLE
from ..parts import current_parts
from ..policy import can
from ..services import completeness, listings, moderating, posting
from ..text import rendered
from ..wording import _
from . import forms
from .facts import facts
from .numbers import page_number, version_read
from .security import actor

post = Blueprint("post", __name__)


@dataclass(frozen=True, slots=True)
class Task:
    """One page of the form in the task list: `done`, `started` or `empty`."""

    page: str
    state: str


@post.route("/post/<kind:kind>", methods=["GET", "POST"])
@auth_required("session")
def begin(kind: str) -> Any:
    """The first page of a new listing; sending it makes the draft."""
    if not can(actor(), "listing.post"):
        flash(_("Listings belong to an organisation. Say first which one is yours."))
        return redirect(url_for("organisations.new"))
    fields = posting.PAGES[kind]["what"]
    if request.method == "GET":
        return _form(kind, None, "what", forms.empty(fields))
    try:
        listing = posting.begin(actor(), kind, forms.read(fields, request.form))
    except ValidationError as error:
        return _form(kind, None, "what", forms.given(fields, request.form), forms.problems(error)), 422
    flash(_("Your draft is saved. Fill in the pages below in any order."))
    return _to("edit", listing)


@post.get("/my/listings")
@auth_required("session")
def mine() -> str:
    """What the reader's organisation has posted, and what each listing waits for."""
    page = page_number()
    found, more = posting.of_organisation(actor(), page)
    return render_template("posting/mine.html", listings=found, page=page, more=more)


@post.get("/<kind:kind>/<id:listing_id>/edit")
@auth_required("session")
def edit(kind: str, listing_id: int) -> str:
    """The task list: what is filled in, what is missing, what it would match now."""
    listing = posting.own(actor(), listing_id, kind)
    return render_template(
        "posting/tasks.html",
        listing=listing,
        tasks=_tasks(listing),
        gaps=completeness.gaps(listing),
        preview=posting.preview(current_parts().engine, actor(), listing),
        decision=moderating.last_decision(listing),
        editable=listing.status in EDITABLE,
    )


@post.route("/<kind:kind>/<id:listing_id>/edit/<page>", methods=["GET", "POST"])
@auth_required("session")
def fill(kind: str, listing_id: int, page: str) -> Any:
    """One page of the form."""
    listing = posting.own(actor(), listing_id, kind)
    fields = posting.fields_of(kind, page)
    if request.method == "GET":
        return _form(kind, listing, page, forms.shown(fields, listing))
    given = forms.given(fields, request.form)
    if "preview" in request.form:
        return _form(kind, listing, page, given, version=request.form.get("version", ""))
    try:
        posting.save(actor(), listing, _version(), page, forms.read(fields, request.form))
    except ValidationError as error:
        problems = forms.problems(error)
        return _form(kind, listing, page, given, problems, version=request.form.get("version", "")), 422
    except Conflict as error:
        # What was typed stays in the boxes; sending it again is then meant.
        return _form(kind, posting.own(actor(), listing_id), page, given, notice=_(error.message)), 409
    flash(_("Saved."))
    pages = list(posting.PAGES[kind])
    following = pages[pages.index(page) + 1 :][:1]
    if "next" in request.form and following:
        return _to("fill", listing, page=following[0])
    return _to("edit", listing)


@post.get("/<kind:kind>/<id:listing_id>/check")
@auth_required("session")
def check(kind: str, listing_id: int) -> str:
    """All answers once more, before they are sent."""
    listing = posting.own(actor(), listing_id, kind)
    return render_template(
        "posting/check.html",
        listing=listing,
        description=rendered(listing.description),
        facts=facts(listing, actor()),
        gaps=completeness.gaps(listing),
        missing=[name for name in posting.REQUIRED if not getattr(listing, name)],
    )


@post.post("/<kind:kind>/<id:listing_id>/submit")
@auth_required("session")
def submit(kind: str, listing_id: int) -> Redirect:
    """Send the listing to the moderators."""
    posting.own(actor(), listing_id, kind)
    try:
        listing = posting.submit(actor(), listing_id, _version())
    except Invalid:
        flash(_("Something is missing that every listing needs. It is marked below."))
        return redirect(url_for("post.check", kind=kind, listing_id=listing_id))
    flash(_("Sent. Programme staff read it, usually within two working days, and write to you."))
    return _to("edit", listing)


@post.post("/<kind:kind>/<id:listing_id>/take-back")
@auth_required("session")
def take_back(kind: str, listing_id: int) -> Redirect:
    """Make a draft of it again."""
    posting.own(actor(), listing_id, kind)
    listing = posting.take_back(actor(), listing_id, _version())
    flash(_("It is a draft again."))
    return _to("edit", listing)


@post.post("/<kind:kind>/<id:listing_id>/confirm")
@auth_required("session")
def confirm(kind: str, listing_id: int) -> Redirect:
    """Say that it still holds."""
    posting.own(actor(), listing_id, kind)
    listing = posting.confirm(actor(), listing_id)
    flash(_("Thank you. It counts as current again."))
    return _to("edit", listing)


@post.post("/<kind:kind>/<id:listing_id>/withdraw")
@auth_required("session")
def withdraw(kind: str, listing_id: int) -> Redirect:
    """Take it out of every list; it can be sent again later."""
    posting.own(actor(), listing_id, kind)
    listing = listings.withdraw(actor(), listing_id)
    flash(_("Nobody else sees it now. You can send it again at any time."))
    return _to("edit", listing)


@post.post("/<kind:kind>/<id:listing_id>/delete")
@auth_required("session")
def delete(kind: str, listing_id: int) -> Redirect:
    """Remove it for good."""
    posting.own(actor(), listing_id, kind)
    listings.delete(actor(), listing_id, _version())
    flash(_("It is deleted."))
    return redirect(url_for("post.mine"))


@post.get("/<kind:kind>/<id:listing_id>/versions")
@auth_required("session")
def versions(kind: str, listing_id: int) -> str:
    """What it said before."""
    listing, older = posting.versions(actor(), listing_id)
    _check_kind(listing, kind)
    return render_template("posting/versions.html", listing=listing, versions=older)


@post.get("/<kind:kind>/<id:listing_id>/versions/<int:version>")
@auth_required("session")
def compare(kind: str, listing_id: int, version: int) -> str:
    """What differs between an older version and the one that followed it."""
    listing, older = posting.versions(actor(), listing_id)
    _check_kind(listing, kind)
    before = next((one for one in older if one.version == version), None)
    if before is None:
        raise NotFound(_("There is no such version."))
    later = [one for one in older if one.version > version]
    after = later[-1].values if later else listings.content_of(listing)
    changes = {name: (before.values.get(name), after.get(name)) for name in listings.CONTENT}
    changed = {name: both for name, both in changes.items() if both[0] != both[1]}
    return render_template("posting/compare.html", listing=listing, version=before, changes=changed)


def _check_kind(listing: Listing, kind: str) -> None:
    if listing.kind != kind:
        raise NotFound(_("There is no such listing among yours."))


def _version() -> int:
    version = version_read()
    if version is None:
        raise Invalid(_("The form does not say which version you read. Reload the page, then repeat your change."))
    return version


def _to(endpoint: str, listing: Listing, **more: Any) -> Redirect:
    return redirect(url_for(f"post.{endpoint}", kind=listing.kind, listing_id=listing.id, **more))


def _tasks(listing: Listing) -> list[Task]:
    lacking = {page for _name, page in completeness.gaps(listing)}
    tasks = []
    for page, fields in posting.PAGES[listing.kind].items():
        filled = forms.shown(fields, listing) != forms.empty(fields)
        tasks.append(Task(page, "empty" if not filled else "started" if page in lacking else "done"))
    return tasks


def _form(
    kind: str,
    listing: Listing | None,
    page: str,
    values: Mapping[str, Any],
    problems: Mapping[str, list[str]] | None = None,
    *,
    notice: str = "",
    version: str = "",
) -> str:
    previewed = rendered(values["description"]) if "preview" in request.form else None
    return render_template(
        "posting/form.html",
        kind=kind,
        listing=listing,
        page=page,
        pages=list(posting.PAGES[kind]),
        fields=posting.PAGES[kind][page],
        values=values,
        problems=problems or {},
        notice=notice,
        version=version or (listing.version if listing else ""),
        gaps=completeness.gaps(listing) if listing else (),
        previewed=previewed,
        choices=forms.choices(),
    )
