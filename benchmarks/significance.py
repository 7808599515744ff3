"""Whether one way of ranking beats another on the same queries, or was only lucky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 10_000
SEED = 20


def sign_flip(differences: Sequence[NDArray[np.floating]], permutations: int = PERMUTATIONS) -> float:
    """The two-sided p of a paired randomisation test (Smucker, Allan & Carterette 2007).

    `differences` holds, for each collection, the differences of its queries `(q,)`. The statistic is the mean over
    collections of their means, so that a large collection speaks no louder; pass one array to pool the queries.
    Chance is what swapping the two rankings of any query would do. It never returns 0: the outcome seen counts as one.
    """
    random = np.random.default_rng(SEED)
    seen = np.mean([found.mean() for found in differences])
    chance = np.zeros(permutations)
    for found in differences:
        signs = random.integers(0, 2, (permutations, len(found)), np.int8)
        # A coin of 0 or 1 is a sign of -1 or 1 after doubling; the sum stays exact and the memory small.
        chance += (2.0 * (signs @ found.astype(np.float64)) - found.sum()) / len(found)
    chance /= len(differences)
    # Rounding must not make an outcome as extreme as the one seen look smaller.
    return float((1 + np.count_nonzero(np.abs(chance) >= abs(seen) - 1e-12)) / (permutations + 1))
