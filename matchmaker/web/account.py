"""A person's own account: what it is, where it is signed in, what is known, and the way out."""

from __future__ import annotations

import json

from flask import Blueprint, Response, flash, redirect, render_template, session, url_for
from flask_security import auth_required, current_user, logout_user
from werkzeug.wrappers import Response as Redirect

from ..services import accounts, sessions
from ..wording import _
from .security import actor, asks_again, end_other_sessions

account = Blueprint("account", __name__, url_prefix="/account")


@account.get("")
@auth_required("session")
def overview() -> str:
    """The account and everything that can be changed about it."""
    key = session.get("key", "")
    own = [(one, sessions.is_that_of(one, key)) for one in sessions.of_user(current_user.id)]
    return render_template("account/overview.html", sessions=own, device=_device)


#: What agents call themselves; the first that is found is the one that is meant.
_BROWSERS = ("Edg", "OPR", "Firefox", "FxiOS", "CriOS", "Chrome", "Safari")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
_KNOWN_AS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
}


def _device(agent: str) -> str:
    """A browser and its system as people call them; an unknown one as it calls itself."""
    browser, system = (next((name for name in names if name in agent), None) for names in (_BROWSERS, _SYSTEMS))
    if browser and system:
        return _(
            "%(browser)s on %(system)s",
            browser=_KNOWN_AS.get(browser, browser),
            system=_KNOWN_AS.get(system, system),
        )
    return agent or _("Unknown device")


@account.get("/check-mail")
def check_mail() -> str:
    """Says that a letter is on its way; the same whether an address had an account or not."""
    return render_template("account/check_mail.html")


@account.get("/second-factor/done")
@auth_required("session")
def after_second_factor() -> Redirect:
    """A second factor without recovery codes locks its owner out when the device is lost."""
    endpoint = "account.overview" if current_user.mf_recovery_codes else "security.mf_recovery_codes"
    return redirect(url_for(endpoint))


@account.post("/sessions/<id:session_id>/end")
@auth_required("session")
def end_session(session_id: int) -> Redirect:
    """Sign out one device."""
    sessions.end(actor(), session_id)
    flash(_("That device is signed out."))
    return redirect(url_for("account.overview"))


@account.post("/sessions/end")
@auth_required("session")
def end_sessions() -> Redirect:
    """Sign out every device but this one."""
    end_other_sessions()
    flash(_("All other devices are signed out."))
    return redirect(url_for("account.overview"))


@account.get("/everything.json")
@asks_again
def everything() -> Response:
    """All that is stored of the person, to take along."""
    content = json.dumps(accounts.everything_about(actor()), ensure_ascii=False, indent=2)
    response = Response(content, mimetype="application/json")
    response.headers["Content-Disposition"] = "attachment; filename=matchmaker-account.json"
    response.cache_control.no_store = True
    return response


@account.get("/delete")
@asks_again
def confirm_delete() -> str:
    """What goes and what stays, before it is too late."""
    return render_template("account/delete.html")


@account.post("/delete")
@asks_again
def delete() -> Redirect:
    """Delete the account."""
    accounts.remove(actor())
    logout_user()
    flash(_("Your account is deleted."))
    return redirect(url_for("public.home"))
