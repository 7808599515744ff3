"""What is done once a day is done by one process."""

from __future__ import annotations

from datetime import date

import pytest

from matchmaker.services import chores

pytestmark = pytest.mark.usefixtures("app_context")

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def test_the_first_who_asks_gets_the_chore() -> None:
    assert chores.claim("sweep", MONDAY)


def test_nobody_else_gets_it_that_day() -> None:
    chores.claim("sweep", MONDAY)
    assert not chores.claim("sweep", MONDAY)


def test_it_is_due_again_the_next_day() -> None:
    chores.claim("sweep", MONDAY)
    assert chores.claim("sweep", TUESDAY)


def test_yesterdays_chore_is_not_done_after_todays() -> None:
    chores.claim("sweep", TUESDAY)
    assert not chores.claim("sweep", MONDAY)


def test_one_chore_says_nothing_of_another() -> None:
    chores.claim("sweep", MONDAY)
    assert chores.claim("mop", MONDAY)
