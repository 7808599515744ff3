"""The worker: leases outbox items, makes the indexes agree with them, sends the mail they owe, and starts again.

At its start and once a night it compares the indexes with the database and mends what differs. Once a night it also
asks owners whether their listings still hold, and takes out of the public what nobody confirms.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from datetime import UTC, date, datetime

from flask import Flask

from models import db

from .parts import Parts
from .services import chores, indexing, notifying, outbox, staleness

log = logging.getLogger(__name__)

#: Few enough that one changed listing is not stuck behind a long encode.
BATCH = 64
_IDLE = 0.5
#: Seconds that it rests after something unexpected.
_REST = 2.0
#: Seconds until a check that failed is made again.
_CHECK_AGAIN = 60.0
#: The hour, in UTC, from which on the day's chores are done.
_NIGHT = 2


def name(thread: threading.Thread | None = None) -> str:
    """Who holds a lease: host, process and thread (the present one, unless another is given)."""
    return f"{os.getpid()}:{(thread or threading.current_thread()).ident}@{socket.gethostname()}"


def run(app: Flask, stop: threading.Event) -> None:
    """Handle work until told to stop. Whatever fails is logged and tried again; the lease gives it back."""
    parts: Parts = app.extensions["matchmaker"]
    check_due, said = 0.0, ""
    checks, dates = _Nights("index check"), _Nights("staleness")
    while not stop.is_set():
        handled = 0
        try:
            with app.app_context():
                if time.monotonic() >= check_due or checks.due():
                    check_due = time.monotonic() + _CHECK_AGAIN
                    found = indexing.settle(parts.engine)
                    check_due = math.inf
                    log.info("indexes compared with the database: %d differences", len(found))
                if dates.due():
                    log.info("listings looked through: %s", staleness.keep_true(parts.letters, datetime.now(UTC)))
                handled = indexing.handle_next(parts.engine, name(), BATCH)
                handled += notifying.deliver_next(parts.mailer, name())
                db.session.remove()
            said = ""
        except Exception as error:
            # Once: what is down may stay so for hours.
            if repr(error) != said:
                log.exception("the worker stumbled and goes on")
            said = repr(error)
            stop.wait(_REST)
        if not handled:
            stop.wait(_IDLE)


class _Nights:
    """Asks for a nightly chore once a night; one of all workers gets it."""

    def __init__(self, chore: str) -> None:
        self._chore = chore
        self._asked: date | None = None

    def due(self) -> bool:
        """Whether this night's chore is this worker's to do now."""
        moment = datetime.now(UTC)
        if moment.hour < _NIGHT or moment.date() == self._asked:
            return False
        self._asked = moment.date()
        return chores.claim(self._chore, moment.date())


def give_back(app: Flask, worker: str) -> None:
    """Free what a worker holds that does not come to an end, so that another need not wait for its lease to run out."""
    with app.app_context():
        outbox.release_all(worker)
