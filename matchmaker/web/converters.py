"""What the variable parts of an address may be."""

from __future__ import annotations

from typing import ClassVar

from werkzeug.routing import BaseConverter, IntegerConverter


class ListingId(IntegerConverter):
    """A number a database can hold; a longer one is an address that does not exist."""

    regex = "[0-9]{1,19}"


class Kind(BaseConverter):
    """`offers` and `needs` in the address, "offer" and "need" in the code."""

    regex = "offers|needs"
    _singular: ClassVar[dict[str, str]] = {"offers": "offer", "needs": "need"}

    def to_python(self, value: str) -> str:
        """The kind of listing."""
        return self._singular[value]

    def to_url(self, value: str) -> str:
        """The word in the address."""
        return f"{value}s"


class ListingName(BaseConverter):
    """A listing's number with or without words behind it: 12-brine-recovery."""

    regex = "[0-9]{1,19}(?:-[^/]*)?"
