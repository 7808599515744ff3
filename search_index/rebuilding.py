"""Bringing a keyword index to what it should hold while that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .errors import IndexCorrupt
from .protocols import KeywordIndex
from .types import Document

#: How often a rebuild looks for what changed while it wrote.
_MOST_ROUNDS = 5


def put(keywords: KeywordIndex, documents: Iterable[Document], removed: Iterable[int] = ()) -> None:
    """Forget the removed ids and write the documents, in one commit. Raises IndexLocked or IndexCorrupt."""
    with keywords.writer() as writer:
        for id in removed:
            writer.remove(id)
        for document in documents:
            writer.put(document)


def catch_up(
    fresh: KeywordIndex,
    documents: Callable[[Sequence[int] | None], Iterable[Document]],
    expected: Callable[[], dict[int, int]],
) -> None:
    """Write anew what differs, until nothing does or only what changed since the last look.

    Raises IndexCorrupt when a document differs that did not change: then writing it does not help.
    """
    tried: dict[int, int | None] = {}
    for _ in range(_MOST_ROUNDS):
        wanted, held = expected(), fresh.versions()
        differing = [id for id in wanted.keys() | held.keys() if wanted.get(id) != held.get(id)]
        if any(id in tried and tried[id] == wanted.get(id) for id in differing):
            raise IndexCorrupt("The rebuilt keyword index does not agree with the database. Run the rebuild again.")
        if not differing:
            return
        tried = {id: wanted.get(id) for id in differing}
        put(fresh, documents(differing), differing)
