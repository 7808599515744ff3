"""transaction(): commits, rolls back, joins, and loses no update between threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import application, only_postgresql, only_sqlite
from flask import Flask
from sqlalchemy import func, make_url, select, text, update
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


@only_sqlite
def test_the_write_lock_is_held_from_the_start() -> None:
    with transaction(), db.engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        with pytest.raises(OperationalError, match="database is locked"):
            other.exec_driver_sql("BEGIN IMMEDIATE")


def test_a_row_read_before_the_transaction_is_read_anew_inside() -> None:
    listing = db.session.get(Listing, listed())
    assert listing is not None
    assert listing.version == 1
    with db.engine.begin() as other:
        other.execute(update(Listing).values(version=7))
    with transaction():
        assert listing.version == 7


@only_sqlite
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10000)],
    ids=["write-ahead log", "synchronous full", "foreign keys on", "ten seconds of patience"],
)
def test_every_connection_to_sqlite_has(pragma: str, value: object) -> None:
    assert db.session.scalar(text(f"PRAGMA {pragma}")) == value


@only_postgresql
@pytest.mark.parametrize(
    ("setting", "value"),
    [("statement_timeout", "30s"), ("lock_timeout", "10s"), ("application_name", "matchmaker")],
    ids=["half a minute for a statement", "ten seconds of patience", "a name the database's owner knows"],
)
def test_every_connection_to_postgresql_has(setting: str, value: str) -> None:
    assert db.session.scalar(text(f"SHOW {setting}")) == value


@only_postgresql
def test_what_the_address_says_of_a_connection_stands(app_context: Flask, tmp_path: Path) -> None:
    address = make_url(app_context.config["SQLALCHEMY_DATABASE_URI"])
    patient = address.update_query_dict({"options": "-c statement_timeout=0"})
    with application(tmp_path, patient.render_as_string(hide_password=False)) as app, app.app_context():
        assert [db.session.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "application_name")] == [
            "0",
            "matchmaker",
        ]


@only_postgresql
def test_a_connection_that_died_in_the_pool_is_replaced() -> None:
    ended = db.session.scalar(text("SELECT pg_backend_pid()"))
    db.session.remove()
    with psycopg.connect(**connection_details()) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [ended])
    assert db.session.scalar(text("SELECT 1")) == 1


def connection_details() -> dict[str, Any]:
    """How to reach the database without the application's pool."""
    address = db.engine.url
    return {"host": address.query["host"], "dbname": address.database, "user": address.username}


def test_no_update_is_lost_between_threads(app_context: Flask) -> None:
    id = listed()

    def raise_version() -> None:
        with app_context.app_context():
            for _ in range(50):
                with transaction():
                    listing = db.session.scalars(select(Listing).where(Listing.id == id).with_for_update()).one()
                    listing.version = listing.version + 1

    threads = [threading.Thread(target=raise_version) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.session.scalar(select(Listing.version).where(Listing.id == id)) == 201
