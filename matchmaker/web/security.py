"""Signing in: Flask-Security with this product's rules, and who acts in a request."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from flask import Flask, g, has_request_context, redirect, request, session, url_for
from flask_security import Security, auth_required, current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import UnsupportedMediaType

from ..passwords import SHORTEST, Passwords
from ..policy import ANONYMOUS, Actor, actor_of
from ..services import sessions
from ..user_store import CodesUsedOnce, UsedOnce, UserStore
from ..wording import _
from . import account_events, account_mail
from .account_events import KEY
from .account_forms import MESSAGES, SUBJECTS, RegisterForm, SignInForm

#: What matters most asks for the password again after so long.
FRESH = timedelta(minutes=15)
#: For pages that ask so.
asks_again = auth_required("session", within=lambda: FRESH, grace=lambda: timedelta(0))


def init_app(app: Flask) -> None:
    """Let people register and sign in; refuse forms that did not come from a page of ours."""
    secure = app.config["PUBLIC_URL"].startswith("https:")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        PERMANENT_SESSION_LIFETIME=sessions.LASTS,
        WTF_CSRF_TIME_LIMIT=None,
        **_configuration(app),
    )
    # Signing out with an old form leads to a page that asks for it again, not to an error.
    CSRFProtect(app).exempt("flask_security.views.logout")
    security = Security(
        app,
        UserStore(),
        login_form=SignInForm,
        register_form=RegisterForm,
        totp_cls=UsedOnce,
        mf_recovery_codes_util_cls=CodesUsedOnce,
        mail_util_cls=account_mail.ThroughOutbox,
        password_util_cls=Passwords,
    )
    security.i18n_domain.gettext = _
    # Pages only: the API has no way to sign in.
    security.want_json(lambda _request: False)
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    manager.user_loader(_load)
    manager.request_loader(lambda _request: None)
    manager.session_protection = None
    views = app.view_functions
    views["security.forgot_password"] = account_mail.forgot_password
    views["security.send_confirmation"] = account_mail.send_confirmation
    # The state it is given is signed, but names nobody.
    views["security.two_factor_setup_validate"] = asks_again(views["security.two_factor_setup_validate"])
    views["security.two_factor_token_validation"] = _not_again(views["security.two_factor_token_validation"])
    app.before_request(_refuse_json)
    account_events.init_app(app)


def _not_again(view: Any) -> Any:
    """The page that asks for a code would sign out whoever is signed in and comes back to it."""

    @wraps(view)
    def viewed() -> Any:
        return redirect(url_for("account.overview")) if actor().known else view()

    return viewed


def _refuse_json() -> None:
    """Flask-Security's forms read JSON too, but not every shape of it."""
    if request.blueprint == "security" and request.is_json:
        raise UnsupportedMediaType


