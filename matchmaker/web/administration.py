"""What administrators alone do: read the audit trail, and change the rights of others."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from defusedcsv import csv
from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for

from models.taxonomy import ROLES

from ..errors import Invalid
from ..services import accounts, audit_trail, sessions
from ..services.audit_trail import Filters, Line
from ..wording import _
from .numbers import page_number, whole
from .security import actor, asks_again
from .staff import only

administration = Blueprint("administration", __name__, url_prefix="/staff")
administration.before_request(only("audit.read"))

_LONGEST = 200
_COLUMNS = ("at", "actor kind", "actor number", "actor", "action", "thing kind", "thing number", "before", "after")


@administration.get("/audit")
def audit() -> str:
    """Who did what to which thing, the latest first."""
    last = whole(request.args.get("before", ""), 11)
    lines, more = audit_trail.search(actor(), _filters(), last)
    given = {name: value for name, value in request.args.items() if value and name != "before"}
    return render_template("staff/audit.html", lines=lines, more=more, given=given)


@administration.get("/audit.csv")
def audit_table() -> Response:
    """The same entries, all of them, for a spreadsheet."""
    lines = audit_trail.everything(actor(), _filters())
    response = Response(stream_with_context(_table(lines)), mimetype="text/csv")
    response.headers["Content-Disposition"] = "attachment; filename=audit.csv"
    response.cache_control.no_store = True
    return response


@administration.get("/users")
def users() -> str:
    """People with an account."""
    text, role = request.args.get("q", "").strip()[:_LONGEST], request.args.get("role")
    page = page_number()
    role = role if role in ROLES else None
    found, more = accounts.search(actor(), text.replace("\x00", ""), role, page)
    return render_template("staff/users.html", users=found, more=more, page=page, text=text, role=role, roles=ROLES)


@administration.route("/users/<id:user_id>", methods=["GET", "POST"])
@asks_again
def user(user_id: int) -> Any:
    """One account and its rights; changing them needs the administrator's password of a moment ago."""
    person = accounts.found(actor(), user_id)
    if request.method == "GET":
        return render_template("staff/user.html", person=person, roles=ROLES, last_seen=sessions.last_seen(person))
    match request.form.get("do"):
        case "role":
            accounts.change_role(actor(), user_id, request.form.get("role", ""))
            flash(_("The role is changed. Whoever it is has to sign in again."))
        case "reset":
            accounts.reset_second_factor(actor(), user_id)
            flash(_("The second factor is forgotten, and all devices are signed out."))
        case "deactivate":
            accounts.set_active(actor(), user_id, active=False)
            flash(_("The account is closed, and all devices are signed out."))
        case "activate":
            accounts.set_active(actor(), user_id, active=True)
            flash(_("The account is open again."))
        case _:
            raise Invalid(_("The form does not say what to do. Reload the page, then press a button."))
    return redirect(url_for("administration.user", user_id=user_id))


def _filters() -> Filters:
    """What the address asks for; a day that is none is left out."""
    texts = {name: request.args.get(name, "").strip()[:_LONGEST] for name in ("actor", "action", "thing")}
    return Filters(
        **{name: text.replace("\x00", "") for name, text in texts.items()}, since=_day("since"), until=_day("until")
    )


def _day(name: str) -> date | None:
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    # The day after the last one does not exist.
    return min(day, date.max - timedelta(days=1))


def _table(lines: Iterator[Line]) -> Iterator[str]:
    written = io.StringIO()
    # What a spreadsheet would take for a formula is marked as text.
    writer = csv.writer(written)
    writer.writerow(_COLUMNS)
    for line in lines:
        entry = line.entry
        changed = [json.dumps(values, ensure_ascii=False, sort_keys=True) for values in (entry.before, entry.after)]
        what = (entry.action, entry.thing_kind, entry.thing_id)
        writer.writerow([entry.at.isoformat(), entry.actor_kind, entry.actor_id, line.who, *what, *changed])
        yield written.getvalue()
        written.seek(0)
        written.truncate()
    yield written.getvalue()
