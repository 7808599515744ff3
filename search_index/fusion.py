"""How two legs become one ranking. Pure functions on arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .types import Vector

#: The vector leg's share of a score; docs/decisions/0004 has the table it and KEYWORD_SCALE were read from.
VECTOR_WEIGHT = 0.4
#: BM25 is divided by the root of this times the query's ceiling.
KEYWORD_SCALE = 40.0


def normalised_cosine(cosine: Vector) -> Vector:
    """Cosines with what is below zero counted as zero."""
    return np.maximum(cosine, 0.0)


def normalised_bm25(bm25: Vector, ceiling: float) -> Vector:
    """BM25 over the root of the query's ceiling, so that short and long queries score alike.

    The ceiling (every term held, saturated) grows with the number of terms; what good documents reach grows like its
    root. Nothing depends on the other documents found, so a score means the same under every filter.
    """
    return bm25 / math.sqrt(KEYWORD_SCALE * ceiling) if ceiling > 0 else np.zeros_like(bm25)


def convex(vector: Vector, keyword: Vector) -> Vector:
    """The convex combination of two legs' normalised scores, `(n,)` each."""
    return VECTOR_WEIGHT * vector + (1.0 - VECTOR_WEIGHT) * keyword


def ranks(scores: Vector) -> NDArray[np.int64]:
    """Each score's place, from 1, best first; equal scores keep their order."""
    out = np.empty(len(scores), np.int64)
    out[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return out
