"""Automatic checks of what a listing says. They point a moderator somewhere; none of them is a verdict."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from babel.core import get_global
from sqlalchemy import select

from models import Embedding, Listing, db
from search_index.errors import SearchIndexError
from search_index.local import LocalEngine
from search_index.types import Encoded

from . import families
from .completeness import gaps
from .documents import document_of, encoded_of
from .following import Reader
from .matching import Link
from .vague_claims import vague_claims

log = logging.getLogger(__name__)

#: Fields whose text is looked at.
_TEXTS = ("title", "summary", "description", "problem", "constraints")
#: More of one kind tell no more.
_MOST = 20

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]\"']{1,500}", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PHONE = re.compile(
    r"\+\d[\d ().\u00a0-]{6,20}\d"
    r"|\b(?:tel|phone|fax|mobile|whatsapp|wechat|telefon|téléphone|teléfono|电话|هاتف)\W{0,3}[\d(][\d ().-]{4,20}\d",
    re.IGNORECASE,
)
#: So many letters in capitals, in several words on end, are no abbreviation.
_LEAST_SHOUTED = 12
_CAPITALS = re.compile(r"[^\W\d_]+(?:[ ,&-]{1,3}[^\W\d_]+)*")

#: The first word of a letter's Unicode name, by the ISO 15924 scripts that are written with it.
_SCRIPTS = {
    "Hans": {"CJK"},
    "Hant": {"CJK"},
    "Jpan": {"CJK", "HIRAGANA", "KATAKANA"},
    "Kore": {"HANGUL", "CJK"},
    "Latn": {"LATIN", "FULLWIDTH"},
    "Cyrl": {"CYRILLIC"},
    "Arab": {"ARABIC"},
    "Deva": {"DEVANAGARI"},
    "Beng": {"BENGALI"},
    "Grek": {"GREEK"},
    "Hebr": {"HEBREW"},
    "Thai": {"THAI"},
    "Ethi": {"ETHIOPIC"},
    "Taml": {"TAMIL"},
    "Telu": {"TELUGU"},
    "Knda": {"KANNADA"},
    "Mlym": {"MALAYALAM"},
    "Gujr": {"GUJARATI"},
    "Guru": {"GURMUKHI"},
    "Sinh": {"SINHALA"},
    "Khmr": {"KHMER"},
    "Laoo": {"LAO"},
    "Mymr": {"MYANMAR"},
    "Geor": {"GEORGIAN"},
    "Armn": {"ARMENIAN"},
}
#: Scripts that one language alone is commonly written in: whoever sees the script knows the language.
_TELLING = {"Jpan", "Kore", "Grek", "Thai", "Taml", "Telu", "Knda", "Mlym", "Gujr", "Guru", "Sinh", "Khmr", "Laoo"}
_FEWEST_LETTERS = 20
_MOST_LETTERS = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth a look: what (a code), and the words of the listing, or codes, that it is about."""

    code: str
    items: tuple[str, ...] = ()


def findings(listing: Any) -> list[Finding]:
    """What stands out in a listing's content, in a fixed order. Pure; costs time in proportion to the text."""
    text = "\n".join(getattr(listing, name) for name in _TEXTS)
    found = [
        Finding("missing", tuple(name for name, _ in gaps(listing))),
        Finding("vague", vague_claims(text)),
        Finding("contact", (*_all(_EMAIL, text), *_all(_PHONE, _ADDRESS.sub(" ", text)))),
        Finding("links", _all(_ADDRESS, text)),
        Finding("shouting", tuple(_shouted(text))),
    ]
    return [finding for finding in found if finding.items] + _language(listing.language, text)


def repeats(engine: LocalEngine, listing: Listing, encoded: Encoded | None = None) -> Link | None:
    """The public listing that this one nearly repeats; None while the engine is down.

    What was sent but is not public yet is not compared with. `encoded` saves an encode where its vectors are at hand.
    """
    document = document_of(listing)
    encoded = encoded or encoded_of(db.session.get(Embedding, (listing.id, engine.embedder.name)), document)
    try:
        Reader.of(engine).pull()
        vector = (encoded or engine.encode(document.text)).vector
        other_id = families.repeated(engine, [document], [vector]).get(listing.id)
    except (SearchIndexError, RuntimeError) as error:
        log.error("near-duplicates could not be looked for: %s", error)
        return None
    query = select(Listing.id, Listing.kind, Listing.title, Listing.language).where(Listing.id == other_id)
    row = db.session.execute(query).first() if other_id else None
    return Link(*row) if row else None


def _all(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match[0].rstrip(".,;:!?") for match in pattern.finditer(text)))[:_MOST]


def _shouted(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for match in _CAPITALS.finditer(line):
            words = match[0].split()
            run: list[str] = []
            for word in [*words, ""]:
                if word and word == word.upper() and word != word.lower():
                    run.append(word)
                    continue
                if len(run) > 1 and sum(map(len, run)) >= _LEAST_SHOUTED:
                    yield " ".join(run)[:80]
                run = []


def _language(tag: str, text: str) -> list[Finding]:
    """Whether the script is one that the stated language is written in; more cannot be told from letters."""
    letters = Counter(_script(letter) for letter in text if letter.isalpha())
    expected = _script_of(tag)
    if expected is None or letters.total() < _FEWEST_LETTERS:
        return [Finding("language_unknown", (tag,))]
    fitting = sum(letters[name] for name in _SCRIPTS[expected])
    if fitting < _MOST_LETTERS * letters.total():
        return [Finding("language_differs", (tag, letters.most_common(1)[0][0].lower()))]
    return [] if expected in _TELLING else [Finding("language_unsure", (tag,))]


def _script_of(tag: str) -> str | None:
    """The ISO 15924 code of the script that a language is written in, if its letters are known here."""
    if tag == "und":
        return None
    parts = tag.split("-")
    stated = next((part.title() for part in parts[1:] if len(part) == 4 and part.isalpha()), None)
    likely = get_global("likely_subtags").get(parts[0].lower(), "").split("_")
    script = stated or next((part for part in likely[1:] if len(part) == 4), None)
    return script if script in _SCRIPTS else None


def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]
