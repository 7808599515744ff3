"""Listings as the indexes hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models import Embedding, Listing, Organisation, db
from models.taxonomy import PUBLIC_STATUSES
from search_index.types import Document, Encoded, Entry, Filters

from ..text import plain

#: What `entry_of` reads from a row: a listing without its texts.
ENTRY_COLUMNS = (
    Listing.id,
    Listing.version,
    Listing.kind,
    Listing.status,
    Listing.language,
    Listing.category,
    Listing.trl,
    Listing.sdgs,
    Listing.partnerships,
    Listing.available_in,
    Listing.deployed_in,
    Listing.wanted_in,
    Listing.anonymous,
    Listing.published_at,
    Organisation.country.label("organisation_country"),
)


def document_of(listing: Listing) -> Document:
    """The listing as the indexes hold it. An anonymous one leaves no trace of its organisation."""
    blocks = (
        listing.summary,
        listing.problem,
        plain(listing.description),
        listing.constraints,
        ", ".join(listing.keywords),
    )
    return Document(
        id=listing.id,
        version=listing.version,
        kind=listing.kind,
        title=listing.title,
        body="\n".join(block for block in blocks if block),
        language=listing.language,
        facets=_facets(listing, listing.organisation.country if listing.organisation else None),
        published=listing.published_at.timestamp() if listing.published_at else 0.0,
    )


def entry_of(row: Any, family: int) -> Entry:
    """The same without its texts, from a row of ENTRY_COLUMNS."""
    return Entry(
        row.id,
        row.version,
        row.kind,
        facets=_facets(row, row.organisation_country),
        published=row.published_at.timestamp(),
        family=family,
    )


def _facets(listing: Any, organisation_country: str | None) -> Filters:
    countries = {*listing.available_in, *listing.deployed_in, *listing.wanted_in}
    if organisation_country and not listing.anonymous:
        countries.add(organisation_country)
    facets = {
        "category": (listing.category,) if listing.category else (),
        "country": tuple(sorted(countries)),
        "trl": (str(listing.trl),) if listing.trl else (),
        "partnership": tuple(listing.partnerships),
        "sdg": tuple(str(goal) for goal in listing.sdgs),
        "language": (listing.language.split("-")[0],) if listing.language != "und" else (),
        "status": (listing.status,),
    }
    return {facet: codes for facet, codes in facets.items() if codes}


def public_documents(ids: Sequence[int] | None = None) -> Iterator[Document]:
    """Every public listing (of these ids) as a document, streamed in the order of their ids."""
    query = select(Listing).options(joinedload(Listing.organisation)).where(Listing.status.in_(PUBLIC_STATUSES))
    if ids is not None:
        query = query.where(Listing.id.in_(ids))
    query = query.order_by(Listing.id).execution_options(yield_per=500, populate_existing=True)
    for listing in db.session.scalars(query):
        yield document_of(listing)


def expected_versions(ids: Sequence[int] | None = None) -> dict[int, int]:
    """What both indexes should hold: the version of every public listing (of these), by id."""
    query = select(Listing.id, Listing.version).where(Listing.status.in_(PUBLIC_STATUSES))
    if ids is not None:
        query = query.where(Listing.id.in_(ids))
    return {row.id: row.version for row in db.session.execute(query)}


def text_hash(document: Document) -> str:
    """What decides whether a stored vector still stands for the document's text."""
    return hashlib.sha256(document.text.encode()).hexdigest()


def encoded_of(row: Embedding | None, document: Document) -> Encoded | None:
    """The stored vectors, when they stand for the document's present text."""
    if row is None or row.vector is None or row.parts is None or row.text_hash != text_hash(document):
        return None
    vector = np.frombuffer(row.vector, "<f2").astype(np.float32)
    parts = np.frombuffer(row.parts, "<f2").astype(np.float32).reshape(-1, len(vector))
    return Encoded(vector, parts, tuple((int(start), int(end)) for start, end in row.spans))
