"""The worker's part of an import: its rows become listings, a batch at a time, none of them twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from models import Import, ImportChange, Listing, User, db
from models.base import now

from ..errors import MatchmakerError, UnusableFile
from ..listing_states import after
from ..messages import N_
from ..policy import Actor, actor_of
from ..transaction import transaction
from . import auditing, bulk, listings, outbox
from .bulk_columns import HINTS, NUMBER
from .bulk_rows import BulkChecker, Checked
from .tables import Row, RowProblem, shown

log = logging.getLogger(__name__)

#: How many batches a worker stores before it sees to other work.
_TURN = 10


def run_next(worker: str, stopped: Callable[[], bool] = lambda: False) -> int:
    """Store the next rows of the import that is due. Returns how many imports were taken up, none or one.

    It looks between two batches whether it is to stop. Whoever takes the import up next goes on behind the last batch.
    """
    leased = outbox.lease("import", worker, 1)
    if leased is None:
        return 0
    try:
        finished = _run(leased.things[0], stopped)
    except Exception as error:
        db.session.rollback()
        log.exception("an import failed")
        outbox.fail(leased, f"{type(error).__name__}: {error}")
        _give_up_parked(leased.things[0])
    except BaseException:
        db.session.rollback()
        outbox.release(leased)
        raise
    else:
        if finished:
            with transaction():
                outbox.finish(leased)
        else:
            outbox.release(leased)
    return 1


def _run(import_id: int, stopped: Callable[[], bool]) -> bool:
    """Store up to a turn's rows. Returns whether nothing is left to do."""
    run = db.session.get(Import, import_id, populate_existing=True)
    if run is None or run.status not in bulk.UNDER_WAY or run.content is None:
        return True
    user = db.session.get(User, run.user_id) if run.user_id else None
    if user is None or user.organisation_id != run.organisation_id:
        _end(import_id, N_("Whoever started this import has left the organisation. Send the file again to go on."))
        return True
    try:
        rows = bulk.rows_of(run.file_name, run.content)
    except UnusableFile as error:
        _end(import_id, error.message)
        return True
    storing = _Storing(import_id, actor_of(user), BulkChecker(run.organisation_id, run.kind, rows))
    done = run.done
    # PostgreSQL began a transaction with the read.
    db.session.commit()
    for batch in list(bulk.batches(rows[done:]))[:_TURN]:
        if stopped() or not storing.store(done, batch):
            return False
        done += len(batch)
    return done == len(rows)


class _Storing:
    """The rows of one import on their way into the database."""

    def __init__(self, import_id: int, actor: Actor, checker: BulkChecker) -> None:
        self.import_id, self.actor, self.checker = import_id, actor, checker

    def store(self, position: int, rows: Sequence[Row | RowProblem]) -> bool:
        """Store the rows in one transaction; when that is refused, each in its own.

        False when the import is not at this position: another worker goes on with it, or it was ended.
        """
        try:
            return self._put(position, rows)
        except OperationalError:
            raise  # The database is in trouble, not a row.
        except SQLAlchemyError as error:
            if len(rows) > 1:
                return all(self.store(position + offset, [row]) for offset, row in enumerate(rows))
            why = shown(getattr(error, "orig", None) or error)
            said = N_("The database refused it (%(why)s).", why=why)
            return self._put(position, [RowProblem(_row_number(rows[0]), "", "", said, N_("Correct the row."))])

    def _put(self, position: int, rows: Sequence[Row | RowProblem]) -> bool:
        with transaction():
            run = db.session.scalars(select(Import).where(Import.id == self.import_id).with_for_update()).one()
            if run.done != position or run.status not in bulk.UNDER_WAY:
                return False
            checked = list(self.checker.check(rows))
            usable = [row for row in checked if isinstance(row, Checked)]
            problems = [problem for found in checked if not isinstance(found, Checked) for problem in found]
            new = [row for row in usable if row.listing is None]
            run.added += len(self._add(new))
            refused = [found for row in usable if row.listing and row.values and (found := self._change(row))]
            run.changed += sum(1 for row in usable if row.outcome == "changed") - len(refused)
            run.failed += len(rows) - len(usable) + len(refused)
            room = bulk.MOST_PROBLEMS - len(run.problems)
            run.problems = [*run.problems, *map(bulk.stored, [*problems, *refused][:room])]
            run.status, run.done = "running", position + len(rows)
            if run.done == run.total:
                run.status, run.finished_at, run.content = "done", now(), None
            return True

    def _add(self, rows: Sequence[Checked]) -> Sequence[Listing]:
        """New listings of the organisation, sent to the moderators; one flush gives all of them their numbers."""
        made = [self._new(row.kind, row.values) for row in rows]
        db.session.add_all(made)
        db.session.flush()
        for listing in made:
            said = {"kind": listing.kind, "title": listing.title}
            auditing.record(self.actor, "listing.submit", "listing", listing.id, {}, said)
            self._note(listing, None)
        return made

    def _new(self, kind: str, values: Mapping[str, Any]) -> Listing:
        return Listing(
            kind=kind,
            status=after("submit", "draft"),
            submitted_at=now(),
            organisation_id=self.checker.organisation_id,
            created_by_id=self.actor.user_id,
            import_id=self.import_id,
            **values,
        )

    def _change(self, row: Checked) -> RowProblem | None:
        """Change an own listing as its owner would; what speaks against it, if anything does."""
        assert row.listing is not None
        before = {name: auditing.plain(getattr(row.listing, name)) for name in row.values}
        try:
            listing = listings.revise(self.actor, row.listing.id, row.listing.version, row.values)
        except MatchmakerError as error:
            return RowProblem(row.row, NUMBER, str(row.listing.id), error.message, HINTS[NUMBER])
        self._note(listing, before)
        return None

    def _note(self, listing: Listing, before: dict[str, Any] | None) -> None:
        said = bulk.content_hash(listing)
        db.session.add(ImportChange(import_id=self.import_id, listing_id=listing.id, before=before, content_hash=said))


def _give_up_parked(import_id: int) -> None:
    """An import that failed ten times must not keep the organisation's next one waiting."""
    if any(parked.thing_id == import_id for parked in outbox.parked("import")):
        _end(import_id, N_("It failed ten times because of a fault on our side. What is stored so far can be undone."))


def _end(import_id: int, why: str) -> None:
    with transaction():
        run = db.session.scalars(select(Import).where(Import.id == import_id).with_for_update()).one_or_none()
        if run and run.status in bulk.UNDER_WAY:
            run.status, run.error, run.finished_at, run.content = "failed", str(why), now(), None


def _row_number(row: Row | RowProblem) -> int:
    return row.number if isinstance(row, Row) else row.row
