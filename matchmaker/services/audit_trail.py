"""Reading the audit trail: who did what to which thing, the latest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, select

from models import AuditEntry, User, db
from models.base import LARGEST_ID

from ..errors import NotFound
from ..messages import N_
from ..policy import Actor, can

PAGE = 50
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are looked for. Empty is any.

    `actor` is a number, an address or "system"; `action` is how it begins; `thing` is a kind, a number, or both;
    `since` and `until` are the first and the last day (UTC).
    """

    actor: str = ""
    action: str = ""
    thing: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with the address of whoever acted, if the account is still there."""

    entry: AuditEntry
    who: str | None


def search(actor: Actor, filters: Filters, before: int | None = None, most: int = PAGE) -> tuple[list[Line], bool]:
    """The latest entries, older than the one numbered `before`, and whether there are still older ones.

    Raises NotFound for whoever may not read the trail.
    """
    if not can(actor, "audit.read"):
        raise NotFound(N_("There is nothing at this address."))
    query = select(AuditEntry, User.email).outerjoin(User, User.id == AuditEntry.actor_id).where(*_conditions(filters))
    if before is not None:
        query = query.where(AuditEntry.id < min(before, LARGEST_ID))
    rows = db.session.execute(query.order_by(AuditEntry.id.desc()).limit(most + 1)).all()
    return [Line(entry, email) for entry, email in rows[:most]], len(rows) > most


def everything(actor: Actor, filters: Filters) -> Iterator[Line]:
    """All entries that are looked for, a batch at a time in memory."""
    last, more = None, True
    while more:
        lines, more = search(actor, filters, last, _BATCH)
        yield from lines
        last = lines[-1].entry.id if lines else None
        db.session.expunge_all()


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.actor:
        yield _by(filters.actor)
    if filters.action:
        yield AuditEntry.action.startswith(filters.action, autoescape=True)
    if filters.thing:
        yield _about(filters.thing)
    if filters.since:
        yield AuditEntry.at >= _midnight(filters.since)
    if filters.until:
        yield AuditEntry.at < _midnight(filters.until) + timedelta(days=1)


def _by(text: str) -> ColumnElement[bool]:
    if text == "system":
        return AuditEntry.actor_kind == "system"
    if "@" in text:
        user = select(User.id).where(User.email == text.lower()).scalar_subquery()
        return AuditEntry.actor_id == user
    return AuditEntry.actor_id == int(text) if _number(text) else false()


def _about(text: str) -> ColumnElement[bool]:
    kind, _, number = text.rpartition(" ")
    if not _number(number):
        return AuditEntry.thing_kind == text
    numbered = AuditEntry.thing_id == int(number)
    return and_(AuditEntry.thing_kind == kind.strip(), numbered) if kind else numbered


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= LARGEST_ID


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
