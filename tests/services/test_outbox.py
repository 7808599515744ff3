"""The outbox: who holds which item until when, and what becomes of failures."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from matchmaker.services import outbox
from matchmaker.services.outbox import Depth, Lease
from matchmaker.transaction import transaction
from models import OutboxItem, db
from models.base import now

pytestmark = pytest.mark.usefixtures("app_context")


def owe(*things: int) -> None:
    with transaction():
        for id in things:
            outbox.enqueue("index", id)


def taken(worker: str = "first", most: int = 10) -> Lease:
    leased = outbox.lease("index", worker, most)
    assert leased is not None
    return leased


def item() -> OutboxItem:
    """The only item there is."""
    return db.session.scalars(select(OutboxItem).execution_options(populate_existing=True)).one()


def make_due() -> None:
    """Let every wait be over."""
    db.session.execute(text("UPDATE outbox SET available_at = '2000-01-01 00:00:00'"))


def fail_once(reason: str = "the disk is full") -> None:
    make_due()
    outbox.fail(taken(), reason)


def test_nothing_owed_gives_no_lease() -> None:
    assert outbox.lease("index", "first", 10) is None


def test_a_lease_names_the_listings_oldest_first() -> None:
    owe(7, 3, 5)
    assert taken().things == (7, 3, 5)


def test_a_lease_takes_no_more_than_asked_for() -> None:
    owe(1, 2, 3)
    assert taken(most=2).things == (1, 2)


def test_a_listing_owed_twice_is_named_once() -> None:
    owe(7, 3, 7)
    assert taken().things == (7, 3)


def test_a_listing_owed_twice_is_leased_with_both_items() -> None:
    owe(7, 3, 7)
    assert len(taken().items) == 3


def test_a_lease_says_who_holds_it() -> None:
    owe(7)
    taken("first")
    assert (item().leased_by or "").startswith("first/")


def test_a_lease_lasts_five_minutes() -> None:
    owe(7)
    before = now()
    taken()
    until = item().leased_until
    assert until is not None
    assert before + timedelta(minutes=5) <= until <= now() + timedelta(minutes=5)


def test_what_one_worker_holds_is_not_given_to_another() -> None:
    owe(7)
    taken("first")
    assert outbox.lease("index", "second", 10) is None


def test_the_next_worker_gets_what_is_left() -> None:
    owe(1, 2, 3)
    taken("first", most=2)
    assert taken("second").things == (3,)


def test_workers_at_the_same_time_never_share_an_item(app_context: Flask) -> None:
    owe(*range(1, 21))
    held: list[int] = []

    def work() -> None:
        with app_context.app_context():
            while leased := outbox.lease("index", "w", 3):
                held.extend(leased.items)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == list(range(1, 21))


def test_a_lease_that_ran_out_is_given_to_another() -> None:
    owe(7)
    taken("first")
    db.session.execute(text("UPDATE outbox SET leased_until = '2000-01-01 00:00:00'"))
    taken("second")
    assert (item().leased_by or "").startswith("second/")


@pytest.fixture
def lost(app_context: Flask) -> Lease:
    """A lease that ran out and whose item another worker holds now."""
    owe(7)
    lost = taken("first")
    db.session.execute(text("UPDATE outbox SET leased_until = '2000-01-01 00:00:00'"))
    taken("second")
    return lost


def test_who_lost_a_lease_cannot_finish_it(lost: Lease) -> None:
    with transaction():
        outbox.finish(lost)
    assert outbox.depth("index") == Depth(waiting=0, leased=1, parked=0)


def test_who_lost_a_lease_cannot_release_it(lost: Lease) -> None:
    outbox.release(lost)
    assert outbox.depth("index") == Depth(waiting=0, leased=1, parked=0)


def test_who_lost_a_lease_cannot_fail_it(lost: Lease) -> None:
    outbox.fail(lost, "too slow")
    assert (item().attempts, outbox.depth("index")) == (0, Depth(waiting=0, leased=1, parked=0))


def test_one_worker_twice_holds_two_different_leases() -> None:
    owe(1, 2)
    assert taken(most=1).holder != taken(most=1).holder


def test_all_that_a_worker_holds_can_be_given_back() -> None:
    owe(1, 2, 3)
    taken("first", most=1), taken("first", most=1), taken("first%", most=1)
    outbox.release_all("first")
    assert outbox.depth("index") == Depth(waiting=2, leased=1, parked=0)


def test_what_was_parked_says_which_listing_and_why() -> None:
    owe(7)
    for _ in range(10):
        fail_once("the disk is full")
    assert [(found.thing_id, found.reason) for found in outbox.parked("index")] == [(7, "the disk is full")]


def test_finished_items_are_gone() -> None:
    owe(7)
    leased = taken()
    with transaction():
        outbox.finish(leased)
    assert outbox.depth("index") == Depth(0, 0, 0)


def test_finishing_leaves_an_item_that_came_meanwhile() -> None:
    owe(7)
    leased = taken()
    owe(7)
    with transaction():
        outbox.finish(leased)
    assert taken("second").things == (7,)


def test_released_items_are_due_at_once() -> None:
    owe(7)
    outbox.release(taken("first"))
    assert taken("second").things == (7,)


def test_a_release_counts_no_attempt() -> None:
    owe(7)
    outbox.release(taken())
    assert item().attempts == 0


def test_a_failed_item_is_not_due_at_once() -> None:
    owe(7)
    fail_once()
    assert outbox.lease("index", "second", 10) is None


def test_a_failed_item_is_held_by_nobody() -> None:
    owe(7)
    fail_once()
    assert (item().leased_until, item().leased_by) == (None, None)


def test_a_failed_item_is_due_again_after_its_wait() -> None:
    owe(7)
    fail_once()
    make_due()
    assert taken("second").things == (7,)


def test_waits_double_from_one_second() -> None:
    owe(7)
    waits = []
    for _ in range(9):
        before = now()
        fail_once()
        waits.append(round((item().available_at - before).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_no_wait_is_longer_than_ten_minutes() -> None:
    owe(7)
    db.session.execute(text("UPDATE outbox SET attempts = 40"))
    fail_once()
    assert item().available_at <= now() + timedelta(minutes=10)


def test_the_ninth_failure_does_not_park() -> None:
    owe(7)
    for _ in range(9):
        fail_once()
    assert item().parked_at is None


def test_the_tenth_failure_parks() -> None:
    owe(7)
    for _ in range(10):
        fail_once()
    assert item().parked_at is not None


def test_a_parked_item_is_never_leased() -> None:
    owe(7)
    for _ in range(10):
        fail_once()
    make_due()
    assert outbox.lease("index", "second", 10) is None


def test_a_parked_item_does_not_hold_up_a_new_one_of_its_listing() -> None:
    owe(7)
    for _ in range(10):
        fail_once()
    owe(7)
    assert taken().things == (7,)


def test_a_failure_leaves_other_items_alone() -> None:
    owe(1, 2)
    outbox.fail(taken(most=1), "the disk is full")
    assert taken("second").things == (2,)


def test_a_long_reason_is_cut() -> None:
    owe(7)
    fail_once("x" * 5000)
    assert item().last_error == "x" * 2000


@pytest.fixture
def some_of_each(app_context: Flask) -> None:
    """One item parked, two leased, three that wait, one of these for its next try."""
    owe(1)
    for _ in range(10):
        fail_once()
    owe(2, 3)
    taken(most=2)
    owe(4)
    outbox.fail(taken(), "the disk is full")
    owe(5, 6)


@pytest.mark.usefixtures("some_of_each")
def test_depth_tells_waiting_leased_and_parked_apart() -> None:
    assert outbox.depth("index") == Depth(waiting=3, leased=2, parked=1)


def test_an_item_whose_lease_ran_out_counts_as_waiting() -> None:
    owe(7)
    taken()
    db.session.execute(text("UPDATE outbox SET leased_until = '2000-01-01 00:00:00'"))
    assert outbox.depth("index") == Depth(waiting=1, leased=0, parked=0)


def test_without_failures_there_is_no_last_error() -> None:
    owe(7)
    assert outbox.last_error("index") is None


def test_the_last_error_is_that_of_the_latest_failure() -> None:
    owe(1)
    for _ in range(5):
        fail_once("the disk is full")
    owe(2)
    outbox.fail(taken(), "the model is gone")
    assert outbox.last_error("index") == "the model is gone"


def test_items_are_due_from_when_they_are_owed() -> None:
    owe(7)
    created = item().created_at
    assert abs(item().available_at - created) < timedelta(seconds=1)
