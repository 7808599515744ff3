"""Vectors live in the database: memory indexes of any process are built from these rows, in the order of `seq`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Embedding(Base):
    """What the index knows of one listing under one model.

    `vector` is the unit vector and `parts` its passages (little-endian float16, row by row), so that the passages'
    dot products with a query add up to the listing's; `spans` are the passages' [start, end) in the indexed text.
    Near-duplicates share a `family`, a number nobody else has; `repeats_id` is the listing that this one repeats.
    A row without a vector is a tombstone: the listing left the index. Each write takes a new `seq`, and readers pull
    what is past the one they have seen.
    """

    __tablename__ = "embedding"
    __table_args__ = (
        CheckConstraint("(vector IS NULL) = (text_hash IS NULL)", name="vector_hashed"),
        CheckConstraint("(vector IS NULL) = (family IS NULL)", name="vector_in_family"),
        CheckConstraint("listing_version >= 1", name="version_positive"),
    )

    # No foreign key: the tombstone of a deleted listing must outlive it, or other processes would keep showing it.
    listing_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    model: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, unique=True)
    listing_version: Mapped[int]
    text_hash: Mapped[str | None] = mapped_column(String(64))
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)
    parts: Mapped[bytes | None] = mapped_column(LargeBinary)
    spans: Mapped[list[Any]] = mapped_column(JSON, default=list)
    family: Mapped[int | None] = mapped_column(BigInteger, index=True)
    repeats_id: Mapped[int | None]


class Sequence(Base):
    """A counter handed out inside a transaction: its row lock makes numbers visible in the order they were given."""

    __tablename__ = "sequence"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
