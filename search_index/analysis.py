"""What both keyword engines share: where words end, bigrams, diacritics, stop words, BM25."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from whoosh.lang.stopwords import stoplists

#: BM25's saturation, as tantivy and Whoosh both fix it (Robertson & Zaragoza 2009, section 3.4).
K1 = 1.2

_UNSPACED = re.compile(r"[\u3005\u3040-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
#: Vowel signs and joiners: Python's \w leaves them out, yet they stand inside the words of many scripts.
_MARKS = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c) in ("Mn", "Mc")) + "\u200c\u200d"
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")
#: What is left out in ordinary writing: Latin marks that do not compose, Hebrew points, Arabic vowels and stretching.
_OPTIONAL = re.compile(r"[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200c\u200d]")

#: English function words. They would be found everywhere, and "our" is no reason for a match.
STOP_WORDS = frozenset(stoplists["en"])


def segment(text: str) -> str:
    """The words of a text as engines index them: folded, in lower case, with one space between, in order."""
    return " ".join(filter(None, map(fold, occurrences(text))))


def words(text: str) -> list[str]:
    """The words of a text in lower case, pairs of characters where a script has no spaces, each once, in order."""
    return list(dict.fromkeys(occurrences(text)))


def occurrences(text: str) -> list[str]:
    """The words of a text in lower case as often as they stand in it, pairs where a script has no spaces, in order."""
    composed = unicodedata.normalize("NFC", text)
    return _WORD.findall(_UNSPACED.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", composed).lower())


def places(text: str) -> Iterator[tuple[int, int]]:
    """Where the words of a composed text stand, `[start, end)` in characters, in order; pairs overlap."""
    for word in _WORD.finditer(text):
        left = word.start()
        for run in _UNSPACED.finditer(text, *word.span()):
            yield from (match.span() for match in _WORD.finditer(text, left, run.start()))
            left = run.end()
            for start in range(run.start(), max(left - 1, run.start() + 1)):
                yield start, min(start + 2, left)
        yield from (match.span() for match in _WORD.finditer(text, left, word.end()))


def fold(word: str) -> str:
    """The word without the marks that a writer may leave out."""
    return word if word.isascii() else _OPTIONAL.sub("", word)


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]
