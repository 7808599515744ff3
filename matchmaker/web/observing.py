"""Every request under its id: one log line and one measured time each. What was searched for is in neither."""

from __future__ import annotations

import logging
import re
import secrets
import time
from http import HTTPStatus

from flask import Flask, Response, g, request

from ..logs import request_id
from ..parts import current_parts

log = logging.getLogger("matchmaker.requests")

_HEADER = "X-Request-ID"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def init_app(app: Flask) -> None:
    """Watch every request. Call it before anything else may refuse one."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)
    app.context_processor(lambda: {"request_id": request_id.get()})


def _begin() -> None:
    given = request.headers.get(_HEADER, "")
    g.begun = time.perf_counter()
    request_id.set(given if _SAFE.fullmatch(given) else secrets.token_hex(8))


def _end(response: Response) -> Response:
    response.headers[_HEADER] = request_id.get()
    seconds = time.perf_counter() - g.begun
    # The pattern: the address itself may hold what a firm keeps to itself, and there are endlessly many.
    route = request.url_rule.rule if request.url_rule else "unknown"
    current_parts().metrics.requested(route, response.status_code, seconds)
    method = request.method if request.method in _METHODS else "other"
    told = {"method": method, "route": route, "status": response.status_code, "milliseconds": round(seconds * 1e3, 1)}
    level = logging.WARNING if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    log.log(level, "request", extra=told)
    return response


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def _forget(_error: BaseException | None) -> None:
    # The thread goes on to other work.
    request_id.set("")
