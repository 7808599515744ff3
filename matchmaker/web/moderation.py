"""The moderators' pages: the queue, one listing beside its checks, and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from models import Listing
from models.taxonomy import KINDS

from ..errors import Conflict, Invalid
from ..parts import current_parts
from ..policy import can
from ..services import checking, images, moderating, moderation_queue, versions
from ..services.moderating import Judgment
from ..services.moderation_queue import Filters, What
from ..text import rendered, web_address
from ..wording import _
from . import findings
from .errors import said
from .numbers import page_number, version_read, whole
from .security import actor
from .staff import only

moderation = Blueprint("moderation", __name__, url_prefix="/staff/moderation")
moderation.before_request(only("moderation.see"))

_AGES = (1, 3, 7, 30)


@moderation.get("")
def queue() -> str:
    """What waits, the oldest first."""
    return _queue()


@moderation.post("/decide")
def decide_all() -> Any:
    """Decide in one way on the listings that were ticked, and report what came of each."""
    chosen = [pair for pair in map(_pair, request.form.getlist("chosen")) if pair]
    if not chosen:
        return _queue(problems={"chosen": [_("Tick at least one listing.")]}), 422
    try:
        outcomes = moderating.decide_all(actor(), chosen, _judgment(), current_parts().letters)
    except Invalid as error:
        return _queue(problems=said(error.problems)), 422
    outcomes = [replace(one, refusal=one.refusal and _(one.refusal)) for one in outcomes]
    return render_template("staff/report.html", outcomes=outcomes, verdict=findings.verdict(request.form["verdict"]))


@moderation.get("/<id:listing_id>")
def show(listing_id: int) -> str:
    """One listing in full beside what was found in it, with its history and the form for a decision."""
    return _item(moderating.look(actor(), listing_id))


@moderation.post("/<id:listing_id>/claim")
def claim(listing_id: int) -> Redirect:
    """Let others see that somebody reads it."""
    moderating.claim(actor(), listing_id)
    flash(_("You read this listing now. Others see so for half an hour."))
    return _to(listing_id)


@moderation.post("/<id:listing_id>/release")
def release(listing_id: int) -> Redirect:
    """Leave it to others."""
    moderating.release(actor(), listing_id)
    flash(_("Others can take it up again."))
    return redirect(url_for("moderation.queue", **_filters().arguments()))


@moderation.post("/<id:listing_id>/decide")
def decide(listing_id: int) -> Any:
    """Decide, and go on to the next one."""
    listing = moderating.look(actor(), listing_id)
    following = moderation_queue.beside(actor(), listing.id, _filters())[1]
    try:
        decision = moderating.decide(actor(), listing_id, _version(), _judgment(), current_parts().letters)
    except Invalid as error:
        return _item(listing, said(error.problems)), 422
    except Conflict as error:
        return _item(moderating.look(actor(), listing_id), notice=_(error.message)), 409
    flash(findings.verdict(decision.verdict))
    if following is None:
        return redirect(url_for("moderation.queue", **_filters().arguments()))
    return _to(following)


@moderation.post("/decisions/<id:decision_id>/undo")
def undo(decision_id: int) -> Redirect:
    """Take the last decision back."""
    listing = moderating.undo(actor(), decision_id, current_parts().letters)
    flash(_("The decision is taken back. Whoever posted the listing is told."))
    return _to(listing.id)


def _queue(problems: Mapping[str, list[str]] | None = None) -> str:
    filters = _filters()
    page = moderation_queue.queue(actor(), filters, page_number())
    return render_template(
        "staff/queue.html",
        page=page,
        filters=filters,
        ages=_AGES,
        problems=problems or {},
        given=request.form,
        undoable=moderating.undoable(actor()),
        findings=findings,
    )


def _item(listing: Listing, problems: Mapping[str, list[str]] | None = None, notice: str = "") -> str:
    filters = _filters()
    previous, following = moderation_queue.beside(actor(), listing.id, filters)
    read = versions.as_read(listing)
    checks = [findings.check(found) for found in checking.findings(listing)]
    reader = moderating.reader_of(listing)
    return render_template(
        "staff/item.html",
        listing=listing,
        what=moderation_queue.waits(listing),
        decidable=moderation_queue.decidable(listing, "reject"),
        allowed=can(actor(), "listing.moderate", listing),
        mine=reader is not None and listing.claimed_by_id == actor().user_id,
        reader=reader,
        description=rendered(listing.description),
        facts=findings.all_facts(listing, actor()),
        images=images.of_listing(listing.id),
        pictures_changed=moderation_queue.pictures_changed(listing),
        checks=checks,
        links={item: web_address(item) for check in checks if check.code == "links" for item in check.items},
        repeats=checking.repeats(current_parts().engine, listing),
        changes=findings.changes(read, listing, actor()) if read else None,
        history=moderating.history(listing),
        previous=previous,
        following=following,
        arguments=filters.arguments(),
        problems=problems or {},
        notice=notice,
        given=request.form,
        undoable=moderating.undoable(actor()),
        findings=findings,
    )


def _filters() -> Filters:
    """The part of the queue that the address asks for; what it does not know is left out."""
    kind, what, days = (request.args.get(name, "") for name in ("kind", "what", "days"))
    return Filters(
        kind if kind in KINDS else None,
        cast("What", what) if what in ("new", "changed") else None,
        int(days) if days in map(str, _AGES) else 0,
    )


def _judgment() -> Judgment:
    form = request.form
    message = form.get("message", "").replace("\r\n", "\n")
    return Judgment(form.get("verdict", ""), tuple(dict.fromkeys(form.getlist("reasons"))), message)


def _version() -> int:
    version = version_read()
    if version is None:
        said = _("The form does not say which version you read. Reload the page, then decide.")
        raise Invalid(said, {"version": [said]})
    return version


def _pair(given: str) -> tuple[int, int] | None:
    """A listing's number and the version that was read, out of a tick box."""
    first, _colon, second = given.partition(":")
    number, version = whole(first, 9), whole(second, 9)
    return None if number is None or version is None else (number, version)


def _to(listing_id: int) -> Redirect:
    return redirect(url_for("moderation.show", listing_id=listing_id, **_filters().arguments()))
