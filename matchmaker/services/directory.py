"""All public listings in numbered parts, as search engines read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from models import Listing, db
from models.base import LARGEST_ID
from models.taxonomy import PUBLIC_STATUSES

#: Listings are in a part by their number, so that they stay in it. Fifty thousand is the most that a sitemap may hold;
#: a fifth of it is written in a moment.
PART = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Enough of a listing to lead to it, and when somebody last stood by it."""

    id: int
    kind: str
    title: str
    updated: datetime


def parts() -> list[int]:
    """The numbers of the parts that hold anything, from 1."""
    number = ((Listing.id - 1) // PART + 1).label("part")
    return list(db.session.scalars(select(number).where(_PUBLIC).distinct().order_by(number)))


def part(number: int) -> Sequence[Entry]:
    """The listings of a part, in the order of their numbers; none when there is no such part."""
    first = (number - 1) * PART + 1
    if not 0 < first <= LARGEST_ID:
        return ()
    rows = (
        select(Listing.id, Listing.kind, Listing.title, Listing.published_at, Listing.confirmed_at)
        .where(_PUBLIC, Listing.id.between(first, min(first + PART - 1, LARGEST_ID)))
        .order_by(Listing.id)
    )
    return [
        Entry(row.id, row.kind, row.title, max(row.published_at, row.confirmed_at or row.published_at))
        for row in db.session.execute(rows)
    ]


_PUBLIC = Listing.status.in_(PUBLIC_STATUSES)
