"""One file that holds all that cannot be made again: the database, uploads and the ranker. Indexes are made anew."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from alembic.migration import MigrationContext
from sqlalchemy import func, select, update

from models import Listing, OutboxItem, db
from models.base import now

from ..errors import Conflict, MatchmakerError, UnusableFile
from ..transaction import transaction

_FORMAT = 1
_MANIFEST = "manifest.json"
_DATABASE = "database"
#: Beside the database; what is not there is left out.
_FILES = ("uploads", "ranker.json", "ranker.previous.json", "ranker.svg")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself: its form, the kind of database, its migration, how many listings, and when."""

    format: int
    dialect: str
    revision: str | None
    listings: int
    made: str


def backup(instance: Path, file: Path) -> Manifest:
    """Copy database and files of a running instance into one archive, readable by its owner only.

    The database is copied as it is at one moment, writes going on. Raises MatchmakerError when it cannot be made;
    an older file of that name stays as it was.
    """
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as draft:
            copy = Path(draft) / _DATABASE
            _dump(copy)
            manifest = Manifest(_FORMAT, _dialect(), _revision(), _listings(), now().isoformat(timespec="seconds"))
            archive = Path(draft) / "archive"
            with archive.open("xb") as raw:
                archive.chmod(0o600)
                with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=3) as tar:
                    _add_text(tar, _MANIFEST, json.dumps(asdict(manifest), indent=1))
                    tar.add(copy, _DATABASE)
                    for path in (instance / name for name in _FILES):
                        if path.exists():
                            tar.add(path, f"files/{path.name}")
                raw.flush()
                os.fsync(raw.fileno())
            archive.replace(file)
    except OSError as error:
        raise MatchmakerError(
            f"The backup {file} cannot be written ({error.strerror}). Choose another place, or make room."
        ) from error
    return manifest


def restore(instance: Path, file: Path, *, replace: bool = False) -> Manifest:
    """Put a backup in the place of the instance's database and files; stop servers and workers before.

    The indexes are left to a rebuild. Raises UnusableFile, and Conflict where there are listings already, unless they
    are to be replaced: then a copy of the present state is left in the instance folder first.
    """
    if (there := _listings()) and not replace:
        raise Conflict(
            f"There are {there} listings in this instance. Restore into an empty one (MATCHMAKER_INSTANCE, "
            "DATABASE_URL), or replace them with --replace."
        )
    with tempfile.TemporaryDirectory(dir=instance, prefix=".restore-") as draft:
        manifest = _unpacked(file, Path(draft))
        if there:
            backup(instance, instance / "before-restore.backup")
        db.session.remove()
        _load(Path(draft) / _DATABASE)
        for path in (Path(draft) / "files").glob("*"):
            _put(path, instance / path.name)
    return manifest


def free_leases() -> None:
    """Give back what workers held when the backup was made; they are not here."""
    with transaction():
        db.session.execute(update(OutboxItem).values(leased_until=None, leased_by=None))


def _dialect() -> str:
    return db.engine.dialect.name


def _revision() -> str | None:
    with db.engine.connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
        return revision


def _listings() -> int:
    return db.session.scalar(select(func.count()).select_from(Listing)) or 0


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), int(now().timestamp())
    tar.addfile(entry, io.BytesIO(content))


def _unpacked(file: Path, folder: Path) -> Manifest:
    """The archive's content in the folder. Raises UnusableFile unless it is a whole backup for this database."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            tar.extractall(folder, filter="data")
        manifest = Manifest(**json.loads((folder / _MANIFEST).read_text("utf-8")))
    except (OSError, tarfile.TarError, EOFError, ValueError, TypeError) as error:
        raise UnusableFile(f"{file} is no backup of Matchmaker, or not a whole one ({error}).") from error
    if manifest.format != _FORMAT:
        raise UnusableFile(f"{file} was made by a newer Matchmaker. Update this one, then restore.")
    if manifest.dialect != _dialect():
        raise UnusableFile(
            f"{file} holds a {manifest.dialect} database, this instance uses {_dialect()}. Set DATABASE_URL to one."
        )
    return manifest


def _put(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def _dump(copy: Path) -> None:
    if _dialect() == "sqlite":
        with closing(sqlite3.connect(copy)) as target, _driver() as source:
            source.backup(target)
            _check(target)
    else:
        _run("pg_dump", "--format=custom", f"--file={copy}")


def _load(copy: Path) -> None:
    if _dialect() == "sqlite":
        try:
            with closing(sqlite3.connect(copy)) as source, _driver() as target:
                _check(source)
                source.backup(target)
        except sqlite3.DatabaseError as error:
            raise UnusableFile(f"The database in the backup is damaged ({error}). Restore an older backup.") from error
    else:
        _run("pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", str(copy))


@contextmanager
def _driver() -> Iterator[sqlite3.Connection]:
    """The driver's own connection to the instance's database."""
    with db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        yield raw


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _run(program: str, *arguments: str) -> None:
    """A program of PostgreSQL's on the instance's database; its password is not shown in the list of processes."""
    url = db.engine.url
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, "PGPASSWORD": url.password or os.environ.get("PGPASSWORD", "")}
    try:
        subprocess.run(  # noqa: S603 - two known programs, and no shell
            [program, f"--dbname={address}", *arguments], env=environment, check=True, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise MatchmakerError(
            f"{program} is not installed. Install PostgreSQL's client programs, of the server's version or newer."
        ) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip() or "no reason given").splitlines()[-1]
        raise MatchmakerError(f"{program} failed: {last}") from error
