"""How answers travel: what a browser may do with them, how long it may keep them, and how small they are."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import RequestURITooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST_ADDRESS = 64 * 1024
_SMALLEST_COMPRESSED = 1024
_COMPRESSED = ("text/", "application/json", "application/xml", "application/atom+xml", "image/svg+xml")


class PublicAddress:
    """Every request is one to the public address, whatever host it names: no link that leaves can be poisoned."""

    def __init__(self, application: WSGIApplication, public_url: str) -> None:
        self._application = application
        self._scheme, _, self._host = public_url.partition("://")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        return self._application(environ | {"HTTP_HOST": self._host, "wsgi.url_scheme": self._scheme}, start_response)


class Sessions(SecureCookieSessionInterface):
    """Keeps sessions in cookies; what everybody may keep a copy of carries none."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """See Flask's."""
        if not response.cache_control.public:
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    """Apply the rules of this module to every request and answer."""
    app.wsgi_app = PublicAddress(app.wsgi_app, app.config["PUBLIC_URL"])  # type: ignore[method-assign]
    app.session_interface = Sessions()
    if proxies := app.config["PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    app.before_request(_refuse_long_addresses)
    app.url_defaults(_version_static)
    app.context_processor(lambda: {"nonce": nonce})
    app.after_request(_compress)
    app.after_request(_secure)
    app.after_request(_keep_static)


def nonce() -> str:
    """The secret by which this answer's own scripts are told from injected ones."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _refuse_long_addresses() -> None:
    if len(request.environ.get("QUERY_STRING", "")) + len(request.path) > LONGEST_ADDRESS:
        raise RequestURITooLarge


def _secure(response: Response) -> Response:
    """A search may hold what a firm keeps to itself, so addresses are not told to other sites."""
    if "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; script-src 'nonce-{nonce()}'; style-src 'self'; img-src 'self' data:; "
            "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _version_static(endpoint: str, values: dict[str, Any]) -> None:
    """Static addresses carry their content's hash, so that a browser may keep them for good."""
    if endpoint.endswith(".static"):
        folder = current_app.blueprints[endpoint.removesuffix(".static")].static_folder
        values["v"] = _hash(f"{folder}/{values['filename']}")


@cache
def _hash(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _keep_static(response: Response) -> Response:
    if (request.endpoint or "").endswith(".static") and "v" in request.args and response.status_code == 200:
        response.cache_control.public = True
        response.cache_control.max_age = 365 * 24 * 3600
        response.cache_control.immutable = True
        response.cache_control.no_cache = None
    return response


def _compress(response: Response) -> Response:
    """Text travels compressed, but never a page of somebody with a session: beside words from the address, its size
    would tell its secrets (BREACH)."""
    static = (request.endpoint or "").endswith(".static")
    private = current_app.config["SESSION_COOKIE_NAME"] in request.cookies
    if response.status_code != 200 or not (response.mimetype or "").startswith(_COMPRESSED) or (private and not static):
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0 or request.method == "HEAD":
        return response
    response.direct_passthrough = False
    content = response.get_data()
    if len(content) >= _SMALLEST_COMPRESSED:
        response.set_data(_packed(content) if static else gzip.compress(content, 6, mtime=0))
        response.content_encoding = "gzip"
    return response


@cache
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)
