"""The map of the site for search engines: an index, and parts that name every public listing (sitemaps.org)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from flask import Blueprint, Response, url_for

from ..errors import NotFound
from ..messages import N_
from ..services import directory
from .addresses import listing_address, public_address
from .xml_answers import add, document

sitemap = Blueprint("sitemap", __name__)

_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: This part names the pages that are no listings.
_OWN = 0


@sitemap.get("/sitemap.xml")
def index() -> Response:
    """The parts there are."""
    root = Element("sitemapindex", xmlns=_NAMESPACE)
    for number in (_OWN, *directory.parts()):
        add(add(root, "sitemap"), "loc", public_address(url_for("sitemap.part", number=number)))
    return document(root, "application/xml")


@sitemap.get("/sitemap-<id:number>.xml")
def part(number: int) -> Response:
    """The addresses of one part."""
    root = Element("urlset", xmlns=_NAMESPACE)
    if number == _OWN:
        for path in _own_pages():
            add(add(root, "url"), "loc", public_address(path))
    for listing in directory.part(number):
        place = add(root, "url")
        add(place, "loc", public_address(listing_address(listing)))
        add(place, "lastmod", listing.updated.isoformat(timespec="seconds"))
    if not len(root):
        raise NotFound(N_("There is no such part. The parts stand in /sitemap.xml."))
    return document(root, "application/xml")


def _own_pages() -> list[str]:
    searches = [url_for("listings.search", kind=kind) for kind in ("offer", "need")]
    return [url_for("public.home"), *searches, url_for("public.about")]
