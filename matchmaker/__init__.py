"""Matchmaker: a marketplace where green technologies meet the needs they serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from search_index.protocols import Embedder

    from .mail import Mailer
    from .settings import Settings

__version__ = "0.1.0"

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = str(ROOT / "models" / "migrations")


def create_app(
    settings: Settings, embedder: Embedder | None = None, threads: int = 0, mailer: Mailer | None = None
) -> Flask:
    """The application with its parts; the only place that knows concrete classes. Raises what a bad setting raises."""
    from flask_migrate import Migrate

    from models import db

    from . import api, web
    from .parts import build_parts
    from .sqlite_file import follow_file
    from .transaction import engine_options, prepare_sqlite

    app = Flask(
        __name__,
        instance_path=str(settings.instance),
        template_folder=str(ROOT / "templates"),
        static_folder=None,
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        # What is searched for would stand in error messages.
        SQLALCHEMY_ENGINE_OPTIONS={"hide_parameters": True, **engine_options(settings.database_url)},
        METRICS_TOKEN=settings.metrics_token,
        PUBLIC_URL=settings.public_url,
        PROXIES=settings.proxies,
        MAIL_FROM=settings.mail_from,
        BREACH_LOOKUP=settings.breach_lookup,
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        MAX_FORM_PARTS=500,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
    )
    db.init_app(app)
    Migrate(app, db, directory=MIGRATIONS, render_as_batch=True)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            prepare_sqlite(db.engine)
            follow_file(db.engine)
    app.extensions["matchmaker"] = build_parts(settings, embedder, threads, mailer)
    web.init_app(app, MIGRATIONS)
    api.init_app(app)
    return app
