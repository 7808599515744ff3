"""A stored need beside stored offers: the features a ranker goes by, from the evidence that explains a match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import select

from models import Embedding, Listing, db
from search_index import fusion
from search_index.evidence import aligned_pairs
from search_index.local import DEPTH, LocalEngine
from search_index.types import Document, Scope, SearchQuery

from ..errors import MatchmakerError
from . import matching, ranking
from .documents import document_of, encoded_of
from .ranking import Features, Likeness


def compare(engine: LocalEngine, need: Listing, offers: Sequence[Listing]) -> dict[int, Features]:
    """The features of the need with each offer, by the offer's id; an offer without vectors has none.

    Both sides must be loaded with their organisations, and the engine be up to date (`indexing.Reader`). Costs one
    SELECT and one search. An offer past what the keyword leg brings to a search has a BM25 of 0 here as it has there.
    Raises MatchmakerError while a leg is down: half the evidence would be taken for the whole.
    """
    wanted = document_of(need)
    documents = {offer.id: document_of(offer) for offer in offers}
    model = engine.embedder.name
    rows = select(Embedding).where(Embedding.model == model, Embedding.listing_id.in_([need.id, *documents]))
    stored = {row.listing_id: row for row in db.session.scalars(rows)}
    encoded = encoded_of(stored.get(need.id), wanted)
    if encoded is None:
        return {}
    keyword = _keyword_scores(engine, SearchQuery(Scope("offer"), text=wanted.text, encoded=encoded, limit=2 * DEPTH))
    words = engine.terms(wanted.text)
    weights = engine.weights(set(words.values()))
    out = {}
    for offer in offers:
        document = documents[offer.id]
        found = encoded_of(stored.get(offer.id), document)
        if found is None:
            continue
        likeness = Likeness(
            cosine=float(fusion.normalised_cosine(np.array(encoded.vector @ found.vector))),
            bm25=keyword.get(offer.id, 0.0),
            pair=next(iter(aligned_pairs((wanted.text, encoded), (document.text, found), 1.0, 1)), None),
            term_share=_share(weights, engine.terms(document.text)),
        )
        facts = matching.facts_of(need), matching.facts_of(offer)
        out[offer.id] = ranking.features(*facts, likeness, other_language=_differ(wanted, document))
    return out


def _keyword_scores(engine: LocalEngine, query: SearchQuery) -> dict[int, float]:
    result = engine.search(query)
    if result.notices:
        raise MatchmakerError(
            f"The search works without one of its legs ({', '.join(result.notices)}). "
            "Mend it with: matchmaker index rebuild"
        )
    return {hit.id: hit.keyword.normalised for hit in result.hits if hit.keyword}


def _share(weights: Mapping[str, float], words: Mapping[str, str]) -> float:
    """The part of the terms' weight that the words hold."""
    total = sum(weights.values())
    return sum(weights.get(term, 0.0) for term in set(words.values())) / total if total else 0.0


def _differ(need: Document, offer: Document) -> bool:
    """Whether both languages are known and are not the same."""
    wanted, offered = need.facets.get("language"), offer.facets.get("language")
    return bool(wanted and offered and wanted != offered)
