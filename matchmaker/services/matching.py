"""The main way through: what is wanted goes in, ranked and explained listings come out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy import and_, exists, or_, select, true
from sqlalchemy.orm import joinedload

from models import Embedding, Listing, Organisation, db
from models.taxonomy import PUBLIC_STATUSES
from search_index.errors import EngineDown
from search_index.evidence import Evidence
from search_index.local import LocalEngine
from search_index.query_language import Parsed, parse
from search_index.types import ALWAYS, Document, Encoded, Filters, Hit, Notice, Scope, SearchQuery, SearchResult, Words

from ..policy import Actor, can
from ..schemas import facet_codes
from . import explaining
from .documents import document_of, encoded_of
from .explaining import Band, Facts, Reason
from .following import Reader

log = logging.getLogger(__name__)

PAGE = 10
#: A text longer than this is cut, with a notice: more than two pages add nothing a model or BM25 could use.
LONGEST_TEXT = 20_000
#: In seconds.
DAY = 86_400.0
#: How many similar listings a page shows, and from which score on they are similar.
MOST_SIMILAR = 4
LEAST_SIMILAR = 0.45
#: How many near-duplicates are named under a result.
MOST_FOLDED = 3
#: How many listings a search without an engine looks through.
MOST_PLAIN = 1000


@dataclass(frozen=True, slots=True)
class ListingView:
    """A listing as an audience may see it; what is of its organisation is None when it is not to be shown."""

    id: int
    kind: str
    title: str
    summary: str
    language: str
    category: str | None
    subcategory: str | None
    trl: int | None
    sdgs: tuple[int, ...]
    partnerships: tuple[str, ...]
    organisation: str | None
    organisation_id: int | None
    #: When staff verified the organisation.
    verified: datetime | None
    country: str | None
    anonymous: bool
    sample: bool
    source: str | None
    published: datetime | None
    confirmed: datetime | None
    deadline: date | None

    @property
    def updated(self) -> datetime | None:
        """When somebody last stood by the listing as it is."""
        return max(filter(None, (self.published, self.confirmed)), default=None)


@dataclass(frozen=True, slots=True)
class Link:
    """Enough of a listing to lead to it."""

    id: int
    kind: str
    title: str
    language: str


@dataclass(frozen=True, slots=True)
class MatchView:
    """One result, the same for pages and for the API. `folded` are near-duplicates, `more_folded` counts the others."""

    listing: ListingView
    rank: int
    hit: Hit
    band: Band | None
    reasons: tuple[Reason, ...]
    evidence: Evidence
    folded: tuple[Link, ...]
    more_folded: int


@dataclass(frozen=True, slots=True)
class MatchPage:
    """A page of results. `notices` are codes of what the reader should know about how they came about.

    `total` counts listings, `families` counts them with near-duplicates taken together; pages are made of these.
    """

    matches: tuple[MatchView, ...]
    total: int
    families: int
    page: int
    pages: int
    facets: Mapping[str, Mapping[str, int]]
    notices: tuple[str, ...]
    #: The vectors of what was asked, unless nothing was compared by meaning.
    encoded: Encoded | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the search is for: the query, with its vectors, and its facts."""

    query: SearchQuery
    facts: Facts
    stored: bool


