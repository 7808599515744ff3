"""English texts that can still be translated where they meet their reader, with the values they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Translatable(str):
    """A text in English, everywhere it is used as a string; `wording._` says it in the reader's language.

    The template has places such as %(name)s. A value that is itself a message is translated with it.
    """

    __slots__ = ("template", "values")
    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> Translatable:
        """The template with its values filled in; without values it stays as it is, for later."""
        message = super().__new__(cls, template % values if values else template)
        message.template = template
        message.values = values
        return message

    def format(self, *_args: object, **_values: object) -> Translatable:
        """The same message: what validates a field formats every text it gives, and would lose the template."""
        return self


def together(messages: Iterable[str], separator: str = " ") -> Translatable:
    """Several messages as one."""
    values = {f"m{place}": message for place, message in enumerate(messages)}
    return Translatable(separator.join(f"%({name})s" for name in values), **values)


def packed(message: object) -> Any:
    """A message for a column of JSON; `unpacked` makes it again."""
    if isinstance(message, Translatable) and message.values:
        return {"template": message.template, "values": {name: packed(value) for name, value in message.values.items()}}
    return message


def unpacked(kept: Any) -> Any:
    """The message that `packed` was given."""
    if isinstance(kept, dict):
        return Translatable(kept["template"], **{name: unpacked(value) for name, value in kept["values"].items()})
    return kept


#: Marks a text for translation: what stands in it is found by `make messages`.
N_ = Translatable
