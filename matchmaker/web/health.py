"""What machines ask a process: does it answer, can it work, how is it doing."""

from __future__ import annotations

import hmac
import os

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, make_response, request
from prometheus_client import CONTENT_TYPE_LATEST

from ..parts import Parts, current_parts
from ..services.readiness import OK, Readiness

health = Blueprint("health", __name__)


def init_app(app: Flask, migrations: str) -> None:
    """Register the routes; `migrations` is the folder that says how new the database must be."""
    parts: Parts = app.extensions["matchmaker"]
    app.extensions["readiness"] = Readiness(parts.engine, migrations, app.app_context)
    app.register_blueprint(health)


@health.get("/healthz")
def healthz() -> Response:
    """Says that the process answers; touches nothing else."""
    return Response("ok\n", mimetype="text/plain")


@health.get("/readyz")
def readyz() -> Response:
    """Names each thing a search needs and what is wrong with it; 503 unless all is well."""
    found = _readiness().look()
    ready = set(found.values()) == {OK}
    # Two servers answer at one address while one takes over: the number of its process tells them apart.
    answer = make_response(jsonify(ready=ready, server=os.getppid(), **found), 200 if ready else 503)
    answer.cache_control.no_store = True
    return answer


@health.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus; to whoever does not hold the token there is nothing here."""
    token: str = current_app.config["METRICS_TOKEN"]
    given = request.headers.get("Authorization", "").encode()
    if not token or not hmac.compare_digest(given, f"Bearer {token}".encode()):
        abort(404)
    return Response(current_parts().metrics.exposition(_readiness().backlog()), content_type=CONTENT_TYPE_LATEST)


def _readiness() -> Readiness:
    found: Readiness = current_app.extensions["readiness"]
    return found
