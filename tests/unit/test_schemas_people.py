"""What people say of organisations, as it is stored."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from matchmaker.schemas_people import InvitationSchema, OrganisationFormSchema, VerificationSchema

FIRM = {"name": "Jua & Maji Works", "kind": "sme", "country": "ke"}


def loaded(**given: Any) -> dict[str, Any]:
    return dict(OrganisationFormSchema().load({**FIRM, **given}))


def problems(**given: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        OrganisationFormSchema().load({**FIRM, **given})
    return dict(refused.value.normalized_messages())


def test_empty_boxes_are_unknown() -> None:
    empty = loaded(size_band="", website="", description="")
    assert empty == {**FIRM, "country": "KE", "size_band": None, "website": None, "description": ""}


@pytest.mark.parametrize("field", ["name", "kind", "country"])
def test_what_must_be_filled_in_is_asked_for(field: str) -> None:
    assert problems(**{field: ""}) == {field: ["Fill this in."]}


@pytest.mark.parametrize("name", ["...", "\u202e", " \n ", "\u200b"])
def test_a_name_says_something(name: str) -> None:
    assert list(problems(name=name)) == ["name"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Blue\r\nLoop", "Blue Loop"),
        ("Blue\tLoop  Ltd", "Blue Loop Ltd"),
        ("\u202eBlue Loop\u2066", "Blue Loop"),
        ("Blue\u200bLoop", "BlueLoop"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_a_name_stands_on_one_line_and_does_not_turn_its_surroundings(given: str, stored: str) -> None:
    assert loaded(name=given)["name"] == stored


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("example.org", "https://example.org"),
        ("http://example.org/a?b=c", "http://example.org/a?b=c"),
        ("example.org:8080/a", "https://example.org:8080/a"),
    ],
)
def test_a_website_is_completed(given: str, stored: str) -> None:
    assert loaded(website=given)["website"] == stored


@pytest.mark.parametrize(
    "given",
    [
        "javascript:alert(1)",
        "javascript://example.org/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.org",
        "https://localhost",
        "https://bank.example@evil.example",
        "https://example.org:99999999",
        "https://[::1",
        "two words.example",
        "https://" + "a" * 600 + ".org",
    ],
)
def test_what_is_no_plain_web_address_is_refused(given: str) -> None:
    assert list(problems(website=given)) == ["website"]


def test_unknown_codes_are_refused() -> None:
    assert set(problems(kind="cartel", country="XX", size_band="9")) == {"kind", "country", "size_band"}


def test_a_field_nobody_asked_for_is_left_out() -> None:
    assert "verified_at" not in loaded(verified_at="2026-01-01")


def test_an_address_is_stored_as_accounts_spell_theirs() -> None:
    assert InvitationSchema().load({"email": " Amina@Example.ORG "})["email"] == "amina@example.org"


@pytest.mark.parametrize("email", ["amina", "a@b", "a@b.org\nBcc: c@d.org", "Amina <a@b.org>", "a@b.org, c@d.org", ""])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(ValidationError):
        InvitationSchema().load({"email": email})


def test_a_verification_names_a_check() -> None:
    with pytest.raises(ValidationError):
        VerificationSchema().load({"checks": []})
