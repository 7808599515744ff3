"""Several processes edit one listing at once; each edit counts, or is refused in words."""

from __future__ import annotations

from pathlib import Path

import processes

from matchmaker.policy import SYSTEM
from matchmaker.services import listings

PROCESSES = 4


def test_no_edit_is_lost_between_processes(instance: Path, full: bool, tmp_path: Path) -> None:
    edits, refused = 200 if full else 15, tmp_path / "refused"
    with processes.opened(instance):
        id = listings.publish(SYSTEM, "offer", {"title": "Solar pump", "summary": "0"}).id
    running = [processes.started(processes.edit, instance, id, edits, refused) for _ in range(PROCESSES)]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * PROCESSES
    with processes.opened(instance):
        listing = listings.find(SYSTEM, id)
        said = refused.read_text().split()
        print(f"{PROCESSES * edits} edits of one listing, {len(said)} stale ones refused")
        assert (listing.summary, listing.version) == (str(PROCESSES * edits), PROCESSES * edits + 1)
        assert set(said) <= {"409"}