def _configuration(app: Flask) -> dict[str, Any]:
    keys = {
        "URL_PREFIX": "/account",
        "LOGIN_URL": "/sign-in",
        "LOGOUT_URL": "/sign-out",
        "LOGOUT_METHODS": ["POST"],
        "LOGOUT_CSRF": True,
        "CHANGE_URL": "/password",
        "CHANGE_EMAIL_URL": "/email",
        "VERIFY_URL": "/again",
        "TWO_FACTOR_SETUP_URL": "/second-factor",
        "TWO_FACTOR_TOKEN_VALIDATION_URL": "/code",
        "TWO_FACTOR_RESCUE_URL": "/lost-device",
        "TWO_FACTOR_SELECT_URL": "/choose-factor",
        "MULTI_FACTOR_RECOVERY_CODES_URL": "/recovery-codes",
        "MULTI_FACTOR_RECOVERY_URL": "/recovery",
        "REGISTERABLE": True,
        "CONFIRMABLE": True,
        "RECOVERABLE": True,
        "CHANGEABLE": True,
        "CHANGE_EMAIL": True,
        "TWO_FACTOR": True,
        "TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "TWO_FACTOR_RESCUE_EMAIL": False,
        "MULTI_FACTOR_RECOVERY_CODES": True,
        "MULTI_FACTOR_RECOVERY_CODES_N": 10,
        "MULTI_FACTOR_RECOVERY_CODES_KEYS": [_derived(app, "recovery codes", base64.urlsafe_b64encode)],
        "TOTP_SECRETS": {"1": _derived(app, "totp", base64.b64encode).decode()},
        "TOTP_ISSUER": "Matchmaker",
        "PASSWORD_SALT": _derived(app, "password", base64.b64encode).decode(),
        "PASSWORD_SCHEMES": ["argon2"],
        "PASSWORD_SINGLE_HASH": ["argon2"],
        # Of an address and of a password that is hashed already, to be compared with a signed link.
        "HASHING_SCHEMES": ["hex_sha256"],
        "PASSWORD_LENGTH_MIN": SHORTEST,
        "PASSWORD_CHECK_BREACHED": "best-effort" if app.config["BREACH_LOOKUP"] else False,
        "PASSWORD_CONFIRM_REQUIRED": False,
        "USE_REGISTER_V2": True,
        "RETURN_GENERIC_RESPONSES": True,
        "API_ENABLED_METHODS": ["session"],
        # Each visit would prolong a grace period, so that a stolen session stays fresh for ever.
        "FRESHNESS": FRESH,
        "FRESHNESS_GRACE_PERIOD": timedelta(0),
        "TWO_FACTOR_SETUP_WITHIN": FRESH,
        # Seconds that a device's clock may be wrong.
        "TWO_FACTOR_AUTHENTICATOR_VALIDITY": 30,
        "RESET_PASSWORD_WITHIN": timedelta(hours=2),
        "CHANGE_EMAIL_WITHIN": timedelta(hours=2),
        "POST_LOGIN_VIEW": "account.overview",
        "POST_REGISTER_VIEW": "account.check_mail",
        "POST_CONFIRM_VIEW": "security.login",
        "POST_CHANGE_VIEW": "account.overview",
        "POST_CHANGE_EMAIL_VIEW": "account.overview",
        "TWO_FACTOR_POST_SETUP_VIEW": "account.after_second_factor",
        "DATETIME_FACTORY": lambda: datetime.now(UTC),
        # What no name server knows comes back as a letter that could not be sent.
        "EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
        "EMAIL_HTML": False,
        "EMAIL_SENDER": app.config["MAIL_FROM"],
        "STATIC_FOLDER": None,
    }
    said = {f"MSG_{name}": message for name, message in MESSAGES.items()} | SUBJECTS
    return {f"SECURITY_{name}": value for name, value in (keys | said).items()}


def _derived(app: Flask, purpose: str, encode: Any) -> bytes:
    """A key of its own for each purpose; all hang on SECRET_KEY."""
    encoded: bytes = encode(hmac.digest(app.config["SECRET_KEY"].encode(), purpose.encode(), hashlib.sha256))
    return encoded


def _load(uniquifier: str) -> Any:
    """The person behind the cookie. Flask-Security's forms ask how they signed in and when they last proved it."""
    # It is settled already that nobody acts where the database could not say who does.
    key = session.get(KEY) if "actor" not in g else None
    user = sessions.user_of(uniquifier, key) if key else None
    if user is not None:
        g.fs_authn_via, g.fs_paa = "session", session.get("fs_paa", 0)
    return user


def actor() -> Actor:
    """Who acts in this request; nobody where there is none, as in a letter."""
    if "actor" not in g:
        # Without a cookie nobody has to be looked up, nor a session made.
        known = has_request_context() and "_user_id" in session and current_user.is_authenticated
        g.actor = actor_of(current_user) if known else ANONYMOUS
    found: Actor = g.actor
    return found


def end_other_sessions() -> int:
    """End every sign-in of the present user but this one."""
    return sessions.end_all(current_user.id, session.get(KEY, ""))
