"""What a seeker types in the search box, in parts: words to rank by, and what must or must not hold."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from .types import ALWAYS, Filters, Words

#: Whoever types more than this many characters tells a story, where quotes, dashes and colons mean what they always do.
LONGEST = 300
#: No index holds longer words.
LONGEST_BEGINNING = 64

_POSTED = "posted"
_QUOTES = '"“”«»'
_PHRASE = re.compile(rf'(-?)(?:"([^{_QUOTES}]*)"|“([^{_QUOTES}]*)”|«([^{_QUOTES}]*)»)(?= |$)')
_BODY = rf"[^\s{_QUOTES}:;,.!?*/\\()\[\]{{}}<>]*"
_BARRED = re.compile(rf"-([^\W\d_]{_BODY})")
_BEGINNING = re.compile(rf"([^\W_]{_BODY})\*")
_COMPARED = re.compile(r"(>=|<=|>|<)([0-9-]{1,10})")
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_SPAN = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query in its parts. `written` is the query in one agreed spelling, and parses to the same parts.

    `text` holds every word that counts for the ranking, those of phrases and beginnings too.
    """

    text: str
    words: Words = field(default_factory=Words)
    filters: Filters = field(default_factory=dict)
    published: tuple[float, float] = ALWAYS
    written: str = ""


def parse(typed: str, codes: Mapping[str, Collection[str]]) -> Parsed:
    """Read the query language; `codes` are the values that may stand after each field. Never raises.

    "a phrase" (also “ ” and « »), -word, -"phrase", begin*, field:value, trl:>=7, trl:4-6, posted:2026,
    posted:>=2026-01-31 (UTC). Several values of one field are alternatives; several times of posting all hold.
    Whatever is not exactly so is plain words. A text of more than LONGEST characters is plain words altogether, its
    fields too.
    """
    query = " ".join(typed.split())
    if len(query) > LONGEST:
        return Parsed(typed, written=typed)
    parts = _Parts()
    start = 0
    while start < len(query):
        phrase = _PHRASE.match(query, start)
        if phrase and parts.take_phrase(phrase):
            end = phrase.end()
        else:
            space = query.find(" ", start)
            end = len(query) if space < 0 else space
            parts.take_word(query[start:end], codes)
        start = end + 1
    return parts.together()


class _Parts:
    def __init__(self) -> None:
        self._scored: list[str] = []
        self._written: list[str] = []
        # Dictionaries that keep each key once, in order.
        self._phrases: dict[str, None] = {}
        self._beginnings: dict[str, None] = {}
        self._barred: dict[str, None] = {}
        self._filters: dict[str, dict[str, None]] = {}
        self._published = ALWAYS

    def take_phrase(self, match: re.Match[str]) -> bool:
        """Whether what stands in the quotes is a phrase at all."""
        text = next(group for group in match.groups()[1:] if group is not None).strip()
        if not any(map(str.isalnum, text)):
            return False
        minus = match[1]
        self._written.append(f'{minus}"{text}"')
        if minus:
            self._barred[text] = None
        else:
            self._phrases[text] = None
            self._scored.append(text)
        return True

    def take_word(self, word: str, codes: Mapping[str, Collection[str]]) -> None:
        """Whatever the word is, a plain one in the end."""
        name, _, value = word.partition(":")
        name, value = name.lower(), value.lower()
        if name in codes and (chosen := _codes(value, codes[name])):
            self._filters.setdefault(name, {}).update(dict.fromkeys(chosen))
            self._written.append(f"{name}:{chosen[0] if len(chosen) == 1 else value}")
            return
        if name == _POSTED and (posted := _published(value)):
            since, until = self._published
            self._published = max(since, posted[0]), min(until, posted[1])
            self._written.append(f"{name}:{value}")
            return
        self._written.append(word)
        if barred := _BARRED.fullmatch(word):
            self._barred[barred[1]] = None
        elif (beginning := _BEGINNING.fullmatch(word)) and len(word) <= LONGEST_BEGINNING:
            self._beginnings[beginning[1]] = None
            self._scored.append(beginning[1])
        else:
            self._scored.append(word)

    def together(self) -> Parsed:
        return Parsed(
            " ".join(self._scored),
            Words(tuple(self._phrases), tuple(self._beginnings), tuple(self._barred)),
            {name: tuple(chosen) for name, chosen in self._filters.items()},
            self._published,
            " ".join(self._written),
        )


def _codes(value: str, allowed: Collection[str]) -> tuple[str, ...]:
    """The allowed codes that the value stands for; none when it is no right value."""
    same = tuple(code for code in allowed if code.lower() == value)
    if same:
        return same
    numbers = [code for code in allowed if code.isdecimal()]
    if span := _SPAN.fullmatch(value):
        return tuple(code for code in numbers if int(span[1]) <= int(code) <= int(span[2]))
    compared = _COMPARED.fullmatch(value)
    if compared and compared[2].isdecimal():
        holds = _COMPARE[compared[1]]
        return tuple(code for code in numbers if holds(int(code), int(compared[2])))
    return ()


def _published(value: str) -> tuple[float, float] | None:
    """`[from, until)` of a day, a month or a year, or of what lies before or after; None when it is no date."""
    compared = _COMPARED.fullmatch(value)
    dated = _DATE.fullmatch(compared[2] if compared else value)
    if not dated:
        return None
    year, month, day = dated.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
        # A date that exists is followed by the first of the next month within 31 days, of the next year within 366.
        after = first + timedelta(1 if day else 31 if month else 366)
    except (ValueError, OverflowError):
        return None
    after = after if day else after.replace(day=1) if month else after.replace(month=1, day=1)
    since, until = _midnight(first), _midnight(after)
    return {
        None: (since, until),
        ">=": (since, math.inf),
        ">": (until, math.inf),
        "<=": (-math.inf, until),
        "<": (-math.inf, since),
    }[compared and compared[1]]


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
