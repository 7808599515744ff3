"""Listing: an Offer or a Need. One table, so that both are found, filtered, versioned and matched in one way."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Numeric, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, UTCDateTime, now, one_of
from .people import Organisation
from .taxonomy import CATEGORIES, IP_KINDS, IP_STATUSES, KINDS, STATUSES, SUBCATEGORY_NAMES

# Unknown is [], so that None is refused by NOT NULL instead of being stored as JSON's null.
_LIST = JSON(none_as_null=True)
_LISTS = {
    "keywords": 10,
    "sdgs": 17,
    "benefits": 20,
    "partnerships": 7,
    "ip_publications": 50,
    "ip_countries": 250,
    "developed_in": 250,
    "deployed_in": 250,
    "available_in": 250,
    "wanted_in": 250,
    "targets": 20,
}

_NEED_ONLY = (
    "kind = 'need' OR (problem = '' AND constraints = '' AND budget_amount IS NULL AND deadline IS NULL"
    " AND json_array_length(targets) = 0 AND json_array_length(wanted_in) = 0)"
)
_OFFER_ONLY = (
    "kind = 'offer' OR (json_array_length(developed_in) = 0 AND json_array_length(deployed_in) = 0"
    " AND json_array_length(available_in) = 0)"
)


class Listing(Base):
    """A technology that is available (offer) or wanted (need). NULL and [] mean unknown, never "no".

    `trl` is the technology's level on an offer and the least level accepted on a need (ISO 16290, 1–9).
    Countries are ISO 3166-1 alpha-2, `language` is BCP-47, `budget_currency` ISO 4217. `version` grows by one with
    every change, and the indexes store it, so that both can be compared with this table.
    """

    __tablename__ = "listing"
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("status", STATUSES),
        one_of("category", CATEGORIES, optional=True),
        one_of("subcategory", SUBCATEGORY_NAMES, optional=True),
        one_of("ip_kind", IP_KINDS),
        one_of("ip_status", IP_STATUSES),
        CheckConstraint("length(title) BETWEEN 1 AND 256", name="title_length"),
        CheckConstraint("length(summary) <= 500", name="summary_length"),
        CheckConstraint("length(description) <= 8000", name="description_length"),
        CheckConstraint("length(language) BETWEEN 2 AND 35", name="language_length"),
        CheckConstraint("trl IS NULL OR trl BETWEEN 1 AND 9", name="trl_range"),
        CheckConstraint("subcategory IS NULL OR category IS NOT NULL", name="subcategory_in_category"),
        CheckConstraint("budget_amount IS NULL OR budget_amount >= 0", name="budget_positive"),
        CheckConstraint("(budget_amount IS NULL) = (budget_currency IS NULL)", name="budget_whole"),
        CheckConstraint("version >= 1", name="version_positive"),
        CheckConstraint("status NOT IN ('published', 'stale') OR published_at IS NOT NULL", name="published_dated"),
        CheckConstraint("(source IS NULL) = (source_id IS NULL)", name="source_whole"),
        CheckConstraint(_NEED_ONLY, name="need_fields"),
        CheckConstraint(_OFFER_ONLY, name="offer_fields"),
        *(
            CheckConstraint(f"json_array_length({column}) <= {most}", name=f"{column}_count")
            for column, most in _LISTS.items()
        ),
        UniqueConstraint("id", "kind"),
        UniqueConstraint("source", "source_id"),
        Index("ix_listing_kind_status_published_at", "kind", "status", "published_at"),
        # The moderators' queue: imports, which are most of a large table, have no reviewed version.
        Index("ix_listing_status_reviewed_version", "status", "reviewed_version"),
        # The number of a deleted listing is never another one's.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(20), default="draft")
    version: Mapped[int] = mapped_column(default=1)

    title: Mapped[str] = mapped_column(String(256))
    summary: Mapped[str] = mapped_column(String(500), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(35), default="und")
    category: Mapped[str | None] = mapped_column(String(32))
    subcategory: Mapped[str | None] = mapped_column(String(32))
    keywords: Mapped[list[str]] = mapped_column(_LIST, default=list)
    sdgs: Mapped[list[int]] = mapped_column(_LIST, default=list)
    benefits: Mapped[list[dict[str, Any]]] = mapped_column(_LIST, default=list)
    trl: Mapped[int | None]
    partnerships: Mapped[list[str]] = mapped_column(_LIST, default=list)

    ip_kind: Mapped[str] = mapped_column(String(16), default="unknown")
    ip_status: Mapped[str] = mapped_column(String(16), default="unknown")
    ip_publications: Mapped[list[str]] = mapped_column(_LIST, default=list)
    ip_countries: Mapped[list[str]] = mapped_column(_LIST, default=list)
    ip_as_of: Mapped[date | None]

    developed_in: Mapped[list[str]] = mapped_column(_LIST, default=list)
    deployed_in: Mapped[list[str]] = mapped_column(_LIST, default=list)
    available_in: Mapped[list[str]] = mapped_column(_LIST, default=list)

    wanted_in: Mapped[list[str]] = mapped_column(_LIST, default=list)
    problem: Mapped[str] = mapped_column(Text, default="")
    constraints: Mapped[str] = mapped_column(Text, default="")
    targets: Mapped[list[dict[str, Any]]] = mapped_column(_LIST, default=list)
    budget_amount: Mapped[Decimal | None] = mapped_column(Numeric(16, 2))
    budget_currency: Mapped[str | None] = mapped_column(String(3))
    deadline: Mapped[date | None]

    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"), index=True)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("import.id", ondelete="SET NULL"), index=True)
    anonymous: Mapped[bool] = mapped_column(default=False)
    open_to_interest: Mapped[bool] = mapped_column(default=True)
    sample: Mapped[bool] = mapped_column(default=False)

    source: Mapped[str | None] = mapped_column(String(64))
    source_id: Mapped[str | None] = mapped_column(String(256))
    source_url: Mapped[str | None] = mapped_column(String(1024))
    source_licence: Mapped[str | None] = mapped_column(String(256))
    source_hash: Mapped[str | None] = mapped_column(String(64))

    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    submitted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the owner was last asked whether the listing still holds.
    reminded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    #: The version that staff read last; an older one than `version` waits in their queue.
    reviewed_version: Mapped[int | None]
    #: Which moderator reads it now, and since when.
    claimed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    organisation: Mapped[Organisation | None] = relationship(lazy="raise")


class ListingVersion(Base):
    """What a listing said at a version that has been replaced, and who replaced it. The present one is the listing."""

    __tablename__ = "listing_version"

    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    replaced_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    replaced_by_id: Mapped[int | None]
