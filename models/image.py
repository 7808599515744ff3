"""Pictures of listings and logos of organisations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now


class Image(Base):
    """A picture as we encoded it ourselves. It lies in the database, so that one backup holds it too.

    It belongs to a listing or is the logo of an organisation. `key` stands in its address and changes with its content.
    """

    __tablename__ = "image"
    __table_args__ = (
        CheckConstraint("(listing_id IS NULL) <> (organisation_id IS NULL)", name="one_owner"),
        CheckConstraint("width > 0 AND height > 0", name="size_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    listing_id: Mapped[int | None] = mapped_column(ForeignKey("listing.id", ondelete="CASCADE"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    alternative: Mapped[str] = mapped_column(String(256), default="")
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
