"""The outbox: lease, finish, back off, park. An item means "make the index agree": order and repeats do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, or_, select, update

from models import OutboxItem, db
from models.base import now

from ..transaction import transaction

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 10
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Lease:
    """Items handed to one worker, by id, and the listings they concern without repeats."""

    items: tuple[int, ...]
    listing_ids: tuple[int, ...]


def enqueue(topic: str, listing_id: int) -> None:
    """Owe work for a listing. Call it inside the transaction that makes the work necessary."""
    db.session.add(OutboxItem(topic=topic, listing_id=listing_id))


def lease(topic: str, worker: str, most: int) -> Lease | None:
    """Take the oldest due items for five minutes. None when nothing is due."""
    with transaction():
        moment = now()
        due = (
            select(OutboxItem.id, OutboxItem.listing_id)
            .where(
                OutboxItem.topic == topic,
                OutboxItem.parked_at.is_(None),
                OutboxItem.available_at <= moment,
                or_(OutboxItem.leased_until.is_(None), OutboxItem.leased_until < moment),
            )
            .order_by(OutboxItem.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        rows = db.session.execute(due).all()
        if not rows:
            return None
        ids = [row.id for row in rows]
        db.session.execute(
            update(OutboxItem).where(OutboxItem.id.in_(ids)).values(leased_until=moment + LEASE, leased_by=worker)
        )
        return Lease(tuple(ids), tuple(dict.fromkeys(row.listing_id for row in rows)))


def singly(leased: Lease) -> list[Lease]:
    """The lease in parts, one a listing."""
    query = select(OutboxItem.id, OutboxItem.listing_id).where(OutboxItem.id.in_(leased.items))
    items: dict[int, list[int]] = {id: [] for id in leased.listing_ids}
    for row in db.session.execute(query):
        items[row.listing_id].append(row.id)
    return [Lease(tuple(own), (id,)) for id, own in items.items()]


def finish(items: Iterable[int]) -> None:
    """The work is seen to be done. Call it inside the transaction that stores the outcome."""
    db.session.execute(delete(OutboxItem).where(OutboxItem.id.in_(list(items))))


def release(items: Sequence[int]) -> None:
    """Give the items back untried."""
    with transaction():
        db.session.execute(update(OutboxItem).where(OutboxItem.id.in_(items)).values(leased_until=None, leased_by=None))


def take_up_parked() -> None:
    """Try again, from the first try on, what was parked."""
    with transaction():
        db.session.execute(
            update(OutboxItem)
            .where(OutboxItem.parked_at.is_not(None))
            .values(parked_at=None, attempts=0, available_at=now())
        )


def fail(items: Sequence[int], reason: str) -> None:
    """Give the items back to be tried later, longer after each failure; the tenth parks them for staff to see."""
    with transaction():
        moment = now()
        for item in db.session.scalars(select(OutboxItem).where(OutboxItem.id.in_(items))):
            item.attempts += 1
            item.last_error = reason[:2000]
            item.leased_until = item.leased_by = None
            item.available_at = moment + _wait(item.attempts)
            if item.attempts >= MOST_ATTEMPTS:
                item.parked_at = moment


def _wait(attempts: int) -> timedelta:
    """How long an item rests after so many failures."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, MOST_ATTEMPTS)), LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class Depth:
    """How many items are ready or wait for their next try, are in some worker's hands, or are parked."""

    waiting: int
    leased: int
    parked: int


def depth() -> Depth:
    """How much work is owed."""
    leased = OutboxItem.leased_until > now()
    counts = select(
        func.count().filter(OutboxItem.parked_at.is_(None), leased.is_not(True)),
        func.count().filter(OutboxItem.parked_at.is_(None), leased),
        func.count().filter(OutboxItem.parked_at.is_not(None)),
    ).select_from(OutboxItem)
    return Depth(*db.session.execute(counts).one())


def last_error() -> str | None:
    """Why the item that failed last did."""
    failed = OutboxItem.last_error.is_not(None)
    latest = select(OutboxItem.attempts, func.max(OutboxItem.available_at)).where(failed).group_by(OutboxItem.attempts)
    # An item is due its wait after it failed; waits differ, so the one due last need not have failed last.
    rows = db.session.execute(latest).all()
    if not rows:
        return None
    attempts, due = max(rows, key=lambda row: row[1] - _wait(row[0]))
    query = select(OutboxItem.last_error).where(failed, OutboxItem.attempts == attempts, OutboxItem.available_at == due)
    return db.session.scalar(query.limit(1))
