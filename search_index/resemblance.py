"""How alike two texts are in their wording, whatever they mean."""

from __future__ import annotations

from .analysis import segment

_SIZE = 3


def shingles(text: str) -> frozenset[str]:
    """The runs of three words of a text, or the whole of a shorter one (Broder 1997)."""
    words = segment(text).split()
    return frozenset(" ".join(words[i : i + _SIZE]) for i in range(max(1, len(words) - _SIZE + 1)))


def resemblance(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the shingles of either text that both hold, from 0 to 1 (Broder 1997)."""
    return len(one & other) / (len(one | other) or 1)
