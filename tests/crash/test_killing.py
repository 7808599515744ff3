"""Processes are killed at random points; what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import processes
from sqlalchemy import func, select, text

from matchmaker.services import indexing, outbox
from models import AuditEntry, Embedding, Listing, db
from search_index.local import LocalEngine


@dataclass
class Load:
    """A writer, a worker and a rebuilder; whichever is killed is started again."""

    instance: Path
    notes: Path
    seed: int = 0
    before: int = 0

    def __post_init__(self) -> None:
        self.notes.touch()

    def has_written(self) -> bool:
        """Whether the present writer has committed something."""
        return self.notes.stat().st_size > self.before

    def start(self, role: str) -> processes.BaseProcess:
        self.seed += 1
        if role == "writer":
            self.before = self.notes.stat().st_size
            return processes.started(processes.write, self.instance, self.seed, self.notes)
        return processes.started(processes.work if role == "worker" else processes.rebuild, self.instance)


def kill_at_random(load: Load, kills: int) -> Counter[str]:
    """Kill so many processes while all three are at work. Returns how often each was hit."""
    choose = random.Random(20261125)
    running = {role: load.start(role) for role in ("writer", "worker", "rebuilder")}
    hit: Counter[str] = Counter()
    for _ in range(kills):
        # A writer that is not at work yet has nothing to lose.
        processes.wait_for(load.has_written)
        time.sleep(choose.uniform(0.0, 0.5))
        role = choose.choice(sorted(running))
        assert running[role].is_alive(), f"the {role} ended by itself"
        running[role].kill()
        running[role].join()
        hit[role] += 1
        running[role] = load.start(role)
    for process in running.values():
        process.kill()
        process.join()
    return hit


def acknowledged(notes: Path) -> dict[int, tuple[int, list[str]]]:
    """The last version that was acknowledged of each listing, and what it said. A last line may be cut off."""
    lines = notes.read_text().split("\n")[:-1]
    return {int(id): (int(version), rest) for id, version, *rest in (line.split(" ", 3) for line in lines)}


def settle(engine: LocalEngine) -> None:
    """What `index check --repair` does, once the leases of the killed have run out."""
    db.session.execute(text("UPDATE outbox SET leased_until = '2000-01-01 00:00:00' WHERE leased_until IS NOT NULL"))
    db.session.commit()
    indexing.settle(engine)
    indexing.drain(engine, "after")


def test_no_kill_loses_an_acknowledged_write_or_doubles_anything(instance: Path, full: bool, tmp_path: Path) -> None:
    notes = tmp_path / "acknowledged"
    kills = 200 if full else 8
    hit = kill_at_random(Load(instance, notes), kills)
    with processes.opened(instance) as engine:
        settle(engine)
        stored = {row.id: row for row in db.session.scalars(select(Listing))}
        written = acknowledged(notes)
        print(f"{sum(hit.values())} kills {dict(hit)}, {len(notes.read_text().splitlines())} acknowledged writes")
        assert written
        for id, (version, rest) in written.items():
            if rest[0] == "gone":
                assert id not in stored
            elif id in stored:
                assert stored[id].version >= version
                assert stored[id].version > version or [stored[id].status, stored[id].title] == rest
            else:
                assert deleted(id), f"listing {id} was acknowledged at version {version} and is gone"
        assert indexing.differences(engine) == []
        assert outbox.depth("index") == outbox.Depth(0, 0, 0)
        assert engine.keywords().count() == len(engine.keywords().versions())
        # One entry a version: nothing was written twice.
        entries = dict(
            db.session.execute(select(AuditEntry.thing_id, func.count()).group_by(AuditEntry.thing_id)).all()
        )
        assert {id: entries[id] for id in stored} == {id: row.version for id, row in stored.items()}
        live = select(func.count()).where(Embedding.vector.is_not(None))
        assert db.session.scalar(live) == engine.keywords().count()


def deleted(id: int) -> bool:
    """Whether a deletion was committed whose acknowledgement the kill swallowed."""
    entry = select(AuditEntry.id).where(AuditEntry.thing_id == id, AuditEntry.action == "listing.delete")
    return db.session.scalar(entry) is not None
