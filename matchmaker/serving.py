"""The server: one gunicorn process that loads the model once, threads that share it, a worker inside."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from search_index.errors import ModelUnusable

from . import worker
from .errors import SettingsError
from .parts import Parts
from .services.following import Reader

THREADS = 8
#: Seconds that the worker inside gets to finish its batch, and that a new server may take to load its model.
_LAST_BATCH = 20
_WARMED = 45


def serve(app: Flask, host: str, port: int, *, with_worker: bool, ready: Callable[[], None]) -> None:
    """Serve until told to stop; `ready` is called once connections are accepted. Raises SettingsError."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingsError(f"The host {host!r} is not known ({error.strerror}). Check --host.") from error
    if not _takes_over():
        _check_free(family, address, f"Port {port} of {host}")
    name = f"[{host}]" if family == socket.AF_INET6 else host
    _Server(app, f"{name}:{port}", with_worker, ready).run()


def _takes_over() -> bool:
    """Whether this process was started by a running server, which hands its socket over (SIGUSR2)."""
    return "GUNICORN_PID" in os.environ


def _check_free(family: int, address: Any, named: str) -> None:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise SettingsError(f"{named} cannot be used ({error.strerror}). Set PORT to a free one.") from error


class _Server(BaseApplication):
    def __init__(self, app: Flask, address: str, with_worker: bool, ready: Callable[[], None]) -> None:
        self._app = app
        self._address = address
        self._with_worker = with_worker
        self._ready = ready
        self._stop = threading.Event()
        super().__init__()

    def load_config(self) -> None:
        """Settings of gunicorn; whole needs travel in the address, so its own line limit gives way to the pages'."""
        for name, value in {
            "bind": self._address,
            "workers": 1,
            "threads": THREADS,
            "worker_class": "gthread",
            "limit_request_line": 0,
            "timeout": 60,
            "graceful_timeout": 30,
            "loglevel": "warning",
            "logger_class": _Log,
            "control_socket_disable": True,
            "when_ready": lambda _server: self._ready(),
            "post_worker_init": self._started,
            "worker_exit": self._stopping,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application gunicorn serves."""
        return self._app

    def _started(self, _worker: Any) -> None:
        """After the fork: threads started before it would not be there."""
        warming = threading.Thread(target=self._warm, daemon=True)
        warming.start()
        if self._with_worker:
            self._working = threading.Thread(target=worker.run, args=(self._app, self._stop), daemon=True)
            self._working.start()
        if _takes_over():
            # The old server answers meanwhile, so nobody has to wait for this one's model.
            warming.join(_WARMED)

    def _stopping(self, _server: Any, _worker: Any) -> None:
        """Requests in flight are answered by now; the worker comes to the end of its batch, or gives it back."""
        self._stop.set()
        if self._with_worker:
            self._working.join(timeout=_LAST_BATCH)
            if self._working.is_alive():
                worker.give_back(self._app, worker.name(self._working))

    def _warm(self) -> None:
        """Fill memory and load the model before the first search asks for them."""
        parts: Parts = self._app.extensions["matchmaker"]
        with self._app.app_context():
            Reader.of(parts.engine).pull()
        try:
            parts.engine.embedder.encode(["warm"])
        except ModelUnusable as error:
            self._app.logger.error("%s", error)


class _Log(Logger):
    """gunicorn's lines among all others, in their form."""

    def setup(self, cfg: Config) -> None:
        """See Logger.setup."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
