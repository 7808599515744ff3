"""What could go wrong only in a database whose transactions run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from databases import only_postgresql
from flask import Flask
from sqlalchemy import text

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import indexing, listings, outbox
from matchmaker.services.outbox import Lease
from matchmaker.transaction import transaction
from models import db
from search_index.embedders import HashingEmbedder
from search_index.protocols import Progress
from search_index.types import Encoded

pytestmark = [pytest.mark.usefixtures("app_context"), only_postgresql]


def publish(count: int) -> None:
    for number in range(count):
        listings.publish(SYSTEM, "offer", listing_schema("offer").load({"title": f"Solar pump {number}"}))


def test_two_workers_lease_other_items_and_neither_waits(app_context: Flask) -> None:
    publish(4)

    def lease() -> Lease | None:
        with app_context.app_context():
            return outbox.lease("index", "second", 2)

    # The first has not committed yet: whoever had to wait for its rows would wait in vain.
    with transaction(), ThreadPoolExecutor(1) as pool:
        first = outbox.lease("index", "first", 2)
        second = pool.submit(lease).result(timeout=60)
    assert first is not None
    assert second is not None
    assert len({*first.items, *second.items}) == 4


def test_no_transaction_is_held_while_texts_are_encoded(app_context: Flask) -> None:
    seen: list[str] = []  # of connections other than the one that looks

    class Looking(HashingEmbedder):
        def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
            held = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            with db.engine.connect() as connection:
                seen.extend(connection.scalars(text(held)))
            return super().encode(texts, progress)

    publish(1)
    parts: Parts = app_context.extensions["matchmaker"]
    parts.engine.embedder = Looking()
    indexing.drain(parts.engine, "worker")
    assert seen == []
