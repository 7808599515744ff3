"""Parts of pages that cost a search and are the same for everybody, kept in memory under all that they depend on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock

from cachetools import LRUCache
from flask import current_app
from markupsafe import Markup

#: In characters; the parts used least leave first.
_MOST = 16_000_000


class Fragments:
    """Kept parts of one application's pages."""

    def __init__(self) -> None:
        self._kept: LRUCache[Hashable, Markup] = LRUCache(_MOST, getsizeof=len)
        self._lock = Lock()

    def get(self, key: Hashable) -> Markup | None:
        """The part under this key."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, part: Markup) -> None:
        """Keep a part."""
        with self._lock:
            self._kept[key] = part


def kept(key: Hashable, make: Callable[[], tuple[Markup, bool]]) -> Markup:
    """The part under this key, made when there is none; `make` also says whether it may be kept."""
    fragments: Fragments = current_app.extensions["fragments"]
    part = fragments.get(key)
    if part is None:
        part, keep = make()
        if keep:
            fragments.put(key, part)
    return part
