"""Match: a stored pair of a need and an offer, from suggestion to outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now, one_of
from .taxonomy import MATCH_STATUSES


class Match(Base):
    """One row a pair. The kinds stand beside the ids so that foreign keys prove which side is the need."""

    __tablename__ = "match"
    __table_args__ = (
        one_of("status", MATCH_STATUSES),
        CheckConstraint("need_kind = 'need'", name="need_side"),
        CheckConstraint("offer_kind = 'offer'", name="offer_side"),
        CheckConstraint("probability IS NULL OR probability BETWEEN 0 AND 1", name="probability_range"),
        ForeignKeyConstraint(
            ["need_id", "need_kind"], ["listing.id", "listing.kind"], ondelete="CASCADE", name="fk_match_need"
        ),
        ForeignKeyConstraint(
            ["offer_id", "offer_kind"], ["listing.id", "listing.kind"], ondelete="CASCADE", name="fk_match_offer"
        ),
        UniqueConstraint("need_id", "offer_id"),
        Index("ix_match_offer_id", "offer_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int]
    need_kind: Mapped[str] = mapped_column(String(8), default="need")
    offer_id: Mapped[int]
    offer_kind: Mapped[str] = mapped_column(String(8), default="offer")
    status: Mapped[str] = mapped_column(String(12), default="suggested", index=True)
    score: Mapped[float]
    probability: Mapped[float | None]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    model: Mapped[str] = mapped_column(String(128))
    ranker: Mapped[str] = mapped_column(String(64))
    need_version: Mapped[int]
    offer_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)
