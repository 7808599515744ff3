"""The ranker: how probable it is that staff call a pair of a need and an offer relevant. Pure but for its one file.

A logistic model over the evidence that explains the pair. It is stored as numbers a person can read, never as code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from search_index.evidence import AlignedPair

from ..errors import MatchmakerError
from . import explaining
from .explaining import Facts, Verdict

Features = NDArray[np.float64]

FACTS = ("category", "subcategory", "trl", "countries", "partnership", "sdg", "ip")
#: What a pair is judged by, in the order of a row of features. Of each fact unknown is the base: neither indicator.
FEATURES = (
    *("cosine", "bm25", "passage_cosine", "passage_share", "term_share", "other_language"),
    *(f"{fact}_{verdict}" for fact in FACTS for verdict in (Verdict.FITS, Verdict.DIFFERS)),
)
_PROTECTED = {"granted": Verdict.FITS, "pending": Verdict.FITS, "trade-secret": Verdict.FITS}
_UNPROTECTED = {"lapsed": Verdict.DIFFERS, "not-filed": Verdict.DIFFERS}


class RankerUnusable(MatchmakerError):
    """The stored ranker cannot be read, or was made for other features."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two texts are: the legs' normalised scores, the passages that agree most, and the share of the need's
    term weight found in the offer, from 0 to 1."""

    cosine: float
    bm25: float
    pair: AlignedPair | None
    term_share: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How a ranker did on needs it had not seen: mean nDCG@10 of it and of what it was compared with over so many
    needs, the chance of such a difference by luck alone, and the expected calibration error."""

    ndcg_at_10: Mapping[str, float]
    needs: int
    p: float
    ece: float


@dataclass(frozen=True, slots=True)
class Training:
    """What a ranker was fitted on. `fingerprint` is the sha256 of the verdicts with the versions of the listings they
    are about."""

    date: str
    embedder: str
    fingerprint: str
    needs: int
    pairs: int
    relevant: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Ranker:
    """A logistic model over standardised features, `(len(FEATURES),)` each in their order.

    Cosines of one model mean nothing to another: use it only where `trained.embedder` is the engine's.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    trained: Training


def features(need: Facts, offer: Facts, likeness: Likeness, *, other_language: bool) -> Features:
    """The pair as a row `(len(FEATURES),)`. `other_language` is for two known languages that differ."""
    pair = likeness.pair
    # Passages that cancel each other out can push a share past 1, where it says nothing more.
    passages = (pair.cosine, min(max(pair.points, 0.0), 1.0)) if pair else (0.0, 0.0)
    verdicts = _verdicts(need, offer)
    indicators = [float(verdicts[fact] is verdict) for fact in FACTS for verdict in (Verdict.FITS, Verdict.DIFFERS)]
    return np.array(
        [likeness.cosine, likeness.bm25, *passages, likeness.term_share, float(other_language), *indicators]
    )


def _verdicts(need: Facts, offer: Facts) -> dict[str, Verdict]:
    """How each fact stands. The reasons tell what is worth a line; here silence must be told from unknown."""
    stands = {reason.fact: reason.verdict for reason in explaining.reasons(need, offer)}
    return {
        "category": _same({need.category} - {None}, {offer.category} - {None}),
        "subcategory": _same({need.subcategory} - {None}, {offer.subcategory} - {None}),
        "trl": stands.get("trl", Verdict.UNKNOWN),
        "countries": stands.get("deployed_in", stands.get("available_in", Verdict.UNKNOWN)),
        "partnership": stands.get("partnership", Verdict.UNKNOWN),
        "sdg": _same(set(need.sdgs), set(offer.sdgs)),
        # No need asks for protection; what is asked is whether there is a right to take over.
        "ip": (_PROTECTED | _UNPROTECTED).get(offer.ip_status, Verdict.UNKNOWN),
    }


def _same(wanted: set[Any], offered: set[Any]) -> Verdict:
    if not wanted or not offered:
        return Verdict.UNKNOWN
    return Verdict.FITS if wanted & offered else Verdict.DIFFERS


def probability(ranker: Ranker, features: Features) -> Features:
    """The probability, from 0 to 1, that each row of `(…, len(FEATURES))` is relevant; `(…)`."""
    standard = (features - np.array(ranker.means)) / np.array(ranker.scales)
    return np.asarray(expit(standard @ np.array(ranker.coefficients) + ranker.intercept))


def current(instance: Path) -> Ranker | None:
    """The ranker in use in the instance folder; None when there is none. Raises RankerUnusable."""
    path = instance / "ranker.json"
    try:
        return _parsed(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise RankerUnusable(
            f"The ranker {path} cannot be used ({cause}). "
            "Put ranker.previous.json in its place, or move it away and train again: matchmaker ranker train"
        ) from error


def _parsed(stored: dict[str, Any]) -> Ranker:
    rows = stored["features"]
    if tuple(row["name"] for row in rows) != FEATURES:
        raise ValueError("it was made for other features than this version of Matchmaker has")
    numbers = {name: tuple(float(row[name]) for row in rows) for name in ("mean", "scale", "coefficient")}
    intercept = float(stored["intercept"])
    if not np.isfinite([*sum(numbers.values(), ()), intercept]).all() or min(numbers["scale"]) <= 0:
        raise ValueError("a number in it is not finite, or a scale is not above 0")
    figures = Figures(**stored["trained"]["figures"])
    figures = Figures(
        {name: float(value) for name, value in figures.ndcg_at_10.items()},
        int(figures.needs),
        float(figures.p),
        float(figures.ece),
    )
    training = Training(**{**stored["trained"], "figures": figures})
    return Ranker(numbers["mean"], numbers["scale"], numbers["coefficient"], intercept, training)


def replace(instance: Path, ranker: Ranker) -> None:
    """Put the ranker in use, whole or not at all; the one before is kept as ranker.previous.json."""
    path = instance / "ranker.json"
    if path.exists():
        _write(instance / "ranker.previous.json", path.read_text("utf-8"))
    _write(path, json.dumps(as_dict(ranker), indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(f".draft-{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def as_dict(ranker: Ranker) -> dict[str, Any]:
    """The ranker as its file holds it."""
    rows = zip(FEATURES, ranker.means, ranker.scales, ranker.coefficients, strict=True)
    return {
        "features": [dict(zip(("name", "mean", "scale", "coefficient"), row, strict=True)) for row in rows],
        "intercept": ranker.intercept,
        "trained": asdict(ranker.trained),
    }
