"""Search, a listing's page, and what may serve it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import get_locale
from markupsafe import Markup

from models import Listing
from models.taxonomy import other_kind

from ..errors import NotFound
from ..messages import N_
from ..parts import current_parts
from ..policy import can
from ..services import following, images, matching, spelling
from ..services import listings as service
from ..services.matching import MatchPage
from ..text import rendered
from . import fragments, linked_data, results
from .addresses import listing_address, listing_name, moved, number_in
from .facts import abstract, facts, source_address
from .results import Search
from .security import actor

listings = Blueprint("listings", __name__)

_BEST = 5


@listings.get("/<kind:kind>")
def search(kind: str) -> str:
    """Offers or needs that answer a description; the newest when there is none."""
    asked = Search.read("listings.search", {"kind": kind}, request.args)
    page = matching.find(current_parts().engine, actor(), kind, text=asked.text, **asked.options)
    correction = spelling.correct(current_parts().engine, asked.text)
    return render_template(
        "listings/search.html",
        kind=kind,
        correction=correction,
        feed_title=results.feed_title(kind, asked),
        exports=can(actor(), "results.export"),
        **_around(asked, page),
    )


@listings.get("/<kind:kind>/<name:name>")
def show(kind: str, name: str) -> str | Response:
    """A listing with its facts and its best counterparts; at another address than its own, the way there."""
    listing = service.find(actor(), number_in(name), kind)
    if name != listing_name(listing):
        return moved(listing_address(listing))
    named = None if listing.anonymous else listing.organisation
    return render_template(
        "listings/show.html",
        listing=listing,
        view=matching.view_of(listing, actor()),
        own=can(actor(), "listing.edit", listing),
        moderated=can(actor(), "listing.moderate", listing),
        images=images.of_listing(listing.id),
        # On an anonymous listing nobody sees a card or a logo; its own side reads the name.
        organisation=named,
        logo=images.logo_of(named.id) if named else None,
        abstract=abstract(listing),
        linked_data=linked_data.of_listing(listing),
        description=rendered(listing.description),
        facts=facts(listing, actor()),
        source_address=source_address(listing, actor()),
        related=_related(listing),
    )


def _related(listing: Listing) -> Markup:
    """What may serve the listing and what is like it; for visitors kept until anything that can be found changes."""
    if actor().known:
        return _rendered_related(listing)[0]
    key = (listing.id, listing.version, str(get_locale()), following.state(current_parts().engine))
    return fragments.kept(key, lambda: _rendered_related(listing))


def _rendered_related(listing: Listing) -> tuple[Markup, bool]:
    """The fragment, and whether it is as good as it gets: while a part is down it is not kept."""
    wanted = other_kind(listing.kind)
    best = matching.find(current_parts().engine, actor(), wanted, listing=listing, per_page=_BEST)
    similar = matching.similar(current_parts().engine, actor(), listing)
    html = render_template("listings/_related.html", listing=listing, best=best, similar=similar, wanted=wanted)
    return Markup(html), not best.notices  # noqa: S704 - the template has escaped it


@listings.get("/<kind:kind>/<id:listing_id>/<kind:wanted>")
def counterparts(kind: str, listing_id: int, wanted: str) -> str:
    """Everything of the other kind that may serve a listing, or be served by it."""
    if wanted != other_kind(kind):
        raise NotFound(N_("A need is matched with offers, and an offer with needs."))
    listing = service.find(actor(), listing_id, kind)
    place = {"kind": kind, "listing_id": listing_id, "wanted": wanted}
    asked = Search.read("listings.counterparts", place, request.args)
    page = matching.find(current_parts().engine, actor(), wanted, listing=listing, **asked.options)
    view = matching.view_of(listing, actor())
    return render_template("listings/counterparts.html", kind=wanted, listing=view, **_around(asked, page))


def _around(asked: Search, page: MatchPage) -> dict[str, Any]:
    return {
        "search": asked,
        "page": page,
        "chips": results.chips(asked),
        "groups": results.facet_groups(asked, page),
        "notices": results.notices(asked, page),
        "numbers": results.page_numbers(page),
    }
