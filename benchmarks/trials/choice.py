"""Parameters chosen on other collections than the one they are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_index.types import Vector

from .legs import Legs
from .methods import Method, Parameters


@dataclass(frozen=True)
class Outcome:
    """nDCG@10 of each trial's queries under the parameters chosen on the others, and those under which all do best."""

    scores: list[Vector]
    chosen: list[Parameters]
    overall: Parameters

    @property
    def means(self) -> list[float]:
        """Each trial's mean."""
        return [float(found.mean()) for found in self.scores]

    @property
    def mean(self) -> float:
        """The mean over trials, large and small alike."""
        return float(np.mean(self.means))


def held_out(method: Method, trials: Sequence[Legs], families: Sequence[str] = ()) -> Outcome:
    """Leave one collection out: trials of one family (by default each its own name) never choose for each other."""
    families = families or [trial.name for trial in trials]
    names = list(dict.fromkeys(families))
    scores = [[trial.ndcg(method.score(trial, *parameters)) for trial in trials] for parameters in method.grid]
    means = np.array([[found.mean() for found in row] for row in scores])
    # A family's mean is over its trials, so that none counts for more by having more of them.
    by_family = np.stack([means[:, [family == name for family in families]].mean(1) for name in names], 1)
    best = [int(np.delete(by_family, i, 1).mean(1).argmax()) if len(names) > 1 else 0 for i in range(len(names))]
    picks = [best[names.index(family)] for family in families]
    return Outcome(
        scores=[scores[pick][i] for i, pick in enumerate(picks)],
        chosen=[tuple(method.grid[pick]) for pick in picks],
        overall=tuple(method.grid[int(by_family.mean(1).argmax())]),
    )
