"""Log lines: one JSON object each for the server and the worker, words for other commands. Each is one line only,
whatever is logged, and tells which request it belongs to."""

from __future__ import annotations

import logging
import re
import sys
import threading
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

#: The request that this thread, and those that work for it, are busy with; empty outside of requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUERY = re.compile(r"\?\S*")
_FIELDS = {"levelname": "level", "name": "logger"}


def configure(*, as_json: bool) -> None:
    """Send all log lines to stderr in one of the two forms; warnings and what ends a thread among them."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if as_json else _Words("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    if as_json:
        handler.addFilter(_mark)
        logging.captureWarnings(True)
        logging.getLogger("matchmaker").setLevel(logging.INFO)
        sys.excepthook = lambda kind, error, trace: _log_end((kind, error, trace))
        threading.excepthook = lambda end: _log_end((end.exc_type, end.exc_value, end.exc_traceback))


class _Json(JsonFormatter):
    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s", rename_fields=_FIELDS, timestamp="time")

    def format(self, record: logging.LogRecord) -> str:
        # JSON escapes the other control characters by itself.
        return super().format(record).replace("\x7f", "\\u007f")


class _Words(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line with control characters escaped; a traceback after it keeps its lines."""
        return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", super().formatMessage(record))


def _mark(record: logging.LogRecord) -> bool:
    if request_id.get():
        record.request_id = request_id.get()
    if record.name.startswith("gunicorn"):
        # It quotes addresses, and what is searched for stands in them.
        record.msg, record.args = _QUERY.sub("?…", record.getMessage()), None
    return True


def _log_end(what: tuple[type[BaseException], BaseException | None, object]) -> None:
    kind, error, trace = what
    if error is not None and not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(__name__).critical("ended by an error", exc_info=(kind, error, trace))  # type: ignore[arg-type]
