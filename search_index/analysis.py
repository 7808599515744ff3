"""What both keyword engines share: where words end, bigrams, diacritics, stop words, BM25."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from whoosh.lang.stopwords import stoplists

#: BM25's saturation, as tantivy and Whoosh both fix it (Robertson & Zaragoza 2009, section 3.4).
K1 = 1.2

_UNSPACED = re.compile(r"[\u3005\u3040-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
#: Vowel signs and joiners: Python's \w leaves them out, yet they stand inside the words of many scripts.
_MARKS = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c) in ("Mn", "Mc")) + "\u200c\u200d"
#: For texts whose underscores became spaces; one class of characters is read twice as fast as a choice of two.
_WORD = re.compile(rf"\w[\w{_MARKS}]*")
#: Every ASCII letter in lower case and every digit; a space for anything else.
_ASCII = bytes(ord(chr(i).lower()) if chr(i).isalnum() else 32 for i in range(128)) + bytes(128)
#: What is left out in ordinary writing: Latin marks that do not compose, Hebrew points, Arabic vowels and stretching.
_OPTIONAL = re.compile(r"[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200c\u200d]")

#: English function words. They would be found everywhere, and "our" is no reason for a match.
STOP_WORDS = frozenset(stoplists["en"])


def segment(text: str) -> str:
    """The words of a text as engines index them: folded, in lower case, with one space between, in order."""
    return _folded(text, occurrences(text))


def forms(text: str) -> tuple[str, str, str]:
    """The segmented text; its words as they are written, each once; and folded those of them that may then differ."""
    found = occurrences(text)
    distinct = dict.fromkeys(found)
    other = () if text.isascii() else (w for w in distinct if not w.isascii() and not _UNSPACED.match(w))
    return _folded(text, found), " ".join(distinct), " ".join(filter(None, map(fold, other)))


def words(text: str) -> list[str]:
    """The words of a text in lower case, pairs of characters where a script has no spaces, each once, in order."""
    return list(dict.fromkeys(occurrences(text)))


def occurrences(text: str) -> list[str]:
    """The words of a text in lower case as often as they stand in it, pairs where a script has no spaces, in order."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII).decode("ascii").split()
    composed = unicodedata.normalize("NFC", text)
    spaced = _UNSPACED.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", composed)
    return _WORD.findall(spaced.lower().replace("_", " "))


def places(text: str) -> Iterator[tuple[int, int]]:
    """Where the words of a composed text stand, `[start, end)` in characters, in order; pairs overlap."""
    text = text.replace("_", " ")
    for word in _WORD.finditer(text):
        if word[0].isascii():
            yield word.span()
            continue
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


def is_readable(word: str) -> bool:
    """Whether it means something by itself: not a single letter, a number, or a pair cut out of a longer run."""
    return len(word) > 1 and not word.isnumeric() and not _UNSPACED.match(word)


def ceiling(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """The highest BM25 that terms held so often in a query can give: each of those with a weight, saturated."""
    return sum(counts[term] * weight * (K1 + 1) for term, weight in weights.items())


def _folded(text: str, found: list[str]) -> str:
    joined = " ".join(found)
    # Folding may leave nothing of a word.
    return joined if text.isascii() else " ".join(fold(joined).split())


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]
