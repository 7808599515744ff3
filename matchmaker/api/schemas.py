"""What the API takes beside a search, and what it gives."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from models.taxonomy import KINDS

from .. import wording
from ..messages import N_
from ..services.explaining import Band, Reason, Verdict


class ProblemSchema(Schema):
    """Every error. `fields` maps a parameter to what is wrong with it."""

    error = fields.String(required=True)
    fields_ = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), required=True, data_key="fields", attribute="fields"
    )


class WantedSchema(Schema):
    """Which listings are wanted, and for which stored one. Other parameters are the search's."""

    class Meta:
        unknown = EXCLUDE

    wanted = fields.String(
        required=True,
        validate=validate.OneOf(KINDS, error=N_("Use offer or need.")),
        error_messages={"required": N_("Say what is wanted: offer or need.")},
    )
    listing = fields.Integer(
        load_default=None,
        error_messages={"invalid": N_("Use the number of a listing.")},
        metadata={"description": "A stored listing of the other kind, instead of q."},
    )


class ListingSchema(Schema):
    """A listing as everybody may see it. null is unknown, or not shown."""

    id = fields.Integer()
    kind = fields.String()
    title = fields.String()
    summary = fields.String()
    language = fields.String(metadata={"description": "BCP-47; und when unknown"})
    category = fields.String(allow_none=True)
    subcategory = fields.String(allow_none=True)
    trl = fields.Integer(
        allow_none=True, metadata={"description": "The level of an offer; the least one accepted by a need"}
    )
    sdgs = fields.List(fields.Integer())
    partnerships = fields.List(fields.String())
    organisation = fields.String(allow_none=True)
    country = fields.String(allow_none=True, metadata={"description": "ISO 3166-1 alpha-2, of the organisation"})
    anonymous = fields.Boolean()
    sample = fields.Boolean(metadata={"description": "Whether the listing is invented"})
    source = fields.String(allow_none=True)
    published = fields.DateTime(allow_none=True)
    deadline = fields.Date(allow_none=True)


class LegSchema(Schema):
    """How one way of comparing sees the hit: rank from 1, raw score (cosine or BM25), and normalised score."""

    rank = fields.Integer()
    raw = fields.Float()
    normalised = fields.Float()


class LegsSchema(Schema):
    """Both ways of comparing; null when one did not take part or did not find the listing."""

    vector = fields.Nested(LegSchema, allow_none=True)
    keyword = fields.Nested(LegSchema, allow_none=True)


class ReasonSchema(Schema):
    """A fact that fits, differs or is unknown, with the codes of both sides and the line pages show."""

    fact = fields.String()
    verdict = fields.Enum(Verdict, by_value=True)
    wanted = fields.List(fields.String())
    offered = fields.List(fields.String())
    text = fields.String()


class TermSchema(Schema):
    """A word both texts share, and its points of the score."""

    word = fields.String()
    points = fields.Float()


class PairSchema(Schema):
    """A passage of each text, how near they are by themselves, and the points of the score they bring together."""

    wanted = fields.String()
    found = fields.String()
    cosine = fields.Float()
    points = fields.Float()


class EvidenceSchema(Schema):
    """What the score comes from: the points of words and pairs of passages, shown and others, add up to it."""

    terms = fields.List(fields.Nested(TermSchema))
    other_terms = fields.Float()
    pairs = fields.List(fields.Nested(PairSchema))
    other_pairs = fields.Float()


class LinkSchema(Schema):
    """A near-duplicate of a result."""

    id = fields.Integer()
    title = fields.String()
    language = fields.String()


class MatchSchema(Schema):
    """One result. `score` and `band` are null where nothing was compared."""

    rank = fields.Integer()
    score = fields.Float(allow_none=True)
    band = fields.Enum(Band, by_value=True, allow_none=True)
    listing = fields.Nested(ListingSchema)
    legs = fields.Nested(LegsSchema)
    reasons = fields.List(fields.Nested(ReasonSchema))
    evidence = fields.Nested(EvidenceSchema)
    folded = fields.List(fields.Nested(LinkSchema))
    more_folded = fields.Integer()


class NoticeSchema(Schema):
    """What a reader should know about how the results came about."""

    code = fields.String()
    text = fields.String()


class MatchPageSchema(Schema):
    """A page of results. A filtered facet counts what choosing another of its codes would give."""

    matches = fields.List(fields.Nested(MatchSchema))
    total = fields.Integer()
    families = fields.Integer(metadata={"description": "As total, with near-duplicates taken together"})
    page = fields.Integer()
    pages = fields.Integer()
    facets = fields.Dict(keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.Integer()))
    notices = fields.List(fields.Nested(NoticeSchema))


class TypedSchema(Schema):
    """What is being typed."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="")


class CompletionsSchema(Schema):
    """Whole texts to choose from; none when the last word is finished or nobody uses it."""

    completions = fields.List(fields.String())


def reason_with_text(reason: Reason) -> dict[str, Any]:
    """A reason with its line of text."""
    return {
        "fact": reason.fact,
        "verdict": reason.verdict,
        "wanted": reason.wanted,
        "offered": reason.offered,
        "text": wording.reason(reason),
    }
