"""Schemas of what people and organisations say of themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validates

from models.taxonomy import ORGANISATION_KINDS, SIZE_BANDS, VERIFICATION_CHECKS

from .messages import N_
from .schemas import Code, Country, Several, Text, clean
from .text import web_address

#: What turns text around beyond its own end, and what nobody sees: either makes one name look like another.
_UNSEEN = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_MISSING: dict[str, Any] = {"required": N_("Fill this in.")}


class Line(Text):
    """A cleaned string on one line, without marks that change how the text around it is read."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return " ".join(_UNSEEN.sub("", super()._deserialize(value, attr, data, **kwargs)).split())


class Website(Line):
    """A web address or none; `https://` is added where it is missing."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        given = super()._deserialize(value, attr, data, **kwargs)
        if not given:
            return None
        address = given if "://" in given else f"https://{given}"
        if not _leads_somewhere(address):
            raise ValidationError(N_("This is no web address. Write it as https://example.org."))
        return address


def _leads_somewhere(address: str) -> bool:
    """Whether it is a plain http or https address of a named host."""
    try:
        parts = urlsplit(address)
        named = "." in (parts.hostname or "") and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        return False
    return named and " " not in address and web_address(address) is not None


class Email(fields.String):
    """An e-mail address in lower case, spelt as accounts spell theirs."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given = clean(str(super()._deserialize(value, attr, data, **kwargs)))
        try:
            return validate_email(given, check_deliverability=False).normalized.lower()
        except EmailNotValidError:
            raise ValidationError(N_("This is no e-mail address. Write it as name@example.org.")) from None


class FormSchema(Schema):
    """A form: an empty box is an absent value, and what else the browser sends is left out."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def _filled(self, form: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in form.items() if value != ""}


class OrganisationFormSchema(FormSchema):
    """An organisation as its own people describe it."""

    name = Line(256, filled=True, required=True, error_messages=_MISSING)
    kind = Code(ORGANISATION_KINDS, N_("a kind of organisation"), required=True, error_messages=_MISSING)
    size_band = Code(SIZE_BANDS, N_("a number of people"), load_default=None, allow_none=True)
    country = Country(required=True, error_messages=_MISSING)
    website = Website(512, load_default=None, allow_none=True)
    description = Text(4000, load_default="")

    @validates("name")
    def _name_says_something(self, name: str, **_: Any) -> None:
        if not any(character.isalnum() for character in name):
            raise ValidationError(N_("Give a name with at least one letter or digit."))


class InvitationSchema(FormSchema):
    """Who is asked to join an organisation, and whether as an owner."""

    email = Email(required=True, error_messages=_MISSING)
    owner = fields.Boolean(load_default=False)


class VerificationSchema(FormSchema):
    """What a member of staff has checked: one thing at least."""

    checks = Several(Code(VERIFICATION_CHECKS, N_("a check")), len(VERIFICATION_CHECKS))

    @validates("checks")
    def _something(self, checks: list[str], **_: Any) -> None:
        if not checks:
            raise ValidationError(N_("Choose what you have checked."))


class AlternativeSchema(FormSchema):
    """What a picture shows, in words."""

    alternative = Line(256, load_default="")
