"""How long a server takes from its start until it is ready, over a catalogue that is stored and indexed already."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import insert, update

from benchmarks.synthetic import Block
from matchmaker import MIGRATIONS, create_app
from matchmaker.services import database
from matchmaker.settings import Settings
from models import Embedding, Listing, db
from models import Sequence as Counter
from search_index.local import LocalEngine

_PORT = 8766


def first_answer(instance: Path, blocks: Iterable[Block]) -> tuple[float, float]:
    """Seconds until it is ready with these listings, and with none."""
    environment = {**os.environ, "MATCHMAKER_INSTANCE": str(instance), "PORT": str(_PORT), "HF_HUB_OFFLINE": "1"}
    app = create_app(Settings.from_environment(environment))
    engine: LocalEngine = app.extensions["matchmaker"].engine
    with app.app_context():
        database.upgrade(MIGRATIONS)
        bare = _seconds(environment)
        for block in blocks:
            _store(engine, block)
    return _seconds(environment), bare


def _store(engine: LocalEngine, block: Block) -> None:
    documents = block.documents
    engine.write(documents)
    listings, embeddings = [], []
    for document, vector in zip(documents, block.vectors.astype("<f2"), strict=True):
        facets = document.facets
        listings.append(
            {
                "id": document.id,
                "kind": document.kind,
                "status": "published",
                "title": document.title[:256] or "untitled",
                "description": document.body[:8000],
                "language": "en",
                "category": facets.get("category", (None,))[0],
                "trl": int(facets["trl"][0]) if document.kind == "offer" and "trl" in facets else None,
                "partnerships": list(facets.get("partnership", ())),
                "sdgs": [int(goal) for goal in facets.get("sdg", ())],
                "available_in": list(facets.get("country", ())) if document.kind == "offer" else [],
                "wanted_in": list(facets.get("country", ())) if document.kind == "need" else [],
                "published_at": datetime.fromtimestamp(document.published, UTC),
            }
        )
        embeddings.append(
            {
                "listing_id": document.id,
                "model": engine.embedder.name,
                "seq": document.id,
                "family": document.id,
                "listing_version": 1,
                "text_hash": "0" * 64,
                "vector": vector.tobytes(),
                "parts": np.zeros(0, "<f2").tobytes(),
                "spans": [],
            }
        )
    db.session.execute(insert(Listing), listings)
    db.session.execute(insert(Embedding), embeddings)
    db.session.execute(update(Counter).where(Counter.name == "embedding").values(value=documents[-1].id))
    db.session.commit()


def _seconds(environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    command = [str(Path(sys.executable).parent / "matchmaker"), "serve", "--no-worker"]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/readyz") as answer:
                    answer.read()
                return time.perf_counter() - begin
            except OSError:
                time.sleep(0.05)
    finally:
        server.terminate()
        server.wait()
