"""How hard the crash tests try: a short form by default, all of it with --full (`make test-crash`)."""

from __future__ import annotations

import os
import shutil
import sys
from multiprocessing import forkserver
from pathlib import Path

import pytest


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
def instance(migrated: Path, tmp_path: Path) -> Path:
    """The folder of an empty instance."""
    folder = tmp_path / "instance"
    folder.mkdir()
    shutil.copy(migrated, folder / "matchmaker.sqlite3")
    return folder
