"""Prints nDCG@10, recall@50 and MRR@10 of each leg on judged collections, as a Markdown table.

    python -m benchmarks.quality [FOLDER OF COLLECTIONS]

The sample collection of this repository always comes first.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from matchmaker.parts import build_parts
from matchmaker.services import evaluation
from matchmaker.settings import Settings

SAMPLE = Path(__file__).parent / "collections" / "sample"


def main(folders: list[Path]) -> None:
    """Score the collections and print a row for each leg."""
    print("| collection | documents | queries | leg | nDCG@10 | recall@50 | MRR@10 |")
    print("|---|--:|--:|---|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="matchmaker-bench-") as instance:
        engine = build_parts(Settings.from_environment({**os.environ, "MATCHMAKER_INSTANCE": instance})).engine
        for folder in folders:
            scores = evaluation.evaluate(evaluation.read_collection(folder), engine)
            for leg, means in scores["legs"].items():
                print(
                    f"| {scores['collection']} | {scores['documents']} | {scores['queries']} | {leg} "
                    f"| {means['ndcg@10']:.4f} | {means['recall@50']:.4f} | {means['mrr@10']:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main([SAMPLE, *sorted(corpus.parent for folder in given for corpus in folder.glob("*/corpus.jsonl"))])
