"""What a listing leaves out that others need to be matched with it. Pure: unknown is never held against anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.taxonomy import KINDS

#: Shorter texts say too little for meaning to be compared.
FEWEST_WORDS = 40


def _few_words(listing: Any) -> bool:
    texts = (listing.summary, listing.description, listing.problem)
    # Chinese and Japanese put no spaces between words: two letters stand for one.
    letters = sum(len(text) for text in texts)
    return sum(len(text.split()) for text in texts) < FEWEST_WORDS and letters < 2 * FEWEST_WORDS * 3


def _measured(listing: Any) -> bool:
    return any(given["unit"] and given["baseline"] for given in listing.benefits)


#: Per kind, each gap with the page of the posting form that fills it, the heaviest first.
_GAPS: dict[str, tuple[tuple[str, str, Callable[[Any], bool]], ...]] = {
    "offer": (
        ("few_words", "what", _few_words),
        ("category", "field", lambda listing: listing.category is None),
        ("advantage", "advantage", lambda listing: not _measured(listing)),
        ("trl", "readiness", lambda listing: listing.trl is None),
        ("available_in", "readiness", lambda listing: not listing.available_in),
        ("ip_status", "protection", lambda listing: listing.ip_status == "unknown"),
        ("partnerships", "terms", lambda listing: not listing.partnerships),
        ("language", "what", lambda listing: listing.language == "und"),
        ("keywords", "field", lambda listing: not listing.keywords),
    ),
    "need": (
        ("few_words", "what", _few_words),
        ("problem", "problem", lambda listing: not listing.problem),
        ("category", "field", lambda listing: listing.category is None),
        ("targets", "problem", lambda listing: not listing.targets),
        ("wanted_in", "place", lambda listing: not listing.wanted_in),
        ("least_trl", "place", lambda listing: listing.trl is None),
        ("partnerships", "terms", lambda listing: not listing.partnerships),
        ("language", "what", lambda listing: listing.language == "und"),
        ("deadline", "place", lambda listing: listing.deadline is None),
    ),
}

GAPS = {kind: tuple(name for name, _, _ in _GAPS[kind]) for kind in KINDS}


def gaps(listing: Any) -> tuple[tuple[str, str], ...]:
    """What is left out, the heaviest first: each gap with the page of the posting form that fills it."""
    return tuple((name, page) for name, page, missing in _GAPS[listing.kind] if missing(listing))
