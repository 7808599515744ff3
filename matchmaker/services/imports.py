"""Imports: a file and a map become listings. Running the same import again changes nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from models import Listing, Organisation, db

from ..errors import MatchmakerError, UnusableFile
from ..policy import Actor
from ..transaction import transaction
from .cells import harmless
from .import_rows import Ready, RowChecker
from .listings import Imported, organisation_named, put_imported
from .mapping import ImportMap
from .tables import Row, RowProblem, open_table, shown

#: How many problems a report keeps; the errors file holds all of them.
MOST_PROBLEMS = 100
# What the database, or a rule of the product, may hold against one row.
_REFUSALS = (SQLAlchemyError, MatchmakerError, ArithmeticError, ValueError)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did (a dry run: would do), in rows, with the first problems."""

    added: int
    changed: int
    unchanged: int
    skipped: int
    failed: int
    skipped_because: Mapping[str, int]
    problems: tuple[RowProblem, ...]
    dry_run: bool

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values that JSON can hold."""
        return asdict(self)


def import_file(
    path: str | Path,
    kind: str,
    map: ImportMap,
    actor: Actor,
    *,
    dry_run: bool = False,
    errors_to: str | Path | None = None,
    progress: Callable[[int], object] | None = None,
    batch: int = 500,
) -> ImportReport:
    """Store each row of the file as an offer or a need, `batch` rows in one transaction; call it outside of one.

    A row that cannot be used is reported and leaves the others alone; `errors_to` names a CSV file for all of them.
    `progress` is called with 1 after each row. Raises Invalid for an unknown kind and UnusableFile for a file or a
    map that cannot be used; only a workbook that breaks in the middle has rows stored by then.
    """
    path = Path(path)
    run = _Run(RowChecker(kind, map), actor, dry_run)
    with open_table(path) as table:
        map.check_columns(table.columns)
        with _errors_file(errors_to, path) as run.note:
            for item in table.rows:
                run.take(item)
                if len(run.ready) >= batch:
                    run.store()
                if progress:
                    progress(1)
            run.store()
    return run.report()


class _Run:
    """One import under way."""

    def __init__(self, checker: RowChecker, actor: Actor, dry_run: bool) -> None:
        self.checker, self.map, self.actor, self.dry_run = checker, checker.map, actor, dry_run
        self.counts: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.problems: list[RowProblem] = []
        self.note: Callable[[RowProblem], None] = _ignore
        self.ready: list[Ready] = []
        self.seen: dict[str, int] = {}
        # One query for the whole source, so that a row which is stored already costs none.
        stored = select(Listing.source_id, Listing.source_hash).where(
            Listing.source == self.map.source, Listing.kind == checker.kind
        )
        self.stored = {row.source_id: row.source_hash for row in db.session.execute(stored)}

    def take(self, item: Row | RowProblem) -> None:
        """Count the row, or keep it to be stored."""
        if isinstance(item, RowProblem):
            self.fail([item])
        elif reason := self.map.skipped(item):
            self.skipped[reason] += 1
        elif isinstance(checked := self.checker.check(item), Ready):
            self.accept(checked)
        else:
            self.fail(checked)

    def accept(self, ready: Ready) -> None:
        source_id = ready.origin.source_id
        first = self.seen.setdefault(source_id, ready.row)
        if first != ready.row:
            columns, remedy = ", ".join(self.map.id.columns), "Give it another id, or take one of the two rows out."
            self.fail([RowProblem(ready.row, columns, shown(source_id), f"Row {first} has the same id.", remedy)])
        elif self.stored.get(source_id) == ready.origin.hash:
            self.counts["unchanged"] += 1
        elif self.dry_run:
            self.counts["changed" if source_id in self.stored else "added"] += 1
        else:
            self.ready.append(ready)

    def store(self) -> None:
        """Store the rows that are ready in one transaction; when that is refused, each in its own."""
        ready, self.ready = self.ready, []
        if not ready:
            return
        try:
            self.counts += self.put(ready)
        except OperationalError:
            raise  # The database is in trouble, not a row.
        except _REFUSALS:
            for one in ready:
                self.store_alone(one)

    def store_alone(self, ready: Ready) -> None:
        try:
            self.counts += self.put([ready])
        except OperationalError:
            raise
        except _REFUSALS as error:
            cause = error if isinstance(error, MatchmakerError) else f"The database refused it: {_cause(error)}."
            remedy = "Correct the row, or give it another id."
            self.fail([RowProblem(ready.row, "", shown(ready.values["title"]), shown(cause), remedy)])

    def put(self, ready: list[Ready]) -> Counter[str]:
        """Store the rows in one transaction; how many of each outcome."""
        with transaction():
            # One order in every process: two that wait for each other's organisations would wait for ever.
            named = {_identity(one.organisation): one.organisation for one in ready if one.organisation}
            known = {key: self.organisation(named[key]) for key in sorted(named)}
            rows = [Imported(one.values, known.get(_identity(one.organisation)), one.origin) for one in ready]
            return put_imported(self.actor, self.checker.kind, self.map.source, rows)

    def organisation(self, who: Mapping[str, Any]) -> Organisation:
        return organisation_named(who["name"], who["kind"], who["country"], sample=self.map.sample)

    def fail(self, problems: list[RowProblem]) -> None:
        """Count one failed row and note what is wrong with it."""
        self.counts["failed"] += 1
        self.problems += problems[: MOST_PROBLEMS - len(self.problems)]
        for problem in problems:
            self.note(problem)

    def report(self) -> ImportReport:
        return ImportReport(
            added=self.counts["added"],
            changed=self.counts["changed"],
            unchanged=self.counts["unchanged"],
            skipped=self.skipped.total(),
            failed=self.counts["failed"],
            skipped_because=dict(self.skipped),
            problems=tuple(self.problems),
            dry_run=self.dry_run,
        )


@contextmanager
def _errors_file(errors_to: str | Path | None, path: Path) -> Iterator[Callable[[RowProblem], None]]:
    """Where each problem is written: a CSV file that spreadsheets open safely, gone again when there was none."""
    if errors_to is None:
        yield _ignore
        return
    target = Path(errors_to)
    if target.resolve() == path.resolve():
        raise UnusableFile(f"{target} is the file to import. Give the errors file another name.")
    try:
        # Excel takes a CSV file for UTF-8 only when it starts with the mark.
        file = target.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
    except (OSError, ValueError) as error:
        raise UnusableFile(f"The errors file {target} cannot be written: {error}. Name another place.") from error
    with file:
        writer = csv.writer(file)
        writer.writerow(RowProblem.__slots__)
        header = file.tell()

        def note(problem: RowProblem) -> None:
            writer.writerow(harmless(str(cell)) for cell in astuple(problem))

        yield note
        empty = file.tell() == header
    if empty:
        target.unlink(missing_ok=True)


def _identity(who: Mapping[str, Any]) -> tuple[str, str]:
    return who.get("name", ""), who.get("country") or ""


def _cause(error: Exception) -> object:
    return getattr(error, "orig", None) or error


def _ignore(problem: RowProblem) -> None:
    """No errors file is wanted."""
