"""Why a pair fits: evidence in the texts and in the facts. Pure functions over frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from search_index.analysis import places


@dataclass(frozen=True, slots=True)
class Facts:
    """What either side says of itself that can be compared. Empty or None is unknown, never a mismatch.

    For a need, `trl` is the least level accepted and `countries` are where it is wanted; for an offer, where it is
    available (`countries`) and where it already works (`proven`).
    """

    category: str | None = None
    subcategory: str | None = None
    trl: int | None = None
    countries: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    partnerships: tuple[str, ...] = ()
    sdgs: tuple[int, ...] = ()
    ip_status: str = "unknown"


class Verdict(StrEnum):
    """How a fact of the offer stands to what is wanted."""

    FITS = "fits"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of explanation: which fact, how it stands, and the codes that prove it, for both sides."""

    fact: str
    verdict: Verdict
    wanted: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()


class Band(StrEnum):
    """How good a hit is, in words."""

    STRONG = "strong"
    GOOD = "good"
    POSSIBLE = "possible"


#: Scores at which the bands begin; docs/decisions/0005 says how they were read off the judged samples.
BANDS = ((0.6, Band.STRONG), (0.45, Band.GOOD))
#: From which score on a match is good.
LEAST_GOOD = BANDS[-1][0]
#: Below this a listing is not shown as a result of a described need.
LEAST_SCORE = 0.2


def band(score: float) -> Band:
    """The band of a hit's score."""
    return next((name for least, name in BANDS if score >= least), Band.POSSIBLE)


def reasons(need: Facts, offer: Facts) -> tuple[Reason, ...]:
    """Fact by fact, what fits, what differs and what is unknown of the offer, for what the need asks."""
    found = (
        _category(need, offer),
        _trl(need, offer),
        _countries(need, offer),
        _partnerships(need, offer),
        _sdgs(need, offer),
    )
    ip = Reason("ip", Verdict.UNKNOWN) if offer.ip_status == "unknown" else None
    order = [Verdict.FITS, Verdict.DIFFERS, Verdict.UNKNOWN]
    return tuple(sorted((r for r in (*found, ip) if r), key=lambda r: order.index(r.verdict)))


def _category(need: Facts, offer: Facts) -> Reason | None:
    if need.category is None:
        return None
    if offer.category is None:
        return Reason("category", Verdict.UNKNOWN, (need.category,))
    if need.subcategory and need.subcategory == offer.subcategory:
        return Reason("subcategory", Verdict.FITS, (need.subcategory,), (offer.subcategory,))
    verdict = Verdict.FITS if need.category == offer.category else Verdict.DIFFERS
    return Reason("category", verdict, (need.category,), (offer.category,))


def _trl(need: Facts, offer: Facts) -> Reason | None:
    if need.trl is None:
        return None
    if offer.trl is None:
        return Reason("trl", Verdict.UNKNOWN, (str(need.trl),))
    verdict = Verdict.FITS if offer.trl >= need.trl else Verdict.DIFFERS
    return Reason("trl", verdict, (str(need.trl),), (str(offer.trl),))


def _countries(need: Facts, offer: Facts) -> Reason | None:
    if not need.countries:
        return None
    if proven := _both(need.countries, offer.proven):
        return Reason("deployed_in", Verdict.FITS, proven, proven)
    if shared := _both(need.countries, offer.countries):
        return Reason("available_in", Verdict.FITS, shared, shared)
    verdict = Verdict.DIFFERS if offer.countries else Verdict.UNKNOWN
    return Reason("available_in", verdict, need.countries, offer.countries)


def _partnerships(need: Facts, offer: Facts) -> Reason | None:
    if not need.partnerships:
        return None
    shared = _both(need.partnerships, offer.partnerships)
    if shared:
        return Reason("partnership", Verdict.FITS, shared, shared)
    verdict = Verdict.DIFFERS if offer.partnerships else Verdict.UNKNOWN
    return Reason("partnership", verdict, need.partnerships, offer.partnerships)


def _sdgs(need: Facts, offer: Facts) -> Reason | None:
    shared = tuple(str(goal) for goal in need.sdgs if goal in offer.sdgs)
    return Reason("sdg", Verdict.FITS, shared, shared) if shared else None


def _both(left: Iterable[str], right: Iterable[str]) -> tuple[str, ...]:
    held = set(right)
    return tuple(code for code in left if code in held)


def mark(text: str, words: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """The text in pieces, each with whether it is one of the words (as `terms` names them) and to be highlighted."""
    wanted = {word.lower() for word in words}
    pieces: list[tuple[str, bool]] = []
    end = 0
    for left, right in places(text):
        if right <= end or text[left:right].lower() not in wanted:
            continue
        if left < end:
            # A pair of characters that overlaps the one before it.
            pieces[-1] = (pieces[-1][0] + text[end:right], True)
        else:
            pieces += [(text[end:left], False)] * (left > end) + [(text[left:right], True)]
        end = right
    if end < len(text) or not pieces:
        pieces.append((text[end:], False))
    return tuple(pieces)
