"""Fixtures every test may use. Real parts throughout: both databases, migrated; the engine; a hashing embedder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before anything imports a library that would ask a model hub.
os.environ["HF_HUB_OFFLINE"] = "1"
# Likewise: processes that test side by side share the processors; threads of both would wait for each other, spinning.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_THREAD_LIMIT"] = "1"

import pytest
from databases import Database, application, postgresql, sqlite
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings

# How fast a machine is decides no test.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


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


@pytest.fixture(scope="session", name="sqlite")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An empty, migrated SQLite database to clone from."""
    with sqlite(tmp_path_factory.mktemp("sqlite")) as database:
        yield database


@pytest.fixture(scope="session", name="postgresql")
def _postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An empty, migrated PostgreSQL database to clone from."""
    with postgresql(tmp_path_factory.mktemp("postgresql")) as database:
        yield database


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def migrated(request: pytest.FixtureRequest) -> Database:
    """An empty, migrated database to clone from; what is built on it runs on both databases."""
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.fixture(params=["tantivy"])
def keyword_index(request: pytest.FixtureRequest) -> str:
    """Which keyword engine the application uses; tests of the engine run once with each."""
    return str(request.param)


@pytest.fixture
def app(migrated: Database, tmp_path: Path, keyword_index: str) -> Iterator[Flask]:
    """The application over an empty database of its own."""
    with (
        migrated.clone(tmp_path) as database,
        application(tmp_path, database.url, MATCHMAKER_KEYWORD_INDEX=keyword_index) as app,
    ):
        yield app


@pytest.fixture
def app_context(app: Flask) -> Iterator[Flask]:
    """The application with its context pushed, as services need it."""
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript."""
    return app.test_client()
