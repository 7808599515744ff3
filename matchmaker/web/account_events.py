"""What has to happen beside what Flask-Security does: sessions begin and end, the audit trail tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, abort, flash, g, redirect, request, session, url_for
from flask_login import user_logged_out
from flask_security import (
    change_email_confirmed,
    password_changed,
    password_reset,
    tf_code_confirmed,
    tf_disabled,
    tf_profile_changed,
    user_authenticated,
    user_confirmed,
    user_not_registered,
    user_registered,
)
from sqlalchemy.exc import IntegrityError

from .. import wording
from ..services import accounts, sessions
from ..transaction import transaction
from ..wording import _
from . import account_mail

#: Where the key of a sign-in stands in the cookie.
KEY = "key"


def init_app(app: Flask) -> None:
    """Follow Flask-Security's signals."""
    connected: list[tuple[Any, Callable[..., None]]] = [
        (user_authenticated, _begin_session),
        (user_logged_out, _end_session),
        (user_registered, _note_registration),
        (user_not_registered, _note_known_address),
        (user_confirmed, _note_confirmation),
        (password_changed, _note_new_password),
        (password_reset, _note_reset),
        (change_email_confirmed, _note_new_address),
        (tf_code_confirmed, _note_first_second_factor),
        (tf_profile_changed, _note_second_factor("user.set_second_factor")),
        (tf_disabled, _note_second_factor("user.remove_second_factor")),
    ]
    # The signals keep only weak references.
    app.extensions["account events"] = connected
    for signal, receiver in connected:
        signal.connect(receiver, app)


def _begin_session(_app: Flask, user: Any, **_: Any) -> None:
    with transaction():
        session[KEY] = sessions.begin(user.id, request.user_agent.string)
        accounts.note(user.id, "user.sign_in")
    session.permanent = True
    # A form of before was another session's.
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    g.pop("actor", None)


def _end_session(_app: Flask, **_: Any) -> None:
    sessions.end_that_of(session.pop(KEY, ""))
    g.pop("actor", None)


def _note_registration(_app: Flask, user: Any, **_: Any) -> None:
    try:
        with transaction():
            accounts.note(user.id, "user.register")
            accounts.set_language(user.id, wording.reader().language)
    except IntegrityError:
        # The same form twice at once: the other one made the account and sends the letter.
        abort(redirect(url_for("account.check_mail")))


def _note_known_address(_app: Flask, user: Any, **_: Any) -> None:
    """Also lets the answer take as long as for an address that is new."""
    accounts.note_known_address(user.id)


def _note_confirmation(_app: Flask, user: Any, **_: Any) -> None:
    accounts.note(user.id, "user.confirm")


def _note_new_password(_app: Flask, user: Any, **_: Any) -> None:
    with transaction():
        accounts.note(user.id, "user.change_password")
        sessions.end_all(user.id, session.get(KEY, ""))


def _note_reset(_app: Flask, user: Any, **_: Any) -> None:
    with transaction():
        accounts.confirm(user.id)
        accounts.note(user.id, "user.reset_password")
        sessions.end_all(user.id)


def _note_new_address(_app: Flask, user: Any, old_email: str, **_kept: Any) -> None:
    try:
        with transaction():
            accounts.note(user.id, "user.change_email")
            _renew(user)
            account_mail.tell_old_address(old_email)
    except IntegrityError:
        flash(_("Another account took this address meanwhile. Choose another one."), "error")
        abort(redirect(url_for("security.change_email")))


def _note_second_factor(action: str) -> Callable[..., None]:
    def note(_app: Flask, user: Any, **_: Any) -> None:
        with transaction():
            accounts.note(user.id, action)
            _renew(user)
            account_mail.tell_of_second_factor(user)

    return note


def _note_first_second_factor(_app: Flask, user: Any, **_: Any) -> None:
    """Of those who sign in with a code, these set up their authenticator just now."""
    if session.get("tf_state") == "validating_profile":
        with transaction():
            accounts.note(user.id, "user.set_second_factor")
            _renew(user)


def _renew(user: Any) -> None:
    """Links in letters, and sign-ins elsewhere, finished or half done, are worth nothing any more."""
    before = user.fs_uniquifier
    after = accounts.renew(user.id, session.get(KEY, ""))
    if session.get("_user_id") == before:
        session["_user_id"] = after
