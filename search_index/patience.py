"""Waiting for work that may stall, without spending a thread on every caller."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Stalled(Exception):
    """The work did not end in time, or earlier work still has not."""


class Patience:
    """Runs work beside its caller and waits for it so many seconds.

    While work hangs past its limit, new work is refused at once. Once it ends, however it ends, all is as before.
    """

    def __init__(self) -> None:
        self._overdue: set[Future[Any]] = set()

    def run(self, work: Callable[[], T], seconds: float) -> T:
        """What the work returns or raises. Raises Stalled."""
        if self._overdue:
            raise Stalled("Earlier work has not ended yet.")
        future: Future[T] = Future()
        # A pool would join its threads when the process ends, and a stalled one never comes.
        threading.Thread(target=contextvars.copy_context().run, args=(_settle, future, work), daemon=True).start()
        try:
            return future.result(seconds)
        except TimeoutError:
            # What the work itself raises may be a TimeoutError too.
            if future.done():
                return future.result()
        self._overdue.add(future)
        future.add_done_callback(self._overdue.discard)
        raise Stalled(f"No end within {seconds:g} s.")


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits hears of it
        future.set_exception(error)
