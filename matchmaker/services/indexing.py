"""Making both indexes agree with the database: the worker's handling, the rebuild and the check."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from models import Embedding, db
from models import Sequence as Counter
from search_index.errors import IndexCorrupt, SearchIndexError
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Document, Encoded

from ..transaction import transaction
from . import families, outbox
from .documents import expected_versions, public_documents, text_hash
from .following import Reader

log = logging.getLogger(__name__)

BATCH = 1024


@dataclass(frozen=True, slots=True)
class Difference:
    """One listing on which an index and the database disagree; None where one of them does not hold it."""

    index: str
    listing_id: int
    expected: int | None
    found: int | None


def handle_next(engine: LocalEngine, worker: str, most: int = BATCH, progress: Progress | None = None) -> int:
    """Lease the oldest due items and make the indexes agree with them. Returns how many listings were handled.

    No transaction is held while texts are encoded. A failure gives the items back with its reason; when it may lie in
    one of the listings, the others are handled all the same.
    """
    leased = outbox.lease("index", worker, most)
    if leased is None:
        return 0
    try:
        _try(engine, leased, progress)
    except BaseException:
        # Stopped in the middle: whoever starts next should not have to wait for the lease to end.
        db.session.rollback()
        outbox.release(leased)
        raise
    return len(leased.things)


def _try(engine: LocalEngine, leased: outbox.Lease, progress: Progress | None) -> None:
    try:
        _handle(engine, leased, progress)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the items must come back
        db.session.rollback()
        if isinstance(error, IndexCorrupt):
            _mend(engine, error)
        general = isinstance(error, SearchIndexError | SQLAlchemyError | OSError)
        if not general and len(leased.things) > 1:
            for one in outbox.singly(leased):
                _try(engine, one, None)
            return
        log.error("indexing failed: %s", error)
        outbox.fail(leased, f"{type(error).__name__}: {error}")


def _mend(engine: LocalEngine, error: IndexCorrupt) -> None:
    """Write the keyword index anew; what cannot be written now is tried again with the next item."""
    log.warning("writing the keyword index anew: %s", error)
    try:
        engine.rebuild(public_documents, expected_versions)
        # What another process wrote to the old index meanwhile.
        repair(differences(engine))
    except (SearchIndexError, OSError) as reason:
        log.error("the keyword index could not be written anew: %s", reason)


def drain(engine: LocalEngine, worker: str, progress: Progress | None = None) -> int:
    """Handle until nothing is due. Returns how many listings were handled."""
    handled = 0
    while number := handle_next(engine, worker, progress=progress):
        handled += number
    return handled


def _handle(engine: LocalEngine, leased: outbox.Lease, progress: Progress | None) -> None:
    documents = {document.id: document for document in public_documents(leased.things)}
    removed = [id for id in leased.things if id not in documents]
    stored = _stored(engine.embedder.name, documents)
    stale = [d for d in documents.values() if stored.get(d.id) != text_hash(d)]
    if progress:
        progress(len(leased.things) - len(stale))
    # PostgreSQL begins a transaction with the first read; encoding takes minutes.
    db.session.commit()
    encoded = dict(zip([d.id for d in stale], engine.embedder.encode([d.text for d in stale], progress), strict=True))
    _check(engine.embedder.name, encoded.values())
    repeated = families.repeated(engine, stale, [encoded[d.id].vector for d in stale])
    engine.write(documents.values(), removed)
    with transaction():
        # Inside the transaction that stores the rows, so that readers see the numbers in order, and before it looks
        # at the listings: whoever waits here for another worker must see what that one has seen.
        numbers = _take_numbers(len(leased.things))
        expected = expected_versions(leased.things)
        seen = {id: documents[id].version for id in documents}
        # Another worker may have seen a newer state and been faster; what was written over it is owed again.
        overtaken = [id for id in leased.things if seen.get(id) != expected.get(id)]
        current = [id for id in leased.things if id not in overtaken]
        rows = _rows(engine.embedder.name, current)
        for id, seq in zip(current, numbers, strict=False):
            if id in documents:
                _store(rows[id], documents[id], encoded.get(id), seq)
            else:
                _bury(rows[id], seq)
        families.join({id: rows[id] for id in current if id in encoded}, repeated)
        outbox.finish(leased)
        for id in overtaken:
            outbox.enqueue("index", id)
    Reader.of(engine).pull(force=True)


def _stored(model: str, ids: Iterable[int]) -> dict[int, str | None]:
    query = select(Embedding.listing_id, Embedding.text_hash).where(
        Embedding.model == model, Embedding.listing_id.in_(list(ids))
    )
    return {row.listing_id: row.text_hash for row in db.session.execute(query)}


def _take_numbers(count: int) -> range:
    moved = update(Counter).where(Counter.name == "embedding").values(value=Counter.value + count)
    last = db.session.execute(moved.returning(Counter.value)).scalar_one()
    return range(last - count + 1, last + 1)


def _rows(model: str, ids: Sequence[int]) -> dict[int, Embedding]:
    """The embedding row of each listing, a new one where there is none."""
    query = select(Embedding).where(Embedding.model == model, Embedding.listing_id.in_(ids))
    rows = {row.listing_id: row for row in db.session.scalars(query)}
    for id in ids:
        if id not in rows:
            rows[id] = Embedding(listing_id=id, model=model, listing_version=1)
            db.session.add(rows[id])
    return rows


def _check(model: str, encoded: Iterable[Encoded]) -> None:
    """Raise ValueError for vectors that readers could not load: once stored they would stop every search."""
    stored = select(func.length(Embedding.vector)).where(Embedding.model == model, Embedding.vector.is_not(None))
    size = db.session.scalar(stored.limit(1))
    for item in encoded:
        # NaN and infinity compare as false.
        if not (np.abs(item.vector) < 2).all() or (size is not None and 2 * len(item.vector) != size):
            raise ValueError(f"the model {model} gave a vector that no index can hold")


def _store(row: Embedding, document: Document, encoded: Encoded | None, seq: int) -> None:
    row.seq, row.listing_version = seq, document.version
    if encoded is not None:
        row.text_hash = text_hash(document)
        row.vector = encoded.vector.astype("<f2").tobytes()
        row.parts = encoded.parts.astype("<f2").tobytes()
        row.spans = [list(span) for span in encoded.spans]
        # A number that no family had before: a founder who leaves may not take the others along.
        row.family, row.repeats_id = seq, None


def _bury(row: Embedding, seq: int) -> None:
    """A tombstone, so that other processes hear that the listing left."""
    row.seq, row.vector, row.parts, row.text_hash, row.spans = seq, None, None, None, []
    row.family = row.repeats_id = None


def rebuild(engine: LocalEngine, worker: str, progress: Progress | None = None) -> int:
    """Write the keyword index anew beside the old one and swap it in, then encode what has no vector of this model.

    Returns how many documents the index holds. Works on a corrupt index too, since nothing is read from it. What was
    changed so late that another process may have written it to the old index is owed anew.
    """
    held = engine.rebuild(public_documents, expected_versions)
    repair(differences(engine))
    drain(engine, worker, progress)
    return held


def settle(engine: LocalEngine) -> list[Difference]:
    """Owe the indexes what they lack; write a keyword index anew that is damaged or of an older form.

    Returns what differed. The keyword index is read from the disk, whatever this process holds of it. Raises
    IndexCorrupt when it cannot be written anew.
    """
    try:
        engine.reopen()
        found = differences(engine)
    except IndexCorrupt as error:
        log.warning("writing the keyword index anew: %s", error)
        engine.rebuild(public_documents, expected_versions)
        found = differences(engine)
    repair(found)
    return found


def differences(engine: LocalEngine) -> list[Difference]:
    """Where the keyword index or the stored vectors disagree with the database, by (id, version)."""
    expected = expected_versions()
    rows = select(Embedding.listing_id, Embedding.listing_version).where(
        Embedding.model == engine.embedder.name, Embedding.vector.is_not(None)
    )
    held = {
        "vectors": {row.listing_id: row.listing_version for row in db.session.execute(rows)},
        "keywords": engine.keywords().versions(),
    }
    return [
        Difference(name, id, expected.get(id), found.get(id))
        for name, found in held.items()
        for id in sorted(expected.keys() | found.keys())
        if expected.get(id) != found.get(id)
    ]


def repair(found: Iterable[Difference]) -> None:
    """Owe the index every listing on which something differs, and what it was owed and had given up on."""
    with transaction():
        outbox.take_up_parked("index")
        for id in sorted({difference.listing_id for difference in found}):
            outbox.enqueue("index", id)
