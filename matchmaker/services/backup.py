"""One file that holds all that cannot be made again: the database, uploads and the ranker. Indexes are made anew."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from alembic.migration import MigrationContext
from sqlalchemy import URL, func, select, update

from models import Listing, OutboxItem, db
from models.base import now

from ..errors import Conflict, MatchmakerError, UnusableFile
from ..transaction import transaction
from . import database

_FORMAT = 1
_MANIFEST = "manifest.json"
_DATABASE = "database"
#: Beside the database; what is not there is left out, and absent after a restore.
_FILES = ("uploads", "ranker.json", "ranker.previous.json", "ranker.svg")
#: Folders in which a backup and a restore are made ready, and after how many seconds they are nobody's.
_DRAFTS = (".backup-", ".restore-")
_OLD = 24 * 3600
_UNREADABLE = (OSError, tarfile.TarError, EOFError, ValueError, TypeError, KeyError, RecursionError, zlib.error)


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

    What links lead to is copied, not the links. The database is copied as it is at one moment, writes going on. Raises
    MatchmakerError when it cannot be made; an older file of that name stays as it was.
    """
    try:
        _clear(file.parent)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=_DRAFTS[0]) as draft:
            copy = Path(draft) / _DATABASE
            # Before the copy is made: it holds at least these.
            manifest = Manifest(_FORMAT, _dialect(), _revision(), _listings(), now().isoformat(timespec="seconds"))
            _dump(copy)
            archive = Path(draft) / "archive"
            with archive.open("xb") as raw:
                archive.chmod(0o600)
                with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=3, dereference=True) as tar:
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


def restore(instance: Path, file: Path, migrations: str, *, replace: bool = False) -> Manifest:
    """Put a backup in the place of the instance's database and files; stop servers and workers before.

    The indexes are left to a rebuild. Raises UnusableFile before anything is touched, and Conflict where there are
    listings already, unless they are to be replaced: then a copy of the present state is left in the instance folder
    first, under a name of its own. `migrations` is the folder of those that can be read.
    """
    if (there := _listings()) and not replace:
        raise Conflict(
            f"There are {there} listings in this instance. Restore into an empty one (MATCHMAKER_INSTANCE, "
            "DATABASE_URL), or replace them with --replace."
        )
    _clear(instance)
    with tempfile.TemporaryDirectory(dir=instance, prefix=_DRAFTS[1]) as draft:
        manifest = _unpacked(file, Path(draft))
        _verify(Path(draft) / _DATABASE, manifest, migrations)
        if there:
            backup(instance, instance / f"before-restore-{now():%Y%m%dT%H%M%S%f}.backup")
        db.session.remove()
        _load(Path(draft) / _DATABASE)
        for name in _FILES:
            _put(Path(draft) / "files" / name, instance / name)
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
        with gzip.open(file) as whole:
            # Reading to its end compares the checksum; a tar ends before that.
            while whole.read(1 << 20):
                pass
        with tarfile.open(file, "r:gz") as tar:
            tar.extractall(folder, filter="data")
        manifest = Manifest(**json.loads((folder / _MANIFEST).read_text("utf-8")))
    except _UNREADABLE as error:
        raise UnusableFile(f"{file} is no backup of Matchmaker, or not a whole one ({error}).") from error
    if manifest.format != _FORMAT:
        raise UnusableFile(f"{file} was made by a newer Matchmaker. Update this one, then restore.")
    if manifest.dialect != _dialect():
        raise UnusableFile(
            f"{file} holds a {manifest.dialect} database, this instance uses {_dialect()}. Set DATABASE_URL to one."
        )
    return manifest


def _verify(copy: Path, manifest: Manifest, migrations: str) -> None:
    """Raise UnusableFile unless the unpacked database can be read and is of a known form."""
    if copy.is_symlink() or not copy.is_file():
        raise UnusableFile("The backup holds no database. Restore an older backup.")
    if not database.knows(migrations, manifest.revision):
        raise UnusableFile("The backup was made by a newer Matchmaker. Update this one, then restore.")
    if _dialect() != "sqlite":
        _run("pg_restore", "--list", str(copy), connected=False)
        return
    try:
        with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as connection:
            _check(connection)
            found = connection.execute("SELECT version_num FROM alembic_version, (SELECT count(*) FROM listing)")
            if found.fetchone()[0] != manifest.revision:
                raise sqlite3.DatabaseError("it is not the one that was backed up")
    except (sqlite3.DatabaseError, TypeError) as error:
        raise UnusableFile(f"The database in the backup is damaged ({error}). Restore an older backup.") from error


def _put(source: Path, target: Path) -> None:
    """Let the target be what the source is, also if that is nothing."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    if source.exists() and not source.is_symlink():
        source.replace(target)


def _clear(folder: Path) -> None:
    """Delete what a backup or a restore that was killed left behind yesterday or before."""
    for path in (path for prefix in _DRAFTS for path in folder.glob(f"{prefix}*")):
        if path.is_dir() and time.time() - path.stat().st_mtime > _OLD:
            shutil.rmtree(path, ignore_errors=True)


def _dump(copy: Path) -> None:
    if _dialect() == "sqlite":
        with closing(sqlite3.connect(copy)) as target, _driver() as source:
            source.backup(target)
            _check(target)
    else:
        _run("pg_dump", "--format=custom", f"--file={copy}")


def _load(copy: Path) -> None:
    if _dialect() == "sqlite":
        with closing(sqlite3.connect(copy)) as source, _driver() as target:
            source.backup(target)
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


def _run(program: str, *arguments: str, connected: bool = True) -> None:
    """A program of PostgreSQL's on the instance's database; its password is not shown in the list of processes."""
    url = db.engine.url
    # Setting the password to None would leave it as it is.
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    address = [f"--dbname={plain.render_as_string()}"] if connected else []
    environment = {**os.environ, "PGPASSWORD": url.password or os.environ.get("PGPASSWORD", "")}
    try:
        subprocess.run(  # noqa: S603 - two known programs, and no shell
            [program, *address, *arguments], env=environment, check=True, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise MatchmakerError(
            f"{program} is not installed. Install PostgreSQL's client programs, of the server's version or newer."
        ) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip() or "no reason given").splitlines()[-1]
        raise MatchmakerError(f"{program} failed: {last}") from error
