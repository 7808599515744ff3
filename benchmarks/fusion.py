"""Prints how ways of fusing both legs compare, as Markdown tables.

    python -m benchmarks.fusion FOLDER [--cache FOLDER]

Parameters are chosen leaving one collection out, so that no figure is of a collection that was tuned on. Means are
over collections, and so is p, which compares with what search_index.fusion does now (benchmarks.significance).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .significance import sign_flip
from .trials.choice import Outcome, held_out
from .trials.encodings import Encodings
from .trials.legs import Legs, keyword_index, legs_of
from .trials.methods import AT_ROOT, METHODS, PRESENT, keyword, vector
from .trials.needs import LONG, Trial, few_words, lines
from .trials.reading import read, table


def methods(trials: Sequence[Legs]) -> None:
    """Every method on the collections it was not tuned on."""
    now = held_out(PRESENT, trials)
    rows = [_row(PRESENT.name, True, now, None)]
    rows += [_row(method.name, method.alone, held_out(method, trials), now) for method in METHODS]
    head = ["method", "alone", "parameters", *(trial.name for trial in trials), "mean", "p", "p, queries pooled"]
    table("Ways to fuse, nDCG@10 on the collection left out", head, rows)


def _row(name: str, alone: bool, outcome: Outcome, now: Outcome | None) -> list[str]:
    differences = [a - b for a, b in zip(outcome.scores, now.scores, strict=True)] if now else []
    tests = [f"{sign_flip(each):.4f}" for each in (differences, [np.concatenate(differences)])] if now else ["", ""]
    parameters = ", ".join(f"{value:.3g}" for value in outcome.overall)
    return [name, "yes" if alone else "no", parameters, *map(_four, (*outcome.means, outcome.mean)), *tests]


def against_legs(trials: Sequence[Legs]) -> None:
    """The fusion beside the better leg of each collection."""
    rows, better, differences = [], [], []
    for legs in trials:
        alone = {name: legs.ndcg(leg(legs)) for name, leg in (("keyword", keyword), ("vector", vector))}
        best = max(alone.values(), key=np.mean)
        fused = legs.ndcg(PRESENT.score(legs))
        gain = fused.mean() / best.mean() - 1
        means = [found.mean() for found in (*alone.values(), fused)]
        rows.append([legs.name, *map(_four, means), f"{gain:+.1%}", f"{sign_flip([fused - best]):.4f}"])
        better.append(gain)
        differences.append(fused - best)
    pooled = f"{sign_flip([np.concatenate(differences)]):.4f}"
    rows.append(["mean gain; p of all queries pooled", "", "", "", f"{np.mean(better):+.1%}", pooled])
    table(
        "The fusion beside the better leg, nDCG@10",
        ["collection", "keyword", "vector", "fusion", "over the better leg", "p"],
        rows,
    )


def lengths(trials: Sequence[Trial], encodings: Encodings) -> None:
    """The fusion on needs of three lengths; all lengths of a collection are left out together."""
    shaped = {name: [] for name in ("three words", "a line", "a page or two")}
    for trial in trials:
        with keyword_index(trial.documents) as index:
            shaped["three words"].append(few_words(trial, index))
        shaped["a line"].append(lines(trial))
        if trial.name in LONG:
            shaped["a page or two"].append(LONG[trial.name](trial))
    for name, some in shaped.items():
        _length(name, [legs_of(trial, encodings) for trial in some])


def _length(name: str, trials: Sequence[Legs]) -> None:
    tuned = held_out(AT_ROOT, trials)
    rows = []
    for i, legs in enumerate(trials):
        fused = legs.ndcg(PRESENT.score(legs))
        alone = [legs.ndcg(leg(legs)) for leg in (keyword, vector)]
        means = [found.mean() for found in (*alone, fused, tuned.scores[i])]
        weight = f"{tuned.chosen[i][0]:.2f}"
        median = f"{np.median(legs.words.terms):.0f}"
        rows.append([legs.name, str(len(fused)), median, *map(_four, means), weight])
    head = ["collection", "queries", "terms", "keyword", "vector", "w = 0.4", "w chosen on the others", "that w"]
    table(f"Needs of {name}, nDCG@10", head, rows)


def languages(english: Sequence[Legs], foreign: Sequence[Legs]) -> None:
    """Weights that depend on the query, where queries are in another language than documents."""
    trials = [*english, *foreign]
    outcomes = [held_out(method, trials) for method in (PRESENT, *METHODS) if "√" in method.name]
    names = [method.name for method in (PRESENT, *METHODS) if "√" in method.name]
    rows = [
        [name, ", ".join(f"{value:.3g}" for value in outcome.overall), *map(_four, outcome.means)]
        for name, outcome in zip(names, outcomes, strict=True)
    ]
    table("With other languages, nDCG@10", ["method", "parameters", *(trial.name for trial in trials)], rows)


def _four(figure: float) -> str:
    return f"{figure:.4f}"


def main() -> None:
    """Print every table."""
    english, foreign, encodings = read(__doc__)
    legs = [legs_of(trial, encodings) for trial in english]
    against_legs(legs)
    methods(legs)
    lengths(english, encodings)
    if foreign:
        languages(legs, [legs_of(trial, encodings) for trial in foreign])


if __name__ == "__main__":
    main()
