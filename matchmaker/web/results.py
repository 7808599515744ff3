"""What a page of results shows around its matches: facets, chips, pages and their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from .. import wording
from ..schemas import MOST_PAGES, SearchSchema, facet_codes
from ..services.matching import MatchPage
from ..wording import _

#: How many choices of a facet are seen before "more" is opened.
SHOWN = 8
#: Facets whose every code is offered; of the others only those that occur.
_WHOLE = ("category", "trl", "partnership", "sdg")


@dataclass(frozen=True, slots=True)
class Search:
    """A search as its address says it; every other state of the page is the address of a changed copy."""

    endpoint: str
    place: Mapping[str, Any]
    text: str
    filters: dict[str, tuple[str, ...]]
    posted: tuple[date | None, date | None]
    sort: str
    page: int
    ignored: tuple[str, ...] = ()

    @classmethod
    def read(cls, endpoint: str, place: Mapping[str, Any], arguments: MultiDict[str, str]) -> Search:
        """The search that the arguments of a request ask for at an endpoint and its place in the address."""
        return cls(endpoint, place, **SearchSchema().load(arguments))

    @property
    def options(self) -> dict[str, Any]:
        """What matching.find needs to know beside the text or listing."""
        return {"filters": self.filters, "posted": self.posted, "sort": self.sort, "page": self.page}

    @property
    def base(self) -> str:
        """The address of the place where nothing is asked."""
        return url_for(self.endpoint, **self.place)

    @property
    def address(self) -> str:
        """The address of this state, without what it would mean anyway."""
        given: dict[str, Any] = {"q": self.text} if self.text else {}
        given |= self.filters
        given |= {name: day.isoformat() for name, day in zip(("since", "until"), self.posted, strict=True) if day}
        given |= {"sort": self.sort} if self.sort != "relevance" else {}
        given |= {"page": self.page} if self.page > 1 else {}
        return url_for(self.endpoint, **self.place, **given)

    @property
    def feed(self) -> str:
        """The address of what is new among its results."""
        return replace(self, endpoint="feeds.newest", sort="relevance", page=1).address

    def at(self, page: int) -> Search:
        """The same search at another page."""
        return replace(self, page=page)

    def without(self, facet: str, code: str) -> Search:
        """The search with one filter less."""
        left = tuple(other for other in self.filters.get(facet, ()) if other != code)
        filters = {name: codes for name, codes in self.filters.items() if name != facet}
        return replace(self, filters=filters | ({facet: left} if left else {}), page=1)

    def whenever(self) -> Search:
        """The search without its days."""
        return replace(self, posted=(None, None), page=1)

    def cleared(self) -> Search:
        """The search without its filters."""
        return replace(self, filters={}, posted=(None, None), page=1)

    def saying(self, text: str) -> Search:
        """The same search with other words."""
        return replace(self, text=text, page=1)

    def exported(self, format: str) -> Search:
        """The same search as a file."""
        return replace(self, endpoint="exports.results", place={"kind": self.place["kind"], "format": format}, page=1)

    def elsewhere(self, **place: Any) -> Search:
        """The same words asked at another place, where these filters need not make sense."""
        return replace(self.cleared(), place=place)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in use, and the address without it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One code of a facet. Choosing it gives `count` results."""

    code: str
    name: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class FacetGroup:
    """A facet's choices: those always seen and those behind "more"."""

    facet: str
    name: str
    first: tuple[Choice, ...]
    more: tuple[Choice, ...]

    @property
    def opened(self) -> bool:
        """Whether a choice behind "more" is in use and must be seen."""
        return any(choice.chosen for choice in self.more)


def chips(search: Search) -> list[Chip]:
    """The filters in use, in the order of the facets."""
    days = [Chip(wording.period(*search.posted), search.whenever().address)] if any(search.posted) else []
    return days + [
        Chip(wording.choice_name(facet, code), search.without(facet, code).address)
        for facet in facet_codes()
        for code in search.filters.get(facet, ())
    ]


def feed_title(kind: str, search: Search) -> str:
    """What the feed of a search holds: new offers or needs, and which."""
    what = _("New offers") if kind == "offer" else _("New needs")
    words = [*([search.text] if search.text else []), *(chip.name for chip in chips(search))]
    return f"{what}: {' · '.join(words)}" if words else what


def facet_groups(search: Search, page: MatchPage) -> list[FacetGroup]:
    """The facets that have anything to choose."""
    groups = [
        _group(facet, list(codes.values()), page.facets.get(facet, {}), search.filters.get(facet, ()))
        for facet, codes in facet_codes().items()
    ]
    # That everything is current goes without saying.
    return [group for group in groups if group.first and (group.facet != "status" or "stale" in _codes(group))]


def _codes(group: FacetGroup) -> set[str]:
    return {choice.code for choice in group.first}


def _group(facet: str, known: list[str], counts: Mapping[str, int], chosen: tuple[str, ...]) -> FacetGroup:
    codes = known if facet in _WHOLE and counts else []
    choices = [
        Choice(code, wording.choice_name(facet, code), counts.get(code, 0), code in chosen)
        for code in dict.fromkeys([*codes, *counts, *chosen])
    ]
    if facet not in _WHOLE:
        choices.sort(key=lambda choice: choice.name)
    # Levels are read as a scale; everything else by how much there is of it.
    choices.sort(key=lambda choice: -int(choice.code) if facet == "trl" else -choice.count)
    shown = len(choices) if len(choices) <= SHOWN + 2 else SHOWN
    return FacetGroup(facet, wording.facet(facet), tuple(choices[:shown]), tuple(choices[shown:]))


def notices(search: Search, page: MatchPage) -> list[str]:
    """What the reader should know about how these results came about."""
    ignored = [wording.notice("ignored", value) for value in search.ignored[:5]]
    return [*(wording.notice(code) for code in page.notices), *ignored]


def page_numbers(page: MatchPage) -> list[int | None]:
    """The pages worth a link: the first, the last and those near this one; None stands for a gap."""
    last = min(page.pages, MOST_PAGES)
    near = sorted({1, last, *range(max(1, page.page - 1), min(last, page.page + 1) + 1)})
    numbers: list[int | None] = []
    for number, following in zip(near, [*near[1:], None], strict=True):
        numbers.append(number)
        if following is not None and following > number + 1:
            numbers.append(None)
    return numbers
