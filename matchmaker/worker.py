"""The worker: leases outbox items, makes the indexes agree with them, and starts again."""

from __future__ import annotations

import logging
import os
import socket
import threading

from flask import Flask

from models import db

from .parts import Parts
from .services import indexing

log = logging.getLogger(__name__)

#: Few enough that one changed listing is not stuck behind a long encode.
BATCH = 64
_IDLE = 0.5


def name() -> str:
    """Which process holds a lease: host, process and thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"[:64]


def run(app: Flask, stop: threading.Event) -> None:
    """Handle work until told to stop. Whatever fails is logged and tried again; the lease gives it back."""
    parts: Parts = app.extensions["matchmaker"]
    while not stop.is_set():
        handled = 0
        try:
            with app.app_context():
                handled = indexing.handle_next(parts.engine, name(), BATCH)
                db.session.remove()
        except Exception:
            log.exception("the worker stumbled and goes on")
        if not handled:
            stop.wait(_IDLE)
