"""Imports through the browser: a file is checked, started by whoever sent it, run by the worker, and can be undone."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from models import Import, ImportChange, Listing, Organisation, db
from models.base import LARGEST_ID, now
from models.taxonomy import KINDS

from ..errors import Conflict, Forbidden, Invalid, NotFound, UnusableFile
from ..messages import N_, packed
from ..policy import Actor, can
from ..transaction import transaction
from . import auditing, bulk_file, listings, outbox
from .bulk_rows import BulkChecker, Checked, without_examples
from .tables import Row, RowProblem, shown

#: Rows in one transaction.
BATCH = 100
#: How many problems are kept; the rest is counted.
MOST_PROBLEMS = 1_000
#: How many files an organisation may leave unstarted, and for how long.
MOST_UNSTARTED = 10
UNSTARTED_LASTS = timedelta(days=7)
UNDER_WAY = ("waiting", "running")


def check(actor: Actor, kind: str, file_name: str, content: bytes) -> Import:
    """Look at every row of a file and keep the file for `start`; nothing else is stored.

    Raises Forbidden without an organisation, UnusableFile for a file that cannot be read, and Conflict when too many
    files wait to be started.
    """
    if not can(actor, "import.run"):
        raise Forbidden(N_("Listings belong to an organisation. Make yours, or join it, first."))
    if kind not in KINDS:
        raise Invalid(N_("Choose whether the file holds offers or needs."))
    name = _plain_name(file_name)
    rows = rows_of(name, content)
    counts, problems = _tried(BulkChecker(actor.organisation_id, kind, rows), rows)
    # PostgreSQL began a transaction with the first read.
    db.session.commit()
    with transaction():
        _lock(actor.organisation_id)
        mine = select(func.count()).where(Import.organisation_id == actor.organisation_id, Import.status == "checked")
        if (db.session.scalar(mine) or 0) >= MOST_UNSTARTED:
            raise Conflict(
                N_("%(most)s files wait to be started. Start or discard some of them first.", most=MOST_UNSTARTED)
            )
        run = Import(
            user_id=actor.user_id,
            organisation_id=actor.organisation_id,
            kind=kind,
            file_name=name,
            content=content,
            total=len(rows),
            problems=list(map(stored, problems)),
            **{outcome: counts[outcome] for outcome in ("added", "changed", "failed")},
        )
        db.session.add(run)
        db.session.flush()
        return run


def _tried(checker: BulkChecker, rows: Sequence[Row | RowProblem]) -> tuple[Counter[str], list[RowProblem]]:
    counts: Counter[str] = Counter()
    problems: list[RowProblem] = []
    for batch in batches(rows):
        for checked in checker.check(batch):
            counts[checked.outcome if isinstance(checked, Checked) else "failed"] += 1
            problems += [] if isinstance(checked, Checked) else checked[: MOST_PROBLEMS - len(problems)]
    return counts, problems


def start(actor: Actor, import_id: int) -> Import:
    """Have the worker store the rows. Raises NotFound, and Conflict when it was started or another one runs."""
    with transaction():
        run = own(actor, import_id)
        if run.status != "checked":
            raise Conflict(N_("This import has been started already. Reload the page to see how it stands."))
        if not run.added + run.changed:
            raise Conflict(N_("No row of this file would add or change a listing. Mend the file and send it again."))
        others = select(Import.id).where(Import.organisation_id == run.organisation_id, Import.status.in_(UNDER_WAY))
        if db.session.scalar(others.limit(1)):
            raise Conflict(N_("Another import of your organisation is under way. Wait until it is done."))
        run.status, run.added, run.changed, run.failed, run.problems = "waiting", 0, 0, 0, []
        auditing.record(actor, "import.start", "import", run.id, {}, {"file_name": run.file_name, "rows": run.total})
        outbox.enqueue("import", run.id)
        return run


def cancel(actor: Actor, import_id: int) -> None:
    """Forget a file that was not started. Raises NotFound, and Conflict when it was."""
    with transaction():
        run = own(actor, import_id)
        if run.status != "checked":
            raise Conflict(N_("This import has been started already. Undo it once it is done."))
        db.session.delete(run)


def forget_unstarted() -> int:
    """Forget files that nobody has started for a week. Returns how many."""
    with transaction():
        old = delete(Import).where(Import.status == "checked", Import.created_at < now() - UNSTARTED_LASTS)
        return len(db.session.scalars(old.returning(Import.id)).all())


def find(actor: Actor, import_id: int) -> Import:
    """The import. Raises NotFound when it is not there or not for this actor."""
    run = db.session.get(Import, import_id) if 0 < import_id <= LARGEST_ID else None
    if run is None or not can(actor, "import.see", run):
        raise NotFound(N_("There is no such import. It may have been discarded."))
    return run


def own(actor: Actor, import_id: int) -> Import:
    """The import, for the actor to act on; no other import of its organisation changes until the transaction ends."""
    run = find(actor, import_id)
    if not can(actor, "import.run", run):
        raise Forbidden(N_("Only members of the organisation start, discard or undo its imports."))
    _lock(run.organisation_id)
    return db.session.scalars(select(Import).where(Import.id == run.id).with_for_update()).one()


def _lock(organisation_id: int | None) -> None:
    db.session.execute(select(Organisation.id).where(Organisation.id == organisation_id).with_for_update())


def latest(actor: Actor, most: int = 50) -> list[Import]:
    """The imports of the actor's organisation, the last one first."""
    if actor.organisation_id is None:
        return []
    mine = select(Import).where(Import.organisation_id == actor.organisation_id)
    return list(db.session.scalars(mine.order_by(Import.id.desc()).limit(most)))


def touched(run: Import, most: int = 100) -> list[tuple[Listing, bool]]:
    """The first listings that the import made or changed and that are still there; whether it made them."""
    query = (
        select(Listing, ImportChange.before.is_(None))
        .join(ImportChange, ImportChange.listing_id == Listing.id)
        .where(ImportChange.import_id == run.id)
        .order_by(Listing.id)
    )
    return [(listing, made) for listing, made in db.session.execute(query.limit(most))]


def rows_of(name: str, content: bytes) -> list[Row | RowProblem]:
    """The rows of a file without a template's example. Raises UnusableFile."""
    rows = without_examples(bulk_file.read(name, content).rows)
    if not rows:
        raise UnusableFile(
            N_("%(name)s holds only the example. Put your own listings below it and send it again.", name=name)
        )
    return rows


def stored(problem: RowProblem) -> dict[str, Any]:
    """What an import keeps of a problem: its text in English, and as what it is translated from."""
    return {**asdict(problem), "message": packed(problem.problem)}


def batches(rows: Sequence[Row | RowProblem]) -> Iterator[Sequence[Row | RowProblem]]:
    """The rows in parts."""
    return (rows[first : first + BATCH] for first in range(0, len(rows), BATCH))


def content_hash(listing: Listing) -> str:
    """Changes with what the listing says."""
    return hashlib.sha256(json.dumps(listings.content_of(listing), sort_keys=True).encode()).hexdigest()


def _plain_name(given: str) -> str:
    """The file's own name, without folders; its end tells its type."""
    name = shown(re.split(r"[/\\]", given)[-1])
    if not name:
        raise Invalid(N_("Choose a file first."))
    stem, dot, end = name.rpartition(".")
    return name if len(name) <= 100 else f"{stem[:90]}…{dot}{end[:8]}"
