"""How hard the crash tests try: a short form by default, all of it with --full (`make test-crash`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest
from databases import Database


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register --full; it is known where this folder is named on the command line."""
    parser.addoption("--full", action="store_true", help="as many faults as README's table says")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all of it is asked for."""
    return bool(request.config.getoption("--full", default=False))


@pytest.fixture(scope="session", autouse=True)
def _forks() -> None:
    """The process that all others are forks of; it imports what they need, once it is told where that is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()


@pytest.fixture
def instance(migrated: Database, tmp_path: Path) -> Iterator[Path]:
    """The folder of an empty instance; it says where its database is."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with migrated.clone(folder) as database:
        (folder / "url").write_text(database.url)
        yield folder
