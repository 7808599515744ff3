"""Signing in: Flask-Security with this product's rules, and who acts in a request."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, g, has_request_context, request, session
from flask_security import (
    LoginForm,
    MailUtil,
    RegisterFormV2,
    Security,
    change_email_confirmed,
    current_user,
    password_changed,
    password_reset,
    tf_disabled,
    tf_profile_changed,
    user_authenticated,
    user_confirmed,
    user_registered,
)
from flask_wtf.csrf import CSRFProtect
from wtforms import StringField
from wtforms.validators import Length

from ..policy import ANONYMOUS, Actor
from ..services import accounts, notifying
from ..transaction import transaction
from ..user_store import CodesUsedOnce, UsedOnce, UserStore

#: Where the key of a sign-in stands in the cookie.
_KEY = "key"
_SHORTEST_PASSWORD = 12


class _LoginForm(LoginForm):
    """Without "remember me": a sign-in lasts until it is ended, and can be ended from elsewhere."""

    remember = None


class _RegisterForm(RegisterFormV2):
    name = StringField("Your name", validators=[Length(max=256)])


class _ThroughOutbox(MailUtil):
    """Mail waits in the outbox, so that the time an answer takes does not tell whether an address has an account."""

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: str,
        sender: Any,
        body: str | None,
        html: str | None,
        **context: Any,
    ) -> None:
        """Owe the message."""
        with transaction():
            notifying.owe(recipient, str(subject), body or "", html)


def init_app(app: Flask) -> None:
    """Let people register and sign in; refuse forms that did not come from a page of ours."""
    secure = app.config["PUBLIC_URL"].startswith("https:")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        PERMANENT_SESSION_LIFETIME=accounts.SESSION_LASTS,
        WTF_CSRF_TIME_LIMIT=None,
        **_configuration(app),
    )
    CSRFProtect(app)
    security = Security(
        app,
        UserStore(),
        login_form=_LoginForm,
        register_form=_RegisterForm,
        totp_cls=UsedOnce,
        mf_recovery_codes_util_cls=CodesUsedOnce,
        mail_util_cls=_ThroughOutbox,
    )
    # Pages only: the API has no way to sign in.
    security.want_json(lambda _request: False)
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    manager.user_loader(_load)
    manager.request_loader(lambda _request: None)
    manager.session_protection = None
    _follow(app)


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
        "PASSWORD_LENGTH_MIN": _SHORTEST_PASSWORD,
        # The kept package brings the thirty thousand commonest passwords, and is told of address and name.
        "PASSWORD_COMPLEXITY_CHECKER": "zxcvbn",
        "PASSWORD_CHECK_BREACHED": "best-effort" if app.config["BREACH_LOOKUP"] else False,
        "PASSWORD_CONFIRM_REQUIRED": False,
        "USE_REGISTER_V2": True,
        "RETURN_GENERIC_RESPONSES": True,
        "API_ENABLED_METHODS": ["session"],
        "FRESHNESS": timedelta(minutes=15),
        "FRESHNESS_GRACE_PERIOD": timedelta(minutes=5),
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
    return {f"SECURITY_{name}": value for name, value in keys.items()}


def _derived(app: Flask, purpose: str, encode: Any) -> bytes:
    """A key of its own for each purpose; all hang on SECRET_KEY."""
    encoded: bytes = encode(hmac.digest(app.config["SECRET_KEY"].encode(), purpose.encode(), hashlib.sha256))
    return encoded


def _load(uniquifier: str) -> Any:
    """The person behind the cookie. Flask-Security's forms ask how they signed in and when they last proved it."""
    key = session.get(_KEY)
    user = accounts.user_of_session(uniquifier, key) if key else None
    if user is not None:
        g.fs_authn_via, g.fs_paa = "session", session.get("fs_paa", 0)
    return user


def actor() -> Actor:
    """Who acts in this request; nobody where there is none, as in a letter."""
    if "actor" not in g:
        # Without a cookie nobody has to be looked up, nor a session made.
        known = has_request_context() and "_user_id" in session and current_user.is_authenticated
        g.actor = accounts.actor_of(current_user) if known else ANONYMOUS
    found: Actor = g.actor
    return found


def end_other_sessions() -> int:
    """End every sign-in of the present user but this one."""
    return accounts.end_sessions(current_user.id, session.get(_KEY, ""))


def _follow(app: Flask) -> None:
    """What has to happen beside what Flask-Security does."""

    def begun(_app: Flask, user: Any, **_: Any) -> None:
        session[_KEY] = accounts.begin_session(user.id, request.user_agent.string)
        session.permanent = True
        accounts.note(user.id, "user.sign_in")
        g.pop("actor", None)

    def registered(_app: Flask, user: Any, **_: Any) -> None:
        with transaction():
            accounts.note(user.id, "user.register")

    def changed(action: str) -> Any:
        def note(_app: Flask, user: Any, **_: Any) -> None:
            accounts.note(user.id, action)
            # Whoever signed in with what was changed is signed out; the cookies are worth nothing already.
            accounts.end_sessions(user.id, session.get(_KEY, ""))

        return note

    connected = [
        (user_authenticated, begun),
        (user_registered, registered),
        (user_confirmed, changed("user.confirm")),
        (password_changed, changed("user.change_password")),
        (password_reset, changed("user.reset_password")),
        (change_email_confirmed, changed("user.change_email")),
        (tf_profile_changed, changed("user.set_second_factor")),
        (tf_disabled, changed("user.remove_second_factor")),
    ]
    # The signals keep only weak references.
    app.extensions["account signals"] = connected
    for signal, receiver in connected:
        signal.connect(receiver, app)
