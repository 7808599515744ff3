"""Files that members and staff brought in through the browser."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime, now, one_of
from .taxonomy import IMPORT_STATUSES, KINDS


class Import(Base):
    """One file, what its check found, how far its run is, and what it made, so that all of it can be undone.

    `done` counts rows of the file; it grows in the transaction that stores them, so that a run which was cut off goes
    on behind them. While the status is "checked", `added` and `changed` tell what a run would do. `content` is deleted
    once the rows are stored.
    """

    __tablename__ = "import"
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("status", IMPORT_STATUSES),
        CheckConstraint("done <= total", name="done_within_total"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(8), default="checked")
    file_name: Mapped[str] = mapped_column(String(256))
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    #: The first bad rows: row, column, what is wrong and how to mend it.
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON(none_as_null=True), default=list)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ImportChange(Base):
    """What an import did to a listing, kept to undo it.

    `before` holds what the changed fields said, and is None for a listing that the import made. `content_hash` is of
    what the listing said afterwards: while that is so, nobody else has changed it.
    """

    __tablename__ = "import_change"

    import_id: Mapped[int] = mapped_column(ForeignKey("import.id", ondelete="CASCADE"), primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id", ondelete="CASCADE"), primary_key=True, index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    content_hash: Mapped[str] = mapped_column(String(64))
