"""The audit trail: who did what to which thing, appended and never changed (triggers refuse it)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now, one_of

ACTOR_KINDS = ("user", "staff", "system")


class AuditEntry(Base):
    """One action. `before` and `after` hold only the fields that changed."""

    __tablename__ = "audit"
    __table_args__ = (
        one_of("actor_kind", ACTOR_KINDS),
        Index("ix_audit_thing", "thing_kind", "thing_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
    actor_kind: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(64))
    thing_kind: Mapped[str] = mapped_column(String(32))
    thing_id: Mapped[int | None]
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
