"""Help while somebody types: completions and corrections out of the listings' own words."""

from __future__ import annotations

from search_index.local import LocalEngine

from .following import Reader

#: A longer text is a story; nobody waits for its last word to be completed.
LONGEST = 300


def complete(engine: LocalEngine, text: str) -> tuple[str, ...]:
    """The text with its last word completed in up to eight ways, the most frequent first."""
    Reader.of(engine).pull()
    return engine.vocabulary().complete(text) if 0 < len(text) <= LONGEST else ()


def correct(engine: LocalEngine, text: str) -> str | None:
    """The text with words that no listing uses replaced by near ones; None when there is nothing to mend."""
    return engine.vocabulary().correct(text) if 0 < len(text) <= LONGEST else None
