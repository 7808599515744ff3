"""What moderators decided of listings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now, one_of
from .taxonomy import DECISIONS


class Decision(Base):
    """One verdict on one version of a listing, with its reasons and what the owner is told; appended, never changed."""

    __tablename__ = "decision"
    __table_args__ = (one_of("verdict", DECISIONS),)

    id: Mapped[int] = mapped_column(primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[list[str]] = mapped_column(JSON(none_as_null=True), default=list)
    message: Mapped[str] = mapped_column(Text, default="")
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
