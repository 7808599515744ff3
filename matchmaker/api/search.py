"""GET /api/v1/search: the same results as the pages show, from the same schema and the same service."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from .. import wording
from ..errors import Invalid
from ..messages import N_
from ..parts import current_parts
from ..policy import ANONYMOUS
from ..schemas import SearchSchema
from ..services import listings, matching, spelling
from ..services.matching import MatchPage, MatchView
from .schemas import CompletionsSchema, MatchPageSchema, TypedSchema, WantedSchema, reason_with_text

search = Blueprint("search", __name__, url_prefix="/api/v1", description="Ranked and explained listings")


@search.route("/search")
@search.arguments(WantedSchema, location="query", as_kwargs=True)
@search.arguments(SearchSchema, location="query")
@search.response(200, MatchPageSchema)
def find(asked: dict[str, Any], wanted: str, listing: int | None) -> dict[str, Any]:
    """Offers or needs that answer a text, or that match a stored listing of the other kind.

    Facets may be repeated: within one they are alternatives, across facets they add up. Values of facets that are
    not known are left out, with a notice.
    """
    ignored = asked.pop("ignored")
    stored = None
    if listing is not None:
        stored = listings.find(ANONYMOUS, listing)
        if asked["text"]:
            raise Invalid(N_("Give q or listing, not both."), {"q": [N_("Leave it out beside listing.")]})
        if stored.kind == wanted:
            raise Invalid(
                N_("A need is matched with offers, and an offer with needs."),
                {"wanted": [N_("The listing is itself of the kind %(kind)s.", kind=wanted)]},
            )
    page = matching.find(current_parts().engine, ANONYMOUS, wanted, listing=stored, **asked)
    return _page(page, ignored)


@search.route("/completions")
@search.arguments(TypedSchema, location="query", as_kwargs=True)
@search.response(200, CompletionsSchema)
def complete(q: str) -> dict[str, Any]:
    """What is being typed with its last word completed, out of the words the listings use; most frequent first."""
    return {"completions": spelling.complete(current_parts().engine, q)}


def _page(page: MatchPage, ignored: tuple[str, ...]) -> dict[str, Any]:
    notices = [{"code": code, "text": wording.notice(code)} for code in page.notices]
    notices += [{"code": "ignored", "text": wording.notice("ignored", value)} for value in ignored]
    return {
        "matches": [_match(match) for match in page.matches],
        "total": page.total,
        "families": page.families,
        "page": page.page,
        "pages": page.pages,
        "facets": page.facets,
        "notices": notices,
    }


def _match(match: MatchView) -> dict[str, Any]:
    return {
        "rank": match.rank,
        "score": match.hit.score if match.band else None,
        "band": match.band,
        "listing": match.listing,
        "legs": match.hit,
        "reasons": [reason_with_text(reason) for reason in match.reasons],
        "evidence": match.evidence,
        "folded": match.folded,
        "more_folded": match.more_folded,
    }
