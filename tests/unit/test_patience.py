"""Waiting for work that may stall."""

from __future__ import annotations

import contextvars
import threading
import time

import pytest

from search_index.patience import Patience, Stalled

name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="")


def fail() -> None:
    raise TimeoutError("of the work's own")


def settled(patience: Patience) -> bool:
    """Whether the patience takes work again within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            return patience.run(lambda: True, 5)
        except Stalled:
            time.sleep(0.01)
    return False


def test_work_in_time_gives_its_result() -> None:
    assert Patience().run(lambda: 7, 5) == 7


def test_what_the_work_raises_reaches_the_caller() -> None:
    with pytest.raises(TimeoutError, match="of the work's own"):
        Patience().run(fail, 5)


def test_work_runs_in_the_caller_s_context() -> None:
    name.set("caller")
    assert Patience().run(name.get, 5) == "caller"


def test_work_past_its_limit_is_given_up() -> None:
    patience, end = Patience(), threading.Event()
    with pytest.raises(Stalled, match=r"0\.01 s"):
        patience.run(end.wait, 0.01)
    end.set()


def test_while_work_hangs_the_next_is_refused_untried() -> None:
    patience, end, tried = Patience(), threading.Event(), threading.Event()
    with pytest.raises(Stalled):
        patience.run(end.wait, 0.01)
    before = threading.active_count()
    for _ in range(50):
        with pytest.raises(Stalled, match="Earlier work"):
            patience.run(tried.set, 60)
    assert (tried.is_set(), threading.active_count() - before) == (False, 0)
    end.set()


@pytest.mark.parametrize("ending", [lambda: None, fail], ids=["well", "badly"])
def test_once_the_work_ends_the_next_is_taken(ending: object) -> None:
    patience, end = Patience(), threading.Event()

    def work() -> None:
        end.wait()
        ending()  # type: ignore[operator]

    with pytest.raises(Stalled):
        patience.run(work, 0.01)
    end.set()
    assert settled(patience)
