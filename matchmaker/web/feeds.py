"""What is new of any search, as an Atom feed (RFC 4287)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from flask import Blueprint, Response, request

from .. import wording
from ..parts import current_parts
from ..policy import ANONYMOUS
from ..services import matching
from ..services.matching import ListingView
from ..wording import _
from . import results
from .addresses import listing_address, public_address
from .languages import current
from .results import Search
from .xml_answers import add, document

feeds = Blueprint("feeds", __name__)

_NAMESPACE = "http://www.w3.org/2005/Atom"
_TYPE = "application/atom+xml"
#: A tag names a year in which its authority was ours; it must never change (RFC 4151).
_YEAR = 2026
#: When nothing was found yet.
_NEVER = datetime(_YEAR, 1, 1, tzinfo=UTC)
_MOST = 30


@feeds.get("/<kind:kind>.atom")
def newest(kind: str) -> Response:
    """The newest of what a search finds, whatever page or order it asks for."""
    asked = Search.read("listings.search", {"kind": kind}, request.args).at(1)
    options = asked.options | {"sort": "newest", "per_page": _MOST}
    page = matching.find(current_parts().engine, ANONYMOUS, kind, text=asked.text, **options)
    found = [match.listing for match in page.matches]
    updated = max((_updated(listing) for listing in found), default=_NEVER)
    answer = document(_feed(kind, asked, found, updated, results.notices(asked, page)), _TYPE)
    answer.last_modified = updated
    # Weak, because it stands for the compressed answer too.
    answer.add_etag(weak=True)
    answer.make_conditional(request)
    return answer


def _feed(kind: str, asked: Search, found: Sequence[ListingView], updated: datetime, notices: Sequence[str]) -> Element:
    root = Element("feed", {"xmlns": _NAMESPACE, "xml:lang": current().tag})
    add(root, "id", _tag(asked.feed))
    add(root, "title", results.feed_title(kind, asked))
    if notices:
        add(root, "subtitle", " ".join(notices))
    add(root, "updated", _moment(updated))
    add(root, "link", rel="self", type=_TYPE, href=public_address(asked.feed))
    add(root, "link", rel="alternate", type="text/html", href=public_address(asked.address))
    add(add(root, "author"), "name", "Matchmaker")
    for listing in found:
        _add_entry(root, listing)
    return root


def _add_entry(root: Element, listing: ListingView) -> None:
    entry = add(root, "entry")
    if listing.language != "und":
        entry.set("xml:lang", listing.language)
    add(entry, "id", _tag(f"{listing.kind}/{listing.id}"))
    add(entry, "title", listing.title)
    add(entry, "updated", _moment(_updated(listing)))
    add(entry, "published", _moment(listing.published or _NEVER))
    add(entry, "link", rel="alternate", type="text/html", href=public_address(listing_address(listing)))
    add(add(entry, "author"), "name", wording.organisation(listing.organisation, anonymous=listing.anonymous))
    if listing.summary:
        add(entry, "summary", listing.summary)
    if listing.category:
        add(entry, "category", term=listing.category, label=wording.code_name("category", listing.category))
    if listing.sample:
        add(entry, "category", term="sample", label=_("fictional sample"))


def _updated(listing: ListingView) -> datetime:
    return listing.updated or _NEVER


def _tag(thing: str) -> str:
    """A name for good: it stays when addresses change."""
    return f"tag:{urlsplit(public_address('')).hostname},{_YEAR}:{thing}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
