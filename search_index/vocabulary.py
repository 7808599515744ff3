"""Completing and correcting what somebody types, out of the words the listings use."""

from __future__ import annotations

import functools
import math
import operator
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping

import numpy as np
from rapidfuzz.distance import OSA
from whoosh.lang.porter import stem

from .analysis import STOP_WORDS, fold, is_readable, places

#: With more unknown words than this a text is in another language, or a long story, and not mistyped.
MOST_UNKNOWN = 5
#: Being one edit further away counts as much as being this many times rarer.
_EDIT = 100
_SHORTEST = 4
_LONG = 8
_LAST = "\U0010ffff"
_TOKEN = re.compile(r"\S+")
#: Addresses, fields of the query language, quantities and numbers of types.
_CODE = re.compile(r"[:/@\d]")


class Vocabulary:
    """The words of all listings with the number of listings that hold each, as KeywordIndex.vocabulary gives them."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        plain = sorted((_plain(word), word) for word in counts)
        self._plain = [folded for folded, _ in plain]
        self._words = [word for _, word in plain]
        self._counts = np.array([counts[word] for word in self._words], np.int64)
        self._known = set(self._plain)
        self._lengths = np.fromiter(map(len, self._plain), np.int64, len(plain))
        self._letters = np.fromiter(map(_letters, self._plain), np.uint64, len(plain))

    def complete(self, text: str, most: int = 8) -> tuple[str, ...]:
        """The text with its last word completed in up to `most` ways, the most frequent first; accents do not matter.

        Empty when the text does not end in the midst of a word, or ends in a field's value.
        """
        text = unicodedata.normalize("NFC", text)
        start, end = next(reversed([*places(text)]), (0, 0))
        if end < len(text) or not text or ":" in text.split()[-1]:
            return ()
        typed = _plain(text[start:])
        first, last = bisect_left(self._plain, typed), bisect_left(self._plain, typed + _LAST)
        ranked = first + np.argsort(-self._counts[first:last], kind="stable")[: most + 1]
        longer = [self._words[number] for number in ranked if self._words[number] != text[start:].lower()]
        return tuple(text[:start] + word for word in longer[:most])

    def correct(self, text: str) -> str | None:
        """The text with each unknown word replaced by a frequent one close by; None when there is nothing to mend.

        A word of four letters may be one edit away, one of eight two. Words in capitals or with digits are codes and
        stay; so do other forms of known words, since they are found as they are.
        """
        text = unicodedata.normalize("NFC", text)
        unknown = [span for span in _words_in(text) if self._is_unknown(text[slice(*span)])]
        if len(unknown) > MOST_UNKNOWN:
            return None
        corrected = text
        # From the end, so that what stands before keeps its place.
        for start, end in reversed(unknown):
            word = text[start:end]
            if nearest := self._nearest(_plain(word)):
                corrected = (
                    corrected[:start] + (nearest.capitalize() if word[0].isupper() else nearest) + corrected[end:]
                )
        return None if corrected == text else corrected

    def _is_unknown(self, word: str) -> bool:
        plain = _plain(word)
        return (
            len(plain) >= _SHORTEST
            and not word.isupper()
            and is_readable(word)
            and plain not in STOP_WORDS
            and plain not in self._known
        )

    def _nearest(self, typed: str) -> str | None:
        """The likeliest word that was meant; None when none is near, or one is another form of what was typed."""
        most = 2 if len(typed) >= _LONG else 1
        # An edit changes the length by one at most, and takes away one letter and adds one at most.
        maybe = np.flatnonzero(
            (abs(self._lengths - len(typed)) <= most)
            & (np.bitwise_count(self._letters ^ np.uint64(_letters(typed))) <= 2 * most)
        )
        root, best, likelihood = stem(typed), None, -math.inf
        for number in maybe:
            distance = OSA.distance(typed, self._plain[number], score_cutoff=most)
            if distance > most:
                continue
            if stem(self._plain[number]) == root:
                return None
            likely = math.log(max(self._counts[number], 1)) - distance * math.log(_EDIT)
            if likely > likelihood:
                best, likelihood = self._words[number], likely
        return best


def _letters(word: str) -> int:
    """Which letters the word has, as bits; some share one."""
    return functools.reduce(operator.or_, (1 << (ord(letter) & 63) for letter in word), 0)


def _plain(word: str) -> str:
    """The word as it is compared: in lower case, without accents."""
    return word.lower() if word.isascii() else fold(unicodedata.normalize("NFD", word.lower()))


def _words_in(text: str) -> list[tuple[int, int]]:
    """Where words stand in the composed text, those inside codes left out."""
    codes = [token.span() for token in _TOKEN.finditer(text) if _CODE.search(token[0])]
    found = []
    for span in places(text):
        while codes and codes[0][1] <= span[0]:
            codes.pop(0)
        if not codes or span[1] <= codes[0][0]:
            found.append(span)
    return found
