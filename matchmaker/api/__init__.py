"""The JSON API."""

from __future__ import annotations

from flask import Flask
from flask_smorest import Api

from .. import __version__
from . import search
from .schemas import ProblemSchema


class _Api(Api):
    """flask-smorest without error answers of its own: the application answers every error in one form."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        pass


def init_app(app: Flask) -> None:
    """Register the API."""
    app.config.update(
        API_TITLE="Matchmaker",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    _Api(app).register_blueprint(search.search)
