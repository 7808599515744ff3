"""What pages say to machines, in the words of schema.org. What is unknown, or not to be told, is left out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import url_for

from models import Listing

from .. import wording
from ..policy import ANONYMOUS
from ..services import matching
from ..services.matching import ListingView
from ..wording import _
from .addresses import listing_address, public_address
from .facts import abstract, patents, source_address

Node = dict[str, Any]


def of_site() -> Node:
    """The marketplace and how it is searched."""
    target = public_address(url_for("listings.search", kind="offer")) + "?q={what}"
    action = _node("SearchAction", target=_node("EntryPoint", urlTemplate=target))
    return _whole(
        _node(
            "WebSite",
            name="Matchmaker",
            url=public_address(url_for("public.home")),
            potentialAction={**action, "query-input": "required name=what"},
        )
    )


def of_listing(listing: Listing) -> Node:
    """A page about a product that is offered or demanded, as everybody may see it."""
    view = matching.view_of(listing, ANONYMOUS)
    product = _node(
        "Product",
        name=listing.title,
        description=abstract(listing),
        category=wording.category_path(listing.category, listing.subcategory),
        keywords=", ".join(listing.keywords),
        identifier=[
            _property("Matchmaker", value=str(listing.id)),
            *(_property(_("Patent or application"), value=number) for number in patents(listing, ANONYMOUS)),
        ],
        additionalProperty=_readiness(listing),
        sameAs=source_address(listing, ANONYMOUS),
    )
    return _whole(
        _node(
            "ItemPage",
            url=public_address(listing_address(listing)),
            name=listing.title,
            inLanguage=listing.language if listing.language != "und" else None,
            datePublished=_moment(view.published),
            dateModified=_moment(view.updated),
            mainEntity=_offer(listing, view, product) if listing.kind == "offer" else _demand(listing, view, product),
        )
    )


def _offer(listing: Listing, view: ListingView, product: Node) -> Node:
    offer = _node(
        "Offer",
        url=public_address(listing_address(listing)),
        offeredBy=_organisation(view),
        areaServed=_countries(listing.available_in),
        validFrom=_moment(view.published),
        validThrough=_moment(listing.expires_at),
    )
    return {**product, "offers": offer}


def _demand(listing: Listing, view: ListingView, product: Node) -> Node:
    organisation = _organisation(view)
    demand = _node(
        "Demand",
        itemOffered=product,
        areaServed=_countries(listing.wanted_in),
        validFrom=_moment(view.published),
        validThrough=_moment(listing.deadline or listing.expires_at),
    )
    # A demand has no word for who makes it; an organisation has one for what it seeks.
    return {**demand, "@reverse": {"seeks": organisation}} if organisation else demand


def _organisation(view: ListingView) -> Node | None:
    if not view.organisation:
        return None
    address = _node("PostalAddress", addressCountry=view.country) if view.country else None
    return _node("Organization", name=view.organisation, address=address)


def _readiness(listing: Listing) -> list[Node]:
    name = _("Technology readiness level (ISO 16290)")
    level = {"value" if listing.kind == "offer" else "minValue": listing.trl}
    return [_property(name, **level)] if listing.trl else []


def _countries(codes: Iterable[str]) -> list[Node]:
    return [_node("Country", name=wording.country(code), identifier=code) for code in codes]


def _property(name: str, **known: Any) -> Node:
    return _node("PropertyValue", name=name, **known)


def _moment(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None


def _node(kind: str, **known: Any) -> Node:
    return {"@type": kind, **{name: value for name, value in known.items() if value not in (None, "", [])}}


def _whole(node: Node) -> Node:
    return {"@context": "https://schema.org", **node}
