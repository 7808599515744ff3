"""Letters about accounts: all leave through the outbox, and asking for one tells nothing of who has an account."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request
from flask_security import MailUtil, current_user, send_mail
from flask_security.confirmable import send_confirmation_instructions
from flask_security.forms import EmailValidation, email_required
from flask_security.recoverable import send_reset_password_instructions
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import EmailField

from models import User

from ..services import accounts, notifying
from ..transaction import transaction
from ..wording import _, spoken_to


class ThroughOutbox(MailUtil):
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

    def normalize(self, email: str) -> str:
        """The address as accounts have it."""
        return str(super().normalize(email)).lower()

    def validate(self, email: str) -> str:
        """The address as accounts have it."""
        return str(super().validate(email)).lower()


class _AddressForm(FlaskForm):
    email = EmailField(validators=[email_required, EmailValidation(verify=True)], render_kw={"autocomplete": "email"})


def forgot_password() -> str | Response:
    """Send a link to set a new password. Whoever opens it has the address, so an unconfirmed one is confirmed by it."""
    form = _AddressForm()
    if form.validate_on_submit():
        address = form.email.data
        if user := accounts.find(address):
            with spoken_to(user.locale):
                send_reset_password_instructions(user)
        else:
            _tell_stranger(address)
        return _on_its_way(address)
    if request.method == "GET" and current_user.is_authenticated:
        form.email.data = current_user.email
    return render_template("security/forgot_password.html", forgot_password_form=form)


def send_confirmation() -> str | Response:
    """Send the confirmation letter again."""
    form = _AddressForm()
    if form.validate_on_submit():
        address = form.email.data
        user = accounts.find(address)
        if user is None:
            _tell_stranger(address)
        elif user.confirmed_at:
            with spoken_to(user.locale):
                send_mail(_("Your address is confirmed"), address, "security/email/confirmed")
        else:
            with spoken_to(user.locale):
                send_confirmation_instructions(user)
        return _on_its_way(address)
    return render_template("security/send_confirmation.html", send_confirmation_form=form)


def _tell_stranger(address: str) -> None:
    """Who forgot which of their addresses has the account learns it; who asks for others' addresses does not."""
    send_mail(_("There is no account for this address"), address, "security/email/no_account")


def _on_its_way(address: str) -> Response:
    flash(_("A letter to %(address)s is on its way.", address=address), "success")
    return redirect(request.path)


def tell_old_address(address: str) -> None:
    """Whoever read mail at the old address learns that the account has another one now."""
    send_mail(_("Your account has another address"), address, "security/email/change_email_notice")


def tell_of_second_factor(user: User) -> None:
    """A second factor that is set or removed by somebody else shall not stay unseen."""
    send_mail(_("Your second factor was changed"), user.email, "security/email/second_factor_notice")
