"""The outbox: lease, finish, back off, park. An item means "see that it is done": order and repeats do not matter."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from models import OutboxItem, db
from models.base import now

from ..transaction import transaction

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 10
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=10)
#: The column holds 64 characters; the rest tells one lease of a worker from the next.
_LONGEST_NAME = 55


@dataclass(frozen=True, slots=True)
class Lease:
    """Items handed to one worker, by id, and the things they concern without repeats.

    `holder` is unlike that of any other lease. What a worker does to a lease that ran out and was given to another
    leaves the items alone.
    """

    holder: str
    items: tuple[int, ...]
    things: tuple[int, ...]


def enqueue(topic: str, thing_id: int) -> None:
    """Owe work for a thing. Call it inside the transaction that makes the work necessary."""
    db.session.add(OutboxItem(topic=topic, thing_id=thing_id))


def lease(topic: str, worker: str, most: int) -> Lease | None:
    """Take the oldest due items for five minutes. None when nothing is due."""
    with transaction():
        moment = now()
        due = (
            select(OutboxItem.id, OutboxItem.thing_id)
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
        holder = f"{worker[:_LONGEST_NAME]}/{secrets.token_hex(4)}"
        db.session.execute(
            update(OutboxItem).where(OutboxItem.id.in_(ids)).values(leased_until=moment + LEASE, leased_by=holder)
        )
        return Lease(holder, tuple(ids), tuple(dict.fromkeys(row.thing_id for row in rows)))


def singly(leased: Lease) -> list[Lease]:
    """The lease in parts, one a thing."""
    query = select(OutboxItem.id, OutboxItem.thing_id).where(OutboxItem.id.in_(leased.items))
    items: dict[int, list[int]] = {id: [] for id in leased.things}
    for row in db.session.execute(query):
        items[row.thing_id].append(row.id)
    return [Lease(leased.holder, tuple(own), (id,)) for id, own in items.items()]


def _held(leased: Lease) -> ColumnElement[bool]:
    return and_(OutboxItem.id.in_(leased.items), OutboxItem.leased_by == leased.holder)


def finish(leased: Lease) -> None:
    """The work is seen to be done. Call it inside the transaction that stores the outcome."""
    db.session.execute(delete(OutboxItem).where(_held(leased)))


def release(leased: Lease) -> None:
    """Give the items back untried."""
    with transaction():
        db.session.execute(update(OutboxItem).where(_held(leased)).values(leased_until=None, leased_by=None))


def release_all(worker: str) -> None:
    """Give back untried whatever the worker holds; for one that is not coming back."""
    with transaction():
        own = OutboxItem.leased_by.startswith(f"{worker[:_LONGEST_NAME]}/", autoescape=True)
        db.session.execute(update(OutboxItem).where(own).values(leased_until=None, leased_by=None))


def take_up_parked(topic: str) -> None:
    """Try again, from the first try on, what of a topic was parked."""
    with transaction():
        db.session.execute(
            update(OutboxItem)
            .where(OutboxItem.topic == topic, OutboxItem.parked_at.is_not(None))
            .values(parked_at=None, attempts=0, available_at=now())
        )


def fail(leased: Lease, reason: str, most: int = MOST_ATTEMPTS) -> None:
    """Give the items back to be tried later, longer after each failure; `most` failures park them, for staff to see."""
    with transaction():
        moment = now()
        for item in db.session.scalars(select(OutboxItem).where(_held(leased)).with_for_update()):
            item.attempts += 1
            item.last_error = reason[:2000]
            item.leased_until = item.leased_by = None
            item.available_at = moment + _wait(item.attempts)
            if item.attempts >= most:
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


def depth(topic: str) -> Depth:
    """How much work of a topic is owed."""
    leased = OutboxItem.leased_until > now()
    counts = select(
        func.count().filter(OutboxItem.parked_at.is_(None), leased.is_not(True)),
        func.count().filter(OutboxItem.parked_at.is_(None), leased),
        func.count().filter(OutboxItem.parked_at.is_not(None)),
    ).where(OutboxItem.topic == topic)
    return Depth(*db.session.execute(counts).one())


#: What work is owed to.
TOPICS = ("index", "mail")


def depths() -> dict[str, Depth]:
    """How much work of every topic is owed."""
    found = db.session.scalars(select(OutboxItem.topic).distinct().order_by(OutboxItem.topic))
    return {topic: depth(topic) for topic in dict.fromkeys((*TOPICS, *found))}


def last_error(topic: str) -> str | None:
    """Why the item of a topic that failed last did."""
    failed = and_(OutboxItem.topic == topic, OutboxItem.last_error.is_not(None))
    latest = select(OutboxItem.attempts, func.max(OutboxItem.available_at)).where(failed).group_by(OutboxItem.attempts)
    # An item is due its wait after it failed; waits differ, so the one due last need not have failed last.
    rows = db.session.execute(latest).all()
    if not rows:
        return None
    attempts, due = max(rows, key=lambda row: row[1] - _wait(row[0]))
    query = select(OutboxItem.last_error).where(failed, OutboxItem.attempts == attempts, OutboxItem.available_at == due)
    return db.session.scalar(query.limit(1))


@dataclass(frozen=True, slots=True)
class Parked:
    """What was given up after ten tries, and why; `thing_id` may be that of a listing that is gone."""

    thing_id: int
    since: datetime
    reason: str


def parked(topic: str, most: int = 100) -> list[Parked]:
    """What of a topic was parked last."""
    query = (
        select(OutboxItem)
        .where(OutboxItem.topic == topic, OutboxItem.parked_at.is_not(None))
        .order_by(OutboxItem.parked_at.desc())
    )
    return [
        Parked(item.thing_id, item.parked_at, item.last_error or "")
        for item in db.session.scalars(query.limit(most))
        if item.parked_at
    ]
