"""transaction(): commits, rolls back, joins, and loses no update between threads."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from matchmaker.transaction import transaction
from models import Listing, Organisation, db

pytestmark = pytest.mark.usefixtures("app_context")


class Broken(Exception):
    """What goes wrong in these tests."""


def organisations() -> int:
    """How many organisations are committed, as another connection sees it."""
    with db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Organisation)) or 0


def add_organisation() -> None:
    db.session.add(Organisation(name="Blue Loop"))
    db.session.flush()


def add_and_break(error: type[BaseException] = Broken) -> None:
    with transaction():
        add_organisation()
        raise error


def add_twice_and_break() -> None:
    with transaction():
        add_organisation()
        add_and_break()


def join_and_break() -> None:
    with transaction():
        with transaction():
            add_organisation()
        raise Broken


def listed() -> int:
    """The id of a committed listing of version 1."""
    with transaction():
        listing = Listing(kind="offer", status="draft", title="Solar pump")
        db.session.add(listing)
        db.session.flush()
        return listing.id


def test_leaving_commits() -> None:
    with transaction():
        add_organisation()
    assert organisations() == 1


def test_nothing_is_seen_before_leaving() -> None:
    with transaction():
        add_organisation()
        assert organisations() == 0


def test_an_error_rolls_back() -> None:
    with pytest.raises(Broken):
        add_and_break()
    assert organisations() == 0


def test_an_interruption_rolls_back() -> None:
    with pytest.raises(KeyboardInterrupt):
        add_and_break(KeyboardInterrupt)
    assert organisations() == 0


def test_a_refused_commit_leaves_nothing() -> None:
    with pytest.raises(IntegrityError), transaction():
        db.session.add_all([Organisation(name="Blue Loop"), Organisation(name="")])
    assert organisations() == 0


def test_an_inner_one_does_not_commit() -> None:
    with transaction():
        with transaction():
            add_organisation()
        assert organisations() == 0


def test_what_an_inner_one_wrote_is_committed_by_the_outer() -> None:
    with transaction(), transaction():
        add_organisation()
    assert organisations() == 1


def test_an_error_inside_a_joined_one_rolls_back_all() -> None:
    with pytest.raises(Broken):
        add_twice_and_break()
    assert organisations() == 0


def test_an_error_after_a_joined_one_rolls_back_all() -> None:
    with pytest.raises(Broken):
        join_and_break()
    assert organisations() == 0


def test_a_transaction_after_a_failed_one_commits() -> None:
    with pytest.raises(Broken):
        add_and_break()
    with transaction():
        add_organisation()
    assert organisations() == 1


def test_the_write_lock_is_held_from_the_start() -> None:
    with transaction(), db.engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        with pytest.raises(OperationalError, match="database is locked"):
            other.exec_driver_sql("BEGIN IMMEDIATE")


def test_a_row_read_before_the_transaction_is_read_anew_inside() -> None:
    listing = db.session.get(Listing, listed())
    assert listing is not None
    assert listing.version == 1
    with db.engine.connect() as other:
        other.execute(update(Listing).values(version=7))
    with transaction():
        assert listing.version == 7


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10000)],
    ids=["write-ahead log", "synchronous full", "foreign keys on", "ten seconds of patience"],
)
def test_every_connection_has(pragma: str, value: object) -> None:
    assert db.session.scalar(text(f"PRAGMA {pragma}")) == value


def test_no_update_is_lost_between_threads(app_context: Flask) -> None:
    id = listed()

    def raise_version() -> None:
        with app_context.app_context():
            for _ in range(50):
                with transaction():
                    listing = db.session.scalars(select(Listing).where(Listing.id == id)).one()
                    listing.version = listing.version + 1

    threads = [threading.Thread(target=raise_version) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.session.scalar(select(Listing.version).where(Listing.id == id)) == 201
