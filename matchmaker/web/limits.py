"""How often somebody may try: by the address they come from, by the account they try, and tighter for both together.

Windows are short and start with the first try: whoever keeps an account's owner out does so for minutes, from many
addresses. Where guessing is what is feared, tries that succeed do not count. The counts live in memory, for one process
serves.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, Response, current_app, request, session
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
from flask_security import EmailValidateException

from ..services import accounts
from . import errors

_MINUTES = 5


@dataclass(frozen=True, slots=True)
class _Limits:
    """Tries in five minutes; `of` names the account that is tried, `counts` says whether a try does."""

    of: Callable[[], str]
    pair: int
    account: int
    address: int
    counts: Callable[[Response], bool]


def _failed(response: Response) -> bool:
    """A form that is shown again; one that was right leads on."""
    return response.status_code == 200


def _succeeded(response: Response) -> bool:
    return response.status_code == 302


def _submitted() -> str:
    """The account whose address a form names, however it is written."""
    written = request.form.get("email", "")[:500]
    try:
        return str(current_app.extensions["security"].mail_util.normalize(written))
    except EmailValidateException:
        return written.strip().lower()


def _half_signed_in() -> str:
    """The account of somebody who knew the password."""
    return str(session.get("tf_user_id", ""))


def _signed_in() -> str:
    return str(session.get("_user_id", ""))


_GUESSING = _Limits(_submitted, pair=10, account=50, address=50, counts=_failed)
_CODES = _Limits(_half_signed_in, pair=5, account=10, address=30, counts=_failed)
_AGAIN = _Limits(_signed_in, pair=10, account=20, address=50, counts=_failed)
#: Each of these sends a letter to whichever address is given.
_LETTERS = _Limits(_submitted, pair=3, account=5, address=20, counts=_succeeded)
_INVITATIONS = _Limits(_signed_in, pair=20, account=20, address=60, counts=_succeeded)

_LIMITS = {
    "security.login": _GUESSING,
    "security.two_factor_token_validation": _CODES,
    "security.mf_recovery": _CODES,
    "security.verify": _AGAIN,
    "security.change_password": _AGAIN,
    "security.register": _LETTERS,
    "security.forgot_password": _LETTERS,
    "security.send_confirmation": _LETTERS,
    # It shows its form again when it has sent the letter.
    "security.change_email": replace(_LETTERS, counts=_failed),
    "members.invite": _INVITATIONS,
    "members.resend": _INVITATIONS,
}


def init_app(app: Flask) -> None:
    """Limit the forms by which accounts are attacked. Call it when their views are registered."""
    limiter = Limiter(_address, app=app, storage_uri="memory://", strategy="fixed-window")
    for endpoint, limits in _LIMITS.items():
        app.view_functions[endpoint] = _limited(limiter, app.view_functions[endpoint], limits)

    def refuse_later(error: RateLimitExceeded) -> Response:
        reached = limiter.current_limit
        error.retry_after = max(1, reached.reset_at - int(time.time())) if reached else 60 * _MINUTES
        return errors.refused(error)

    app.register_error_handler(RateLimitExceeded, refuse_later)


def _address() -> str:
    return request.remote_addr or "-"


def _limited(limiter: Limiter, view: Any, limits: _Limits) -> Any:
    def account() -> str:
        # What people write is not kept, and no longer than any other key.
        return hashlib.sha256(limits.of().encode()).hexdigest()

    def tell(reached: RequestLimit) -> None:
        """Once a window."""
        if limiter.limiter.hit(reached.limit, "told", request.endpoint or "", account(), cost=reached.limit.amount):
            accounts.note_limit(request.path, _submitted(), _half_signed_in() or _signed_in())

    for number, key, told in (
        (limits.address, _address, None),
        (limits.account, account, tell),
        (limits.pair, lambda: f"{account()} {_address()}", tell),
    ):
        view = limiter.limit(
            f"{number} per {_MINUTES} minutes",
            key_func=key,
            methods=["POST"],
            deduct_when=limits.counts,
            on_breach=told,
        )(view)
    return view
