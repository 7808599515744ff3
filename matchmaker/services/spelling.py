"""Help while somebody types: completions and corrections out of the listings' own words."""

from __future__ import annotations

from search_index.local import LocalEngine
from search_index.query_language import LONGEST

from .following import Reader


def complete(engine: LocalEngine, text: str) -> tuple[str, ...]:
    """The text with its last word completed in up to eight ways, the most frequent first; a story is left alone."""
    Reader.of(engine).pull()
    return engine.vocabulary().complete(text) if 0 < len(text) <= LONGEST else ()


def correct(engine: LocalEngine, text: str) -> str | None:
    """The text with words that no listing uses replaced by near ones; None when there is nothing to mend."""
    return engine.vocabulary().correct(text) if 0 < len(text) <= LONGEST else None
