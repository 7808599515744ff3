"""Near-duplicates: listings that say nearly the same in nearly the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import aliased

from models import Embedding, Listing, db
from models.taxonomy import PUBLIC_STATUSES
from search_index.local import LocalEngine
from search_index.resemblance import resemblance, shingles
from search_index.types import Document, Vector

from .documents import public_documents

#: docs/decisions/0008 has the pairs these were read from. Meaning alone takes all Arabic texts for one family.
LEAST_COSINE = 0.75
LEAST_RESEMBLANCE = 0.25
_MOST_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Repetition:
    """A listing that nearly repeats another one."""

    listing_id: int
    title: str
    repeats_id: int
    repeats_title: str


def repeated(engine: LocalEngine, documents: Sequence[Document], vectors: Sequence[Vector]) -> dict[int, int]:
    """For each of the documents that repeats an indexed one, or one before it, the id of the one it repeats most."""
    if not documents:
        return {}
    near = _near(engine, documents, np.stack(vectors))
    texts = {document.id: shingles(document.text) for document in documents}
    others = sorted({id for ids in near.values() for id in ids} - texts.keys())
    texts |= {document.id: shingles(document.text) for document in public_documents(others)} if others else {}
    out = {}
    for id, ids in near.items():
        alike = [(resemblance(texts[id], texts[other]), -other) for other in ids if other in texts]
        if alike and max(alike)[0] >= LEAST_RESEMBLANCE:
            out[id] = -max(alike)[1]
    return out


def _near(engine: LocalEngine, documents: Sequence[Document], vectors: Vector) -> dict[int, list[int]]:
    """For each document the listings of its kind that mean nearly the same: indexed ones, and those before it."""
    own = {document.id for document in documents}
    near: dict[int, list[int]] = {}
    for kind in {document.kind for document in documents}:
        places = [place for place, document in enumerate(documents) if document.kind == kind]
        indexed = engine.vectors[kind].neighbours(vectors[places], LEAST_COSINE, _MOST_NEIGHBOURS, own)
        among = np.tril(vectors[places] @ vectors[places].T, -1)
        for place, ids, cosines in zip(places, indexed, among, strict=True):
            before = np.argsort(-cosines, kind="stable")[:_MOST_NEIGHBOURS]
            ids = ids + [documents[places[i]].id for i in before if cosines[i] >= LEAST_COSINE]
            if ids:
                near[documents[place].id] = ids
    return near


def join(rows: Mapping[int, Embedding], repeats: Mapping[int, int]) -> None:
    """Let each row, written anew with a family of its own, join that of the listing it repeats; in order of time."""
    elsewhere = [other for id, other in repeats.items() if id in rows and other not in rows]
    known = select(Embedding.listing_id, Embedding.family).where(
        Embedding.model.in_({row.model for row in rows.values()}),
        Embedding.listing_id.in_(elsewhere),
        Embedding.family.is_not(None),
    )
    family_of = {row.listing_id: row.family for row in db.session.execute(known)}
    for id, row in rows.items():
        other = repeats.get(id)
        if other in family_of:
            row.family, row.repeats_id = family_of[other], other
        family_of[id] = row.family


def repetitions(ids: Sequence[int] | None = None) -> list[Repetition]:
    """The public listings (of these) that nearly repeat another public one, in the order of their ids."""
    other = aliased(Listing)
    query = (
        select(Listing.id, Listing.title, other.id.label("other_id"), other.title.label("other_title"))
        .join(Embedding, Embedding.listing_id == Listing.id)
        .join(other, other.id == Embedding.repeats_id)
        .where(Listing.status.in_(PUBLIC_STATUSES), other.status.in_(PUBLIC_STATUSES))
        .order_by(Listing.id)
    )
    if ids is not None:
        query = query.where(Listing.id.in_(ids))
    return [Repetition(r.id, r.title, r.other_id, r.other_title) for r in db.session.execute(query)]
