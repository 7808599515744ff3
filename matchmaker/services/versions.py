"""What a listing said before, and what differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any, Literal

from sqlalchemy import Date, Numeric, select

from models import Listing, ListingVersion, db
from models.base import UTCDateTime

from . import listings

_WORDS = re.compile(r"\s+|[^\W_]+|[\W_]")
_PARSERS: dict[type, Callable[[str], Any]] = {
    UTCDateTime: datetime.fromisoformat,
    Date: date.fromisoformat,
    Numeric: Decimal,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that stayed, went or came."""

    fate: Literal["same", "gone", "new"]
    text: str


def restored(values: Mapping[str, Any]) -> dict[str, Any]:
    """A listing's columns out of what JSON holds of them."""
    out = {}
    for name, value in values.items():
        parse = _PARSERS.get(type(Listing.__table__.c[name].type))
        out[name] = parse(value) if parse and value is not None else value
    return out


def as_read(listing: Listing) -> Listing | None:
    """The listing as moderators read it last, apart from the database; None when it says the same or was never read."""
    if listing.reviewed_version is None or listing.reviewed_version >= listing.version:
        return None
    query = (
        select(ListingVersion)
        .where(ListingVersion.listing_id == listing.id, ListingVersion.version >= listing.reviewed_version)
        .order_by(ListingVersion.version)
        .limit(1)
    )
    row = db.session.scalar(query)
    if row is None:
        return None
    # A fact that did not exist when the version was kept says what it says now.
    return Listing(kind=listing.kind, **restored({**listings.content_of(listing), **row.values}))


def differences(before: str, now: str) -> list[Piece]:
    """How one text became another, word by word."""
    old, new = _WORDS.findall(before), _WORDS.findall(now)
    pieces = []
    for fate, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        if fate == "equal":
            pieces.append(Piece("same", "".join(old[i1:i2])))
            continue
        pieces += [Piece("gone", "".join(old[i1:i2]))] if i2 > i1 else []
        pieces += [Piece("new", "".join(new[j1:j2]))] if j2 > j1 else []
    return pieces
