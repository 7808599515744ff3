"""Flask-Security's forms as this product asks for things, and what they say when something is wrong."""

from __future__ import annotations

from typing import Any

from flask_security import LoginForm, RegisterFormV2
from wtforms import Field, StringField, ValidationError

from ..messages import N_
from ..text import one_line
from ..wording import _

_LONGEST_NAME = 256


class SignInForm(LoginForm):
    """Without "remember me": a sign-in lasts until it is ended, and can be ended from elsewhere."""

    remember = None

    def validate(self, **kwargs: Any) -> bool:
        """Whoever knew the password may learn what else keeps them out."""
        passed: bool = super().validate(**kwargs)
        if self.requires_confirmation:
            self.email.errors = []
            self.form_errors.append(
                _("Confirm your address first: open the link in our letter, or have the letter sent again.")
            )
        return passed


class RegisterForm(RegisterFormV2):
    """A name, an address and a password; nothing else that is sent counts."""

    name = StringField(filters=[lambda name: one_line(name or "")], render_kw={"autocomplete": "name"})

    def validate_name(self, field: Field) -> None:
        """Names are as long as their column."""
        if len(field.data) > _LONGEST_NAME:
            raise ValidationError(_("Shorten the name to %(most)s characters.", most=_LONGEST_NAME))


#: What is said instead of Flask-Security's own messages, by their names, with the kind of message it is.
MESSAGES = {
    "ALREADY_CONFIRMED": (N_("Your address is confirmed already. Sign in."), "info"),
    "ANONYMOUS_USER_REQUIRED": (N_("You are signed in already. Sign out first."), "error"),
    "API_ERROR": (N_("This link does not work any more. Ask for a new one."), "error"),
    "CHANGE_EMAIL_CONFIRMED": (N_("This is your address from now on. All other devices are signed out."), "success"),
    "CHANGE_EMAIL_EXPIRED": (N_("This link is older than %(within)s. Ask for a new one."), "error"),
    "CHANGE_EMAIL_SENT": (N_("A letter to %(email)s is on its way. Open its link to use this address."), "success"),
    "CONFIRMATION_EXPIRED": (N_("This link is older than %(within)s. Have the letter sent again."), "error"),
    "CONFIRM_REGISTRATION": (N_("A letter to %(email)s is on its way."), "success"),
    "EMAIL_CONFIRMED": (N_("Thank you, your address is confirmed. Sign in."), "success"),
    "EMAIL_NOT_PROVIDED": (N_("Enter an e-mail address."), "error"),
    "GENERIC_AUTHN_FAILED": (N_("The address or the password is not right. Check both and try again."), "error"),
    "INVALID_CODE": (N_("This code is not right. Enter the six digits that your authenticator shows now."), "error"),
    "INVALID_CONFIRMATION_TOKEN": (
        N_("This link does not work any more. Have the letter sent again, or sign in."),
        "error",
    ),
    "INVALID_EMAIL_ADDRESS": (N_("Enter a whole e-mail address, such as name@example.org."), "error"),
    "INVALID_PASSWORD": (N_("This password is not right. Enter the one you have now."), "error"),
    "INVALID_RECOVERY_CODE": (N_("This code is not right, or was used before. Enter another one."), "error"),
    "INVALID_REDIRECT": (N_("The address you came from is not one of this site."), "error"),
    "INVALID_RESET_PASSWORD_TOKEN": (N_("This link does not work any more. Ask for a new one."), "error"),
    "PASSWORD_BREACHED": (N_("This password stands in a public list of stolen ones. Take another one."), "error"),
    "PASSWORD_CHANGE": (N_("Your password is changed. All other devices are signed out."), "success"),
    "PASSWORD_IS_THE_SAME": (N_("This is the password you have now. Take another one."), "error"),
    "PASSWORD_NOT_PROVIDED": (N_("Enter a password."), "error"),
    "PASSWORD_RESET_EXPIRED": (N_("This link is older than %(within)s. Ask for a new one."), "error"),
    "PASSWORD_RESET_NO_LOGIN": (N_("Your new password is set. Sign in with it."), "success"),
    "REAUTHENTICATION_REQUIRED": (N_("Enter your password again to go on."), "info"),
    "REAUTHENTICATION_SUCCESSFUL": (N_("Thank you. Go on."), "success"),
    "RETYPE_PASSWORD_MISMATCH": (N_("The two passwords differ. Enter the same one twice."), "error"),
    "TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL": (N_("Your second factor is set up."), "success"),
    "TWO_FACTOR_DISABLED": (N_("Your second factor is turned off."), "success"),
    "TWO_FACTOR_INVALID_TOKEN": (
        N_("This code is not right, or was used before. Enter the six digits that your authenticator shows now."),
        "error",
    ),
    "TWO_FACTOR_LOGIN_SUCCESSFUL": (N_("You are signed in."), "success"),
    "TWO_FACTOR_METHOD_NOT_AVAILABLE": (N_("This cannot be chosen. Set up an authenticator."), "error"),
    "TWO_FACTOR_PERMISSION_DENIED": (N_("Sign in with your password first."), "error"),
    "TWO_FACTOR_SETUP_EXPIRED": (N_("This took longer than %(within)s. Start again."), "error"),
    "UNAUTHENTICATED": (N_("Sign in to go on."), "info"),
    "UNAUTHORIZED": (N_("This is not for your account."), "error"),
    "USER_DOES_NOT_EXIST": (N_("The address or the password is not right. Check both and try again."), "error"),
}

SUBJECTS = {
    "EMAIL_SUBJECT_REGISTER": N_("Your account"),
    "EMAIL_SUBJECT_CONFIRM": N_("Confirm your address"),
    "EMAIL_SUBJECT_PASSWORD_RESET": N_("Set a new password"),
    "EMAIL_SUBJECT_PASSWORD_NOTICE": N_("Your password was set anew"),
    "EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": N_("Your password was changed"),
    "CHANGE_EMAIL_SUBJECT": N_("Confirm your new address"),
}
