"""Every need beside every offer: the pairs worth a look."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models import Embedding, Listing, db
from models.taxonomy import PUBLIC_STATUSES
from search_index.batch import search_many
from search_index.local import LocalEngine
from search_index.protocols import Progress
from search_index.types import Scope, SearchQuery

from . import explaining
from .documents import document_of, encoded_of
from .explaining import Band
from .following import Reader

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A need and an offer that may serve it, with the score a search would give the offer."""

    need_id: int
    offer_id: int
    score: float
    band: Band


def count_needs() -> int:
    """How many needs can be matched: the public ones."""
    public = select(func.count()).where(Listing.kind == "need", Listing.status.in_(PUBLIC_STATUSES))
    return db.session.scalar(public) or 0


def suggestions(engine: LocalEngine, most: int, least: float, progress: Progress) -> Iterator[Suggestion]:
    """For every public need, in the order of their ids, up to `most` offers that score at least `least`, best first.

    What is not encoded yet, or not as it stands now, is left for the next time. Raises IndexCorrupt.
    """
    Reader.of(engine).pull()
    asked: deque[int] = deque()

    def encoded() -> Iterator[SearchQuery]:
        last = 0
        while queries := _queries(engine, last, most, least):
            last = max(queries)
            for need_id, query in queries.items():
                if query is None:
                    progress(1)
                else:
                    asked.append(need_id)
                    yield query

    for pairs in search_many(engine, encoded(), progress):
        need_id = asked.popleft()
        for pair in pairs:
            yield Suggestion(need_id, pair.id, pair.score, explaining.band(pair.score))


def _queries(engine: LocalEngine, after: int, most: int, least: float) -> dict[int, SearchQuery | None]:
    rows = (
        select(Listing, Embedding)
        .outerjoin(Embedding, (Embedding.listing_id == Listing.id) & (Embedding.model == engine.embedder.name))
        .options(joinedload(Listing.organisation))
        .where(Listing.kind == "need", Listing.status.in_(PUBLIC_STATUSES), Listing.id > after)
        .order_by(Listing.id)
        .limit(_BATCH)
    )
    out: dict[int, SearchQuery | None] = {}
    for need, row in db.session.execute(rows):
        document = document_of(need)
        encoded = encoded_of(row, document)
        query = SearchQuery(Scope("offer"), document.text, encoded, least_score=least, limit=most)
        out[need.id] = query if encoded is not None else None
    return out
