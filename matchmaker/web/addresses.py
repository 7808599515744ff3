"""Where things stand: the one address of a listing, and addresses as everybody outside reaches them."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Protocol
from urllib.parse import quote

from flask import Response, current_app, make_response, redirect, request, url_for

#: Characters of a title that an address repeats.
LONGEST_SLUG = 60
_APOSTROPHES = "'’"


class _Titled(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...


def listing_address(listing: _Titled) -> str:
    """The path of a listing's page: /offers/12-brine-recovery."""
    return url_for("listings.show", kind=listing.kind, name=listing_name(listing))


def short_address(listing: _Titled) -> str:
    """A public address of a listing that can be typed from paper; it leads to the right one."""
    return public_address(url_for("listings.show", kind=listing.kind, name=listing.id))


def listing_name(listing: _Titled) -> str:
    """A listing's part of its address: its number, which decides, and words for readers."""
    words = slug(listing.title)
    return f"{listing.id}-{words}" if words else str(listing.id)


def number_in(name: str) -> int:
    """The number that decides, out of a listing's part of an address."""
    return int(name.partition("-")[0])


def slug(title: str) -> str:
    """The title as a readable part of an address: lower-case words of any script, cut at a word."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).lower())
    words = "".join(map(_kept, folded)).split()
    kept = words[0][:LONGEST_SLUG] if words else ""
    for word in words[1:]:
        if len(kept) + 1 + len(word) > LONGEST_SLUG:
            break
        kept += f"-{word}"
    return kept


@cache
def _kept(character: str) -> str:
    """Letters, their marks and digits stay; what is silent within a word goes; anything else ends a word."""
    category = unicodedata.category(character)
    if category[0] in "LMN":
        return character
    return "" if category == "Cf" or character in _APOSTROPHES else " "


def public_address(path: str) -> str:
    """The path as everybody outside reaches it. The base is a setting, because whoever asks may forge the host."""
    base: str = current_app.config["PUBLIC_URL"]
    return base + path


def moved(path: str) -> Response:
    """Sends to the right address for good, with what was asked. Not kept by browsers: titles change, and back again."""
    asked = quote(request.query_string, safe="!$&'()*+,;=:@/?%")
    answer = make_response(redirect(f"{path}?{asked}" if asked else path, 301))
    answer.cache_control.no_cache = True
    return answer
