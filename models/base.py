"""The declarative base, the session and the column types every table uses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import CheckConstraint, DateTime, Dialect, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Named constraints, so that migrations can drop what they made on every database."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base)

#: Ids are INTEGER; PostgreSQL refuses even to compare one with more than it holds.
LARGEST_ID = 2**31 - 1


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; a naive one is refused, because nobody can tell what it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime must carry its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)


def one_of(column: str, codes: Iterable[str], *, optional: bool = False) -> CheckConstraint:
    """A CHECK that the column holds one of the codes; `optional` lets NULL (unknown) pass by name."""
    listed = ", ".join(f"'{code}'" for code in codes)
    rule = f"{column} IN ({listed})"
    return CheckConstraint(f"{column} IS NULL OR {rule}" if optional else rule, name=f"{column}_known")
