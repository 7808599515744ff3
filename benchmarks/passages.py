"""Prints whether vectors of passages, or titles that weigh more, would find better, as Markdown tables.

    python -m benchmarks.passages FOLDER [--cache FOLDER]

In the fusion every variant gets the weight that suits it on the other collections; means and p are over collections,
and p compares with one vector a listing, as the engine has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from search_index.types import Vector

from .significance import sign_flip
from .trials.choice import held_out
from .trials.encodings import Encodings, best, means
from .trials.legs import Legs, by_words, keyword_index, legs_of
from .trials.methods import AT_ROOT, keyword, vector
from .trials.needs import LONG, Trial, lines
from .trials.reading import read, table

Cosines = Mapping[str, Vector]


def of_documents(trial: Trial, encodings: Encodings) -> Cosines:
    """Each way of comparing a need's one vector with a listing's several."""
    needs = encodings.whole(trial.queries)
    texts = [document.text for document in trial.documents]
    whole = needs @ encodings.whole(texts).T
    vectors, starts = encodings.passages(texts)
    late, late_starts = encodings.late(texts)
    windows, window_starts = encodings.windows(texts)
    passage, share = best(needs @ vectors.T, starts), best(needs @ late.T, late_starts)
    return {
        "one vector (present)": whole,
        "mean of windows": needs @ means(windows, window_starts).T,
        "mean of passages": needs @ means(vectors, starts).T,
        "best passage": passage,
        "half whole, half best passage": (whole + passage) / 2,
        "best part of the whole's pass": share,
        "half whole, half best part": (whole + share) / 2,
    }


def of_needs(trial: Trial, encodings: Encodings) -> Cosines:
    """Each way of comparing a long need with a listing's one vector."""
    listings = encodings.whole([document.text for document in trial.documents]).T
    vectors, starts = encodings.passages(trial.queries)
    windows, window_starts = encodings.windows(trial.queries)
    return {
        "one vector (present)": encodings.whole(trial.queries) @ listings,
        "mean of windows": means(windows, window_starts) @ listings,
        "mean of passages": means(vectors, starts) @ listings,
        "best passage": best((vectors @ listings).T, starts).T,
    }


def compare(title: str, trials: Sequence[Legs], variants: Sequence[Cosines]) -> None:
    """Print the vector leg alone and the fusion under each variant."""
    seen = {
        name: [legs.seen_with(cosines[name]) for legs, cosines in zip(trials, variants, strict=True)]
        for name in variants[0]
    }
    _print(title, seen, vector)


def titles(trials: Sequence[Trial], legs: Sequence[Legs]) -> None:
    """Print the keyword leg alone and the fusion with the title repeated."""
    seen = {}
    for count in (1, 2, 3, 5):
        seen[f"title {count} times" if count > 1 else "title once (present)"] = [
            replace(each, words=_with_title(trial, count)) for trial, each in zip(trials, legs, strict=True)
        ]
    _print("Titles repeated in the keyword leg", seen, keyword)


def _with_title(trial: Trial, count: int):  # type: ignore[no-untyped-def]
    documents = tuple(
        replace(document, body="\n".join([*[document.title] * (count - 1), document.body]))
        for document in trial.documents
    )
    with keyword_index(documents) as index:
        return by_words(trial, index)


def _print(title: str, seen: Mapping[str, Sequence[Legs]], leg) -> None:  # type: ignore[no-untyped-def]
    for what in ("the leg alone", "the fusion"):
        now: list[Vector] | None = None
        rows = []
        for name, trials in seen.items():
            if what == "the fusion":
                scores = held_out(AT_ROOT, trials).scores
            else:
                scores = [legs.ndcg(leg(legs)) for legs in trials]
            now = now or scores
            each = [float(found.mean()) for found in scores]
            p = "" if scores is now else f"{sign_flip([a - b for a, b in zip(scores, now, strict=True)]):.4f}"
            rows.append([name, *(f"{mean:.4f}" for mean in (*each, np.mean(each))), p])
        names = [legs.name for legs in next(iter(seen.values()))]
        table(f"{title}: {what}, nDCG@10", ["variant", *names, "mean", "p"], rows)


def main() -> None:
    """Print every table."""
    english, _, encodings = read(__doc__)
    legs = [legs_of(trial, encodings) for trial in english]
    titles(english, legs)
    short = [lines(trial) for trial in english]
    compare(
        "Vectors of listings, needs of a line",
        [legs_of(trial, encodings) for trial in short],
        [of_documents(trial, encodings) for trial in short],
    )
    long = [LONG[trial.name](trial) for trial in english if trial.name in LONG]
    seen = [legs_of(trial, encodings) for trial in long]
    compare("Vectors of listings, needs of a page or two", seen, [of_documents(trial, encodings) for trial in long])
    compare("Vectors of long needs", seen, [of_needs(trial, encodings) for trial in long])


if __name__ == "__main__":
    main()
