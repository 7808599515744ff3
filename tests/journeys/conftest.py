"""One filled marketplace for all journeys that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from catalogue import Market, opened
from databases import Database


@pytest.fixture(scope="session")
def market(migrated: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A filled marketplace. Nobody may change it."""
    with opened(migrated, tmp_path_factory.mktemp("market")) as market:
        yield market
