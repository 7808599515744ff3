"""Messages are English wherever they go, and remember what they were made of."""

from __future__ import annotations

import json
import pickle

from marshmallow import Schema, ValidationError, fields, validate

from matchmaker.errors import NotFound
from matchmaker.messages import N_, Translatable, packed, together, unpacked


def test_a_message_is_its_english_text() -> None:
    message = N_("%(count)s of %(all)s are left.", count=2, all=9)
    assert message == "2 of 9 are left."
    assert json.dumps([message]) == '["2 of 9 are left."]'


def test_a_message_without_values_waits_for_them() -> None:
    assert N_("Same goals: %(offered)s") == "Same goals: %(offered)s"


def test_a_message_remembers_its_template_and_values() -> None:
    message = N_("Use %(what)s.", what=N_("a category"))
    assert (message.template, message.values) == ("Use %(what)s.", {"what": "a category"})


def test_a_message_survives_being_packed() -> None:
    message = pickle.loads(pickle.dumps(N_("%(count)s left", count=2)))  # noqa: S301
    assert (message, message.template, message.values) == ("2 left", "%(count)s left", {"count": 2})


def test_an_error_says_its_message_in_english() -> None:
    error = NotFound(N_("%(name)s is not there.", name="Pump"))
    assert str(error) == "Pump is not there."
    assert isinstance(error.message, Translatable)


def test_a_message_comes_back_from_json_with_its_values() -> None:
    message = N_("Use %(what)s, %(most)s at most.", what=N_("item %(number)s", number=3), most=2)
    kept = unpacked(json.loads(json.dumps(packed(message))))
    assert (kept, kept.template) == ("Use item 3, 2 at most.", message.template)
    assert kept.values["what"].template == "item %(number)s"


def test_a_plain_text_is_kept_as_it_is() -> None:
    assert unpacked(packed("100 % sure")) == "100 % sure"


def test_several_messages_are_one() -> None:
    message = together([N_("Row %(row)s", row=2), "100 % sure"], "; ")
    assert message == "Row 2; 100 % sure"
    assert message.values["m0"].template == "Row %(row)s"


def test_a_schema_keeps_messages_whole() -> None:
    class Asked(Schema):
        title = fields.String(
            validate=validate.Length(max=3, error=N_("At most %(most)s.", most=3)),
            error_messages={"required": N_("Fill this in.")},
            required=True,
        )

    def said(given: dict[str, str]) -> list[str]:
        try:
            Asked().load(given)
        except ValidationError as error:
            return [message.template for message in error.normalized_messages()["title"]]
        return []

    assert said({}) == ["Fill this in."]
    assert said({"title": "pump"}) == ["At most %(most)s."]
