"""Numbers that addresses and forms carry, whatever somebody wrote there."""

from __future__ import annotations

from flask import request


def whole(text: str, digits: int) -> int | None:
    """The number that at most so many ASCII digits make; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def page_number() -> int:
    """Which page of a list the address asks for: the first unless it says otherwise."""
    return max(1, whole(request.args.get("page", ""), 6) or 1)


def version_read() -> int | None:
    """The version of a thing that a form was filled from; None when the form does not say."""
    return whole(request.form.get("version", ""), 9)
