"""Full disks, flipped bits, cut and deleted files: noticed, mended, and searches are answered meanwhile."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import processes
import pytest
from databases import only_sqlite

from matchmaker.policy import ANONYMOUS, SYSTEM
from matchmaker.services import indexing, listings, matching, outbox
from models import OutboxItem, db
from search_index.local import LocalEngine

# What happens to the files of the index is the same over every database.
pytestmark = only_sqlite


def flip(index: Path) -> None:
    """Turn one bit in the largest file."""
    largest = max(index.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 3] ^= 4
    largest.write_bytes(content)


def cut(index: Path) -> None:
    """Take the second half of a file away."""
    largest = max(index.glob("*.idx"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(largest.stat().st_size // 2)


def lose_everything(index: Path) -> None:
    """Delete the folder of all generations."""
    shutil.rmtree(index.parent)


DAMAGE = {
    "a flipped bit": flip,
    "a cut file": cut,
    "a deleted file": lambda index: next(index.glob("*.term")).unlink(),
    "a garbled list of files": lambda index: (index / "meta.json").write_text("{broken"),
    "a deleted generation": shutil.rmtree,
    "a deleted folder of generations": lose_everything,
}


def publish(title: str) -> int:
    return listings.publish(SYSTEM, "offer", {"title": title}).id


def found(engine: LocalEngine, text: str) -> set[int]:
    """The ids found; that a page comes at all is part of every test here."""
    return {match.listing.id for match in matching.find(engine, ANONYMOUS, "offer", text=text).matches}


def make_due() -> None:
    """Let every wait and lease be over."""
    for item in db.session.query(OutboxItem):
        item.available_at, item.leased_until, item.leased_by = item.created_at, None, None
    db.session.commit()


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
class TestDamage:
    @pytest.fixture
    def engine(self, instance: Path, damage: Callable[[Path], None]) -> Iterator[LocalEngine]:
        """A server's engine whose keyword index is damaged while it is open."""
        with processes.opened(instance) as engine:
            publish("Solar pump")
            indexing.drain(engine, "before")
            found(engine, "pump")
            damage(engine.generations.current())
            yield engine

    def test_searches_are_answered_meanwhile(self, engine: LocalEngine) -> None:
        assert found(engine, "pump") == {1}

    def test_a_process_that_starts_then_answers_too(self, engine: LocalEngine, instance: Path) -> None:
        other = engine.empty_twin(engine.generations.root)
        assert found(other, "pump") == {1}

    def test_the_worker_notices_it_at_its_check_and_mends_it(self, engine: LocalEngine) -> None:
        indexing.settle(engine)
        indexing.drain(engine, "after")
        assert indexing.differences(engine) == []
        assert matching.find(engine, ANONYMOUS, "offer", text="pump").notices == ()

    def test_a_change_is_indexed_all_the_same(self, engine: LocalEngine) -> None:
        publish("Lime kiln")
        for _ in range(3):
            indexing.drain(engine, "after")
            make_due()
        indexing.settle(engine)
        indexing.drain(engine, "after")
        assert (found(engine, "kiln"), indexing.differences(engine)) == ({2}, [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
    yield disk
    # The index that was open there may still be mapped into memory.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_loses_nothing_and_searches_go_on(instance: Path, small_disk: Path) -> None:
    with processes.opened(instance) as engine:
        (instance / "search_index").rename(tmp := instance / "elsewhere")
        shutil.copytree(tmp, small_disk / "search_index")
        (instance / "search_index").symlink_to(small_disk / "search_index")
        publish("Solar pump")
        indexing.drain(engine, "before")
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(b"x" * 4_000_000)
        publish("Lime kiln")
        indexing.drain(engine, "full")
        assert outbox.depth("index").waiting == 1
        assert outbox.last_error("index")
        assert found(engine, "pump") == {1}
        ballast.unlink()
        make_due()
        indexing.drain(engine, "after")
        indexing.settle(engine)
        indexing.drain(engine, "after")
        assert (found(engine, "kiln"), indexing.differences(engine)) == ({2}, [])
