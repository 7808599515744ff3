"""The outbox: work owed, written in the transaction that made it necessary and deleted once it is seen to be done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now, one_of

#: What is owed for a thing: that the indexes hold the listing as it is, that the mail is sent, that the import is run.
TOPICS = ("index", "mail", "import")


class OutboxItem(Base):
    """ "Make the index agree with this listing." Items repeat and change order freely: handlers read current state.

    `thing_id` is the number of a listing, a mail or an import, as the topic says.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("topic", TOPICS),
        CheckConstraint("attempts >= 0", name="attempts_positive"),
        CheckConstraint("(leased_until IS NULL) = (leased_by IS NULL)", name="lease_whole"),
        Index("ix_outbox_due", "topic", "parked_at", "available_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(16))
    # No foreign key: it leads to several tables, and a deleted listing still has to leave the index.
    thing_id: Mapped[int] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    available_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    leased_by: Mapped[str | None] = mapped_column(String(64))
    parked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
