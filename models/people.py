"""Who takes part: organisations and the users who act for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

from flask_security import UserMixin
from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, UTCDateTime, now, one_of
from .taxonomy import ORGANISATION_KINDS, ROLES, SIZE_BANDS, STAFF_ROLES


class Organisation(Base):
    """A firm, university, public body, … that posts listings. Its country is ISO 3166-1 alpha-2 or unknown."""

    __tablename__ = "organisation"
    __table_args__ = (
        one_of("kind", ORGANISATION_KINDS, optional=True),
        one_of("size_band", SIZE_BANDS, optional=True),
        CheckConstraint("length(name) BETWEEN 1 AND 256", name="name_length"),
        CheckConstraint("country IS NULL OR length(country) = 2", name="country_alpha2"),
        CheckConstraint("(verified_at IS NULL) = (verified_by_id IS NULL)", name="verified_whole"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256), index=True)
    kind: Mapped[str | None] = mapped_column(String(16))
    size_band: Mapped[str | None] = mapped_column(String(8))
    country: Mapped[str | None] = mapped_column(String(2))
    website: Mapped[str | None] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    #: Names an organisation that an import made, so that two imports at once make it once.
    import_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    version: Mapped[int] = mapped_column(default=1)
    verified_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    verified_checks: Mapped[list[str]] = mapped_column(JSON(none_as_null=True), default=list)
    verified_by_id: Mapped[int | None]
    sample: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class User(Base, UserMixin):
    """A person with an account. The address is stored in lower case, so that it is unique as people read it.

    `owner` says that the person looks after their organisation. What Flask-Security keeps of a person has its names.
    """

    __tablename__ = "user_account"
    __table_args__ = (
        one_of("role", ROLES),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("email LIKE '%_@_%'", name="email_form"),
        CheckConstraint("NOT owner OR organisation_id IS NOT NULL", name="owner_of_something"),
        # The audit trail tells of accounts that are gone by their number.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(256), default="")
    role: Mapped[str] = mapped_column(String(16), default="member")
    active: Mapped[bool] = mapped_column(default=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    owner: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    password: Mapped[str | None] = mapped_column(String(255))
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: uuid4().hex)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    #: The last counter whose code was used, so that none is used twice.
    tf_last_counter: Mapped[int | None] = mapped_column(BigInteger)
    mf_recovery_codes: Mapped[list[str]] = mapped_column(JSON(none_as_null=True), default=list)

    organisation: Mapped[Organisation | None] = relationship(lazy="raise")

    #: Flask-Security asks for a list of roles; ours is one word, which policy reads.
    roles: ClassVar[tuple[str, ...]] = ()

    def check_tf_required(self, tf_setup_methods: list[tuple[str, str]], tf_fresh: bool) -> Any:
        """Staff cannot sign in without a second factor; whoever else has set one up is asked for it."""
        required, methods = super().check_tf_required(tf_setup_methods, tf_fresh)
        return required or self.check_tf_required_setup(), methods

    def check_tf_required_setup(self) -> bool:
        """Whether the role alone asks for a second factor."""
        return self.role in STAFF_ROLES


class UserSession(Base):
    """One sign-in that lasts. A cookie without its row here, or whose row has ended, opens nothing.

    Only a hash of the cookie's key is stored: who reads the database cannot become anybody.
    """

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(256), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class Invitation(Base):
    """An address asked to join an organisation. Used and ended ones are deleted; the audit trail tells of them."""

    __tablename__ = "invitation"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        UniqueConstraint("organisation_id", "email"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(254), index=True)
    owner: Mapped[bool] = mapped_column(default=False)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)

    organisation: Mapped[Organisation] = relationship(lazy="raise")
