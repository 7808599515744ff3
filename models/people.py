"""Who takes part: organisations and the users who act for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now, one_of
from .taxonomy import ORGANISATION_KINDS, ROLES, SIZE_BANDS


class Organisation(Base):
    """A firm, university, public body, … that posts listings. Its country is ISO 3166-1 alpha-2 or unknown."""

    __tablename__ = "organisation"
    __table_args__ = (
        one_of("kind", ORGANISATION_KINDS, optional=True),
        one_of("size_band", SIZE_BANDS, optional=True),
        CheckConstraint("length(name) BETWEEN 1 AND 256", name="name_length"),
        CheckConstraint("country IS NULL OR length(country) = 2", name="country_alpha2"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256), index=True)
    kind: Mapped[str | None] = mapped_column(String(16))
    size_band: Mapped[str | None] = mapped_column(String(8))
    country: Mapped[str | None] = mapped_column(String(2))
    website: Mapped[str | None] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    sample: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class User(Base):
    """A person with an account. The address is stored in lower case, so that it is unique as people read it."""

    __tablename__ = "user_account"
    __table_args__ = (
        one_of("role", ROLES),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("email LIKE '%_@_%'", name="email_form"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(256), default="")
    role: Mapped[str] = mapped_column(String(16), default="member")
    active: Mapped[bool] = mapped_column(default=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