def find(
    engine: LocalEngine,
    actor: Actor,
    wanted: str,
    *,
    text: str = "",
    listing: Listing | None = None,
    filters: Filters | None = None,
    posted: tuple[date | None, date | None] = (None, None),
    sort: str = "relevance",
    page: int = 1,
    per_page: int = PAGE,
    fold: bool = True,
    least_score: float = explaining.LEAST_SCORE,
) -> MatchPage:
    """The listings of the `wanted` kind that answer a text or serve a listing of the other kind, explained.

    A text may use the query language (search_index.query_language).

    Costs one encode (for a stored listing whose text did not change a look-up instead), one search and one SELECT;
    once a second a look for changes comes first. `posted` holds the first and the last day of publication, in UTC.
    Near-duplicates are folded under the best of them, and what scores below `least_score` is left out. Never fails
    for the engine's sake: without it, a plain filter in the database answers, with a notice.
    """
    Reader.of(engine).pull()
    notices: list[str] = []
    if len(text) > LONGEST_TEXT:
        text, notices = text[:LONGEST_TEXT], ["text_cut"]
    document, stored = _stored(engine, listing) if listing else (None, None)
    # Texts of listings are no queries: their quotes and dashes mean what they always do.
    parsed = Parsed(document.text) if document else parse(text, {f: c.values() for f, c in facet_codes().items()})
    text = parsed.text
    filters = _narrowed(filters or {}, parsed.filters)
    since, until = _moments(*posted)
    published = max(since, parsed.published[0]), min(until, parsed.published[1])
    query = SearchQuery(
        Scope(wanted, filters, published, frozenset({listing.id} if listing else ()), parsed.words),
        text=text,
        encoded=stored,
        sort="newest" if sort == "newest" else "relevance",
        least_score=0.0 if not text or _asks_for_words(engine, parsed) else least_score,
        fold=fold,
        fixed=frozenset(parsed.filters),
        offset=(page - 1) * per_page,
        limit=per_page,
    )
    try:
        if not len(engine.vectors):
            raise EngineDown(
                f"No vectors of the model {engine.embedder.name}. Make them with: matchmaker index rebuild"
            )
        result = engine.search(query)
    except EngineDown as error:
        log.error("engine down: %s", error)
        result = _plain_search(query)
    notices += [str(notice) for notice in result.notices]
    facts = facts_of(listing) if listing else _facts_of(filters)
    asked = replace(query, encoded=result.encoded)
    matches = _explained(engine, actor, result, _Wanted(asked, facts, listing is not None))
    pages = max(1, -(-result.families // per_page))
    return MatchPage(matches, result.total, result.families, page, pages, result.facets, tuple(notices), result.encoded)


def similar(engine: LocalEngine, actor: Actor, listing: Listing, most: int = MOST_SIMILAR) -> list[ListingView]:
    """Listings of the same kind that are most alike; none while the engine is down."""
    document, stored = _stored(engine, listing)
    scope = Scope(listing.kind, excluded=frozenset({listing.id}))
    query = SearchQuery(scope, document.text, stored, least_score=LEAST_SIMILAR, limit=most)
    try:
        hits = engine.search(query).hits
    except EngineDown as error:
        log.error("engine down: %s", error)
        return []
    rows = select(Listing).options(joinedload(Listing.organisation)).where(Listing.id.in_([hit.id for hit in hits]))
    found = {row.id: row for row in db.session.scalars(rows.where(Listing.status.in_(PUBLIC_STATUSES)))}
    return [
        view_of(found[hit.id], actor) for hit in hits if hit.id in found and can(actor, "listing.see", found[hit.id])
    ]


def _asks_for_words(engine: LocalEngine, parsed: Parsed) -> bool:
    """Whoever says which words must stand there wants every listing that holds them; stop words ask for nothing."""
    return bool(parsed.words.beginnings) or any(engine.frequencies(phrase) for phrase in parsed.words.phrases)


def _narrowed(given: Filters, typed: Filters) -> Filters:
    """Both kinds of filters at once: of a facet in both, the codes that both allow."""
    both = {facet: tuple(code for code in given[facet] if code in typed[facet]) for facet in given.keys() & typed}
    return given | typed | both


def _moments(first: date | None, last: date | None) -> tuple[float, float]:
    """The two days as the moments at which they begin and end."""

    def midnight(day: date) -> float:
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()

    return midnight(first) if first else ALWAYS[0], midnight(last) + DAY if last else ALWAYS[1]


def view_of(listing: Listing, actor: Actor) -> ListingView:
    """The listing as this actor may see it."""
    shown = can(actor, "listing.see_organisation", listing)
    organisation: Organisation | None = listing.organisation if shown else None
    return ListingView(
        id=listing.id,
        kind=listing.kind,
        title=listing.title,
        summary=listing.summary,
        language=listing.language,
        category=listing.category,
        subcategory=listing.subcategory,
        trl=listing.trl,
        sdgs=tuple(listing.sdgs),
        partnerships=tuple(listing.partnerships),
        organisation=organisation.name if organisation else None,
        organisation_id=organisation.id if organisation else None,
        verified=organisation.verified_at if organisation else None,
        country=organisation.country if organisation else None,
        anonymous=listing.anonymous,
        sample=listing.sample,
        source=listing.source,
        published=listing.published_at,
        confirmed=listing.confirmed_at,
        deadline=listing.deadline,
    )


def facts_of(listing: Listing) -> Facts:
    """What a listing says of itself that can be compared."""
    return Facts(
        category=listing.category,
        subcategory=listing.subcategory,
        trl=listing.trl,
        countries=tuple(listing.wanted_in if listing.kind == "need" else listing.available_in),
        proven=tuple(listing.deployed_in),
        partnerships=tuple(listing.partnerships),
        sdgs=tuple(listing.sdgs),
        ip_status=listing.ip_status if listing.kind == "offer" else "unknown",
    )


def _facts_of(filters: Filters) -> Facts:
    """A described need asks for what its filters say; alternatives within one facet ask for no single value."""
    levels = [int(level) for level in filters.get("trl", ())]
    categories = filters.get("category", ())
    return Facts(
        category=categories[0] if len(categories) == 1 else None,
        trl=min(levels) if levels else None,
        countries=filters.get("country", ()),
        partnerships=filters.get("partnership", ()),
        sdgs=tuple(int(goal) for goal in filters.get("sdg", ())),
    )


def _stored(engine: LocalEngine, listing: Listing) -> tuple[Document, Encoded | None]:
    document = document_of(listing)
    row = db.session.get(Embedding, (listing.id, engine.embedder.name))
    return document, encoded_of(row, document)


def _explained(engine: LocalEngine, actor: Actor, result: SearchResult, wanted: _Wanted) -> tuple[MatchView, ...]:
    """The hits as views, from one SELECT that applies status and visibility again: an index may lag behind."""
    ids = [id for hit in result.hits for id in (hit.id, *hit.folded[:MOST_FOLDED])]
    rows = (
        select(Listing, Embedding)
        .outerjoin(Embedding, and_(Embedding.listing_id == Listing.id, Embedding.model == engine.embedder.name))
        .options(joinedload(Listing.organisation))
        .where(Listing.id.in_(ids), Listing.status.in_(PUBLIC_STATUSES))
    )
    found = {
        listing.id: (listing, embedding)
        for listing, embedding in db.session.execute(rows)
        if can(actor, "listing.see", listing)
    }
    views = []
    for rank, hit in enumerate(result.hits, wanted.query.offset + 1):
        if hit.id not in found:
            continue
        listing, embedding = found[hit.id]
        others = [found[id][0] for id in hit.folded[:MOST_FOLDED] if id in found]
        views.append(
            MatchView(
                listing=view_of(listing, actor),
                rank=rank,
                hit=hit,
                band=explaining.band(hit.score) if wanted.query.text and hit.score else None,
                reasons=_reasons(wanted, listing),
                evidence=_evidence(engine, wanted.query, hit, document_of(listing), embedding),
                folded=tuple(Link(other.id, other.kind, other.title, other.language) for other in others),
                more_folded=len(hit.folded) - len(others),
            )
        )
    return tuple(views)


def _reasons(wanted: _Wanted, found: Listing) -> tuple[Reason, ...]:
    if found.kind == "offer":
        return explaining.reasons(wanted.facts, facts_of(found))
    reasons = explaining.reasons(facts_of(found), wanted.facts)
    # What a typed search leaves unsaid about the offer behind it says nothing about the need that was found.
    return reasons if wanted.stored else tuple(r for r in reasons if r.verdict is not explaining.Verdict.UNKNOWN)


def _evidence(engine: LocalEngine, query: SearchQuery, hit: Hit, document: Document, row: Embedding | None) -> Evidence:
    return engine.evidence(query, hit, (document, encoded_of(row, document))) if query.text else Evidence()


def _plain_search(query: SearchQuery) -> SearchResult:
    """Without an engine: listings that hold any of the longer words and pass the filters, newest first.

    What must stand there and what must not is compared letter by letter.
    """
    words = [word for word in query.text.split() if len(word) > 3][:8]
    texts = (Listing.title, Listing.summary, Listing.problem)
    since, until = query.scope.published
    holds = or_(*(text.icontains(word, autoescape=True) for word in words for text in texts)) if words else true()
    found = (
        select(Listing)
        .options(joinedload(Listing.organisation))
        .where(Listing.kind == query.scope.wanted, Listing.status.in_(PUBLIC_STATUSES), holds)
        .order_by(Listing.published_at.desc(), Listing.id)
        .limit(MOST_PLAIN)
    )
    documents = [document_of(listing) for listing in db.session.scalars(found)]
    passing = [
        d.id
        for d in documents
        if d.passes(query.scope.filters)
        and d.id not in query.scope.excluded
        and since <= d.published < until
        and _says(d.text.lower(), query.scope.words)
    ]
    page = passing[query.offset : query.offset + query.limit]
    hits, count = tuple(Hit(id, 0.0, None, None) for id in page), len(passing)
    missed = bool(documents) or db.session.scalar(select(exists().where(Listing.status.in_(PUBLIC_STATUSES))))
    return SearchResult(hits, count, count, {}, (Notice.NO_ENGINE,) if missed else ())


def _says(text: str, words: Words) -> bool:
    wanted = (*words.phrases, *words.beginnings)
    return all(part.lower() in text for part in wanted) and not any(part.lower() in text for part in words.barred)
