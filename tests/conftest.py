"""Fixtures every test may use. Real parts throughout: SQLite by its migrations, the engine, a hashing embedder."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before anything imports a library that would ask a model hub.
os.environ["HF_HUB_OFFLINE"] = "1"

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings

from matchmaker import create_app
from matchmaker.settings import Settings
from models import db
from search_index.embedders import HashingEmbedder

# How fast a machine is decides no test.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


def settings_in(folder: Path, keyword_index: str = "tantivy") -> Settings:
    """Settings whose every on-disk state lies in the folder."""
    return Settings.from_environment(
        {
            "MATCHMAKER_INSTANCE": str(folder),
            "MATCHMAKER_KEYWORD_INDEX": keyword_index,
            "SECRET_KEY": "only-for-tests-and-long-enough-to-sign",
        }
    )


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Tests talk to this machine only; anything else is a mistake in the product."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for the network: {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", only_loopback)
        yield


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database file to copy from."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app(settings_in(folder), HashingEmbedder())
    with app.app_context():
        flask_migrate.upgrade()
        # Closing the last connection moves what the write-ahead log holds into the file that is copied.
        db.engine.dispose()
    return folder / "matchmaker.sqlite3"


@pytest.fixture(params=["tantivy"])
def keyword_index(request: pytest.FixtureRequest) -> str:
    """Which keyword engine the application uses; tests of the engine run once with each."""
    return str(request.param)


@pytest.fixture
def app(migrated: Path, tmp_path: Path, keyword_index: str) -> Flask:
    """The application over an empty database of its own."""
    shutil.copy(migrated, tmp_path / "matchmaker.sqlite3")
    app = create_app(settings_in(tmp_path, keyword_index), HashingEmbedder())
    app.testing = True
    return app


@pytest.fixture
def app_context(app: Flask) -> Iterator[Flask]:
    """The application with its context pushed, as services need it."""
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript."""
    return app.test_client()
