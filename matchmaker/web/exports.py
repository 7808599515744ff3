"""Files to take away: my listings, and what staff have searched for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import IO, Any

from flask import Blueprint, Response, request, send_file
from flask_security import auth_required

from .. import wording
from ..errors import Forbidden
from ..messages import N_
from ..parts import current_parts
from ..policy import ANONYMOUS, can
from ..services import exporting, matching
from ..services.bulk_columns import COLUMNS
from ..services.matching import MatchView
from ..wording import _
from .addresses import listing_address, public_address
from .results import Search
from .security import actor

exports = Blueprint("exports", __name__)

#: What of a search is worth a table.
MOST_RESULTS = 1_000
_IN_MEMORY = 4 * 2**20
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@exports.get("/my/listings.<any(csv, xlsx):format>")
@auth_required("session")
def own_listings(format: str) -> Response:
    """Every listing of one's organisation, as an import takes it back."""
    return table(format, "matchmaker-listings", COLUMNS, exporting.own_listings(actor()))


@exports.get("/<kind:kind>/results.<any(csv, xlsx):format>")
@auth_required("session")
def results(kind: str, format: str) -> Response:
    """What a search finds, best first, with the reasons in words: for staff.

    Files travel, so they tell no more than anybody may see, whatever the reader may.
    """
    if not can(actor(), "results.export"):
        raise Forbidden(N_("Only programme staff take search results away as a file."))
    asked = Search.read("listings.search", {"kind": kind}, request.args)
    options = {**asked.options, "page": 1, "per_page": MOST_RESULTS, "fold": False}
    page = matching.find(current_parts().engine, ANONYMOUS, kind, text=asked.text, **options)
    header = (
        *("rank", "number", "title", "summary", "organisation", "country", "category", "subcategory", "trl"),
        *("language", "posted", "score", "band", "reasons", "address"),
    )
    return table(format, f"matchmaker-{kind}s", header, map(_row, page.matches))


def _row(match: MatchView) -> list[Any]:
    found = match.listing
    return [
        match.rank,
        found.id,
        found.title,
        found.summary,
        found.organisation,
        wording.country(found.country) if found.country else None,
        wording.code_name("category", found.category) if found.category else None,
        wording.code_name("subcategory", found.subcategory) if found.subcategory else None,
        found.trl,
        wording.language(found.language),
        found.published.date() if found.published else None,
        round(match.hit.score, 4) if match.band else None,
        wording.band(match.band) if match.band else None,
        "; ".join(f"{wording.verdict(reason.verdict)}: {wording.reason(reason)}" for reason in match.reasons),
        public_address(listing_address(found)),
    ]


def table(format: str, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The rows as a file to save."""
    return saved(format, name, {_("Listings"): chain([header], rows)})


def saved(format: str, name: str, sheets: Mapping[str, Iterable[Sequence[Any]]]) -> Response:
    """The sheets as a file to save; of several, a CSV file holds the first."""
    # Written whole before it is sent, so that a fault on the way is an error page and no half file.
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed once it is sent
    if format == "csv":
        exporting.write_csv(file, next(iter(sheets.values())))
    else:
        exporting.write_workbook(file, sheets)
    file.seek(0)
    answer = send_file(file, _TYPES[format], as_attachment=True, download_name=f"{name}.{format}")
    answer.cache_control.no_store = True
    answer.cache_control.no_cache = None
    return answer
