"""How a process's memory follows the database."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from sqlalchemy import and_, func, select

from models import Embedding, Listing, Organisation, OutboxItem, db
from models.taxonomy import PUBLIC_STATUSES
from search_index.errors import SearchIndexError
from search_index.local import LocalEngine

from .documents import ENTRY_COLUMNS, entry_of

log = logging.getLogger(__name__)

_EVERY = 1.0
_BATCH = 5000


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look at every row read so far again and again: half of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class Reader:
    """Follows the database for one engine: pulls rows past the number it has seen, at most once a second."""

    def __init__(self, engine: LocalEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._seen = 0
        self._last = 0.0
        self._ready = False
        self._unreadable = ""

    @classmethod
    def of(cls, engine: LocalEngine) -> Reader:
        """The engine's one reader."""
        reader = engine.follower
        if not isinstance(reader, Reader):
            reader = engine.follower = cls(engine)
        return reader

    @property
    def seen(self) -> int:
        """The number of the last row that memory holds."""
        return self._seen

    def pull(self, *, force: bool = False) -> None:
        """Bring the engine's memory up to what the database holds now."""
        # Until the first pull is over, whoever comes waits for it at the lock.
        if not force and self._ready and self._clock() - self._last < _EVERY:
            return
        self._last = self._clock()
        with self._engine.vectors.lock, _uncollected():
            while self._pull_some():
                pass
        self._ready = True
        self._refresh()

    def _refresh(self) -> None:
        unreadable = ""
        try:
            self._engine.keywords().refresh()
        except (SearchIndexError, OSError) as error:
            unreadable = str(error)
        # Once, not every second.
        if unreadable and unreadable != self._unreadable:
            log.error("keyword index not refreshed: %s", unreadable)
        self._unreadable = unreadable

    def _pull_some(self) -> bool:
        public = and_(
            Listing.id == Embedding.listing_id, Listing.status.in_(PUBLIC_STATUSES), Embedding.vector.is_not(None)
        )
        query = (
            select(Embedding.listing_id, Embedding.seq, Embedding.vector, Embedding.family, *ENTRY_COLUMNS)
            .outerjoin(Listing, public)
            .outerjoin(Organisation, Organisation.id == Listing.organisation_id)
            .where(Embedding.model == self._engine.embedder.name, Embedding.seq > self._seen)
            .order_by(Embedding.seq)
            .limit(_BATCH)
        )
        rows = db.session.execute(query).all()
        if not rows:
            return False
        held = [row for row in rows if row.id is not None]
        vectors = np.frombuffer(b"".join(row.vector for row in held), "<f2").astype(np.float32)
        self._engine.load(
            [entry_of(row, row.family) for row in held],
            vectors.reshape(len(held), -1) if held else vectors,
            [row.listing_id for row in rows if row.id is None],
        )
        self._seen = rows[-1].seq
        return True


def state(engine: LocalEngine) -> tuple[int, int, int]:
    """What changes whenever anything that a search could find, or show, changes: what memory holds and what is owed.

    A change of a listing owes work in its own transaction, so it is seen here before the indexes know of it.
    """
    reader = Reader.of(engine)
    reader.pull()
    owed = select(func.coalesce(func.max(OutboxItem.id), 0), func.count()).where(OutboxItem.topic == "index")
    newest, count = db.session.execute(owed).one()
    return reader.seen, newest, count
