"""Whether this process can do its work: each thing it needs, looked at within a short limit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import TypeVar

from alembic.migration import MigrationContext
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from models import Embedding, OutboxItem, db
from models.base import now
from search_index.errors import SearchIndexError
from search_index.local import LocalEngine
from search_index.patience import Patience, Stalled

from ..metrics import Backlog
from . import database, outbox
from .following import Reader

log = logging.getLogger(__name__)

#: Seconds that the database has for its answer.
LIMIT = 2.0
#: Seconds after which work that is due should have been taken up.
LATE = 60.0
OK = "ok"

T = TypeVar("T")


class Readiness:
    """Looks at one process's parts. `within` opens the application's context in another thread."""

    def __init__(
        self, engine: LocalEngine, migrations: str, within: Callable[[], AbstractContextManager[object]]
    ) -> None:
        self._engine = engine
        self._migrations = migrations
        self._within = within
        self._patience = {"ask": Patience(), "follow": Patience()}

    def look(self) -> dict[str, str]:
        """Each thing by name: "ok", or what is wrong with it in words that give nothing away. Never fails."""
        found = {"database": "does not answer", "migrations": "unknown", "index": "unknown"}
        try:
            newest, late = self._in_time("ask", lambda: (_is_newest(self._migrations), oldest_due() > LATE))
        except (SQLAlchemyError, Stalled) as error:
            log.warning("not ready, the database: %s", _cause(error))
        else:
            found["database"] = OK
            found["migrations"] = OK if newest else "not the newest; run matchmaker setup"
            found["index"] = "changes wait too long; is a worker running?" if late else self._memory()
        return found | {"keywords": self._keywords(), "model": self._model()}

    def backlog(self) -> Backlog | None:
        """How far the indexes are behind the database; None while that does not answer. Never fails."""
        try:
            return self._in_time("ask", self._count)
        except (SQLAlchemyError, Stalled) as error:
            log.warning("nothing counted, the database: %s", _cause(error))
            return None

    def _count(self) -> Backlog:
        depth = outbox.depth("index")
        return Backlog(depth.waiting, depth.leased, depth.parked, oldest_due(), self._behind())

    def _memory(self) -> str:
        try:
            # Nobody else may ask for pages yet.
            behind = self._in_time("follow", self._follow)
        except Stalled:
            return "memory is being filled"
        except SQLAlchemyError as error:
            log.warning("not ready, memory: %s", _cause(error))
            return "cannot be read"
        return f"{behind} rows behind the database" if behind else OK

    def _follow(self) -> int:
        Reader.of(self._engine).pull()
        return self._behind()

    def _behind(self) -> int:
        seen = Reader.of(self._engine).seen
        newer = select(func.count()).where(Embedding.model == self._engine.embedder.name, Embedding.seq > seen)
        return db.session.scalar(newer) or 0

    def _keywords(self) -> str:
        try:
            index = self._engine.keywords()
            index.refresh()
            empty = len(self._engine.vectors) and not index.count()
        except (SearchIndexError, OSError) as error:
            log.warning("not ready, keywords: %s", error)
            return "cannot be read; run matchmaker index rebuild"
        return "empty; run matchmaker index rebuild" if empty else OK

    def _model(self) -> str:
        try:
            self._engine.encode("ready")
        except (SearchIndexError, RuntimeError) as error:
            log.warning("not ready, the model: %s", error)
            return "not loaded, or does not answer"
        return OK

    def _in_time(self, what: str, work: Callable[[], T]) -> T:
        def run() -> T:
            with self._within():
                return work()

        return self._patience[what].run(run, LIMIT)


def oldest_due() -> float:
    """How many seconds the oldest item that is due and in no worker's hands has been so; 0 without one."""
    moment = now()
    free = or_(OutboxItem.leased_until.is_(None), OutboxItem.leased_until < moment)
    due = select(OutboxItem.available_at).where(OutboxItem.parked_at.is_(None), OutboxItem.available_at <= moment, free)
    oldest = db.session.scalar(due.order_by(OutboxItem.available_at).limit(1))
    return (moment - oldest).total_seconds() if oldest else 0.0


def _is_newest(folder: str) -> bool:
    current: str | None = MigrationContext.configure(db.session.connection()).get_current_revision()
    return current == _newest(folder)


#: The folder stays as it is while a process runs.
_newest = cache(database.newest)


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
