"""Prints how fast listings are indexed and searched, each beside a baseline measured in the same run.

    python -m benchmarks.speed [FOLDER OF LISTINGS]

Every file of the folder whose name a shipped map bears is imported into a throw-away instance; without a folder the
sample catalogue is. Batches of our indexing alternate with a bare SentenceTransformer.encode of the same texts, so
that both meet the same machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select

from matchmaker import MIGRATIONS, create_app
from matchmaker.policy import SYSTEM
from matchmaker.services import database, indexing
from matchmaker.services.documents import public_documents
from matchmaker.services.import_map import read_map
from matchmaker.services.imports import import_file
from matchmaker.settings import Settings
from models import OutboxItem, db
from search_index.embedders import SentenceTransformerEmbedder
from search_index.local import LocalEngine
from search_index.types import Scope, SearchQuery

KINDS = {"cordis-h2020-cleantech": "offer", "open-sustainable-technology": "offer", "ndc-country-needs": "need"}
SAMPLES = Path(__file__).parent.parent / "matchmaker" / "samples"
PORT = 8765


def main(folder: Path | None) -> None:
    """Import, index, search; print a line for each figure."""
    with tempfile.TemporaryDirectory(prefix="matchmaker-bench-") as instance:
        environment = {**os.environ, "MATCHMAKER_INSTANCE": instance, "PORT": str(PORT)}
        app = create_app(Settings.from_environment(environment))
        engine: LocalEngine = app.extensions["matchmaker"].engine
        with app.app_context():
            database.upgrade(MIGRATIONS)
            imported = _import(folder)
            _indexing(engine, imported)
            _searching(engine)
        with running(environment, PORT):
            _fetch("warm")
            _serving()


def _import(folder: Path | None) -> float:
    """Import the files; returns the seconds it took."""
    found = sorted(folder.iterdir()) if folder else []
    files = [(path, path.stem, KINDS[path.stem]) for path in found if path.stem in KINDS]
    files = files or [(SAMPLES / f"{kind}s.jsonl", "sample-catalogue", kind) for kind in ("offer", "need")]
    begin = time.perf_counter()
    stored = 0
    for path, name, kind in files:
        report = import_file(path, kind, read_map(name), SYSTEM)
        stored += report.added
        if report.failed:
            print(f"{path.name}: {report.failed} rows failed")
    seconds = time.perf_counter() - begin
    print(f"imported {stored} listings in {seconds:.1f} s")
    return seconds


def _indexing(engine: LocalEngine, imported: float) -> None:
    embedder = engine.embedder
    assert isinstance(embedder, SentenceTransformerEmbedder)
    bare = embedder.bare()
    bare.encode(["warm"] * 64)
    ours = imported
    base, count = 0.0, 0
    while texts := _next_texts():
        begin = time.perf_counter()
        indexing.handle_next(engine, "bench")
        middle = time.perf_counter()
        bare.encode(texts, normalize_embeddings=True)
        ours += middle - begin
        base += time.perf_counter() - middle
        count += len(texts)
    rates = f"import + embed + index: {count / ours:.1f} listings/s; bare encode: {count / base:.1f}/s"
    print(f"{rates}; ratio {base / ours:.2f}")


def _next_texts() -> list[str]:
    """The texts that the next batch of indexing will encode."""
    ids = db.session.scalars(select(OutboxItem.thing_id).order_by(OutboxItem.id).limit(indexing.BATCH)).all()
    return [document.text for document in public_documents(ids)]


def _needs() -> Iterator[str]:
    """Needs in English as people describe them: a line, and a paragraph."""
    for line in (SAMPLES / "needs.jsonl").read_text("utf-8").splitlines():
        need = json.loads(line)
        if need["language"] == "en":
            yield need["title"]
            yield need["summary"]
            yield f"{need['title']} {need['summary']} {need['problem']}"


def _searching(engine: LocalEngine) -> None:
    needs = list(_needs())
    encoded = engine.embedder.encode(needs)
    queries = [SearchQuery(Scope("offer"), text, vectors) for text, vectors in zip(needs, encoded, strict=True)]
    engine.search(queries[0])
    spent = [_timed(partial(engine.search, query)) for query in queries]
    print(f"engine without the encode, {len(spent)} needs: {_spread(spent)}")
    encodes = [_timed(partial(engine.embedder.encode, [text])) for text in needs]
    print(f"bare encode of one need, all threads: {_spread(encodes)}")


def _serving() -> None:
    needs = list(_needs())
    _fetch(needs[0])
    spent = [_timed(partial(_fetch, text)) for text in needs]
    print(f"search page over HTTP, encode included, one after the other: {_spread(spent)}")


def _fetch(text: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/offers?q={quote(text)}") as answer:
        body: bytes = answer.read()
        return body


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def _spread(milliseconds: list[float]) -> str:
    cuts = statistics.quantiles(milliseconds, n=20)
    return f"p50 {cuts[9]:.1f} ms, p95 {cuts[18]:.1f} ms"


@contextmanager
def running(environment: dict[str, str], port: int) -> Iterator[None]:
    """A server in this environment, ready at the port."""
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "matchmaker"), "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
                    break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
