"""One filled marketplace for all journeys that only read."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogue import Market, opened


@pytest.fixture(scope="session")
def market(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """A filled marketplace. Nobody may change it."""
    return opened(migrated, tmp_path_factory.mktemp("market"))
