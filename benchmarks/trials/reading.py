"""What both trial commands are given: folders of collections, and where vectors are kept meanwhile."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from matchmaker.services.evaluation import read_collection
from search_index.embedders import SentenceTransformerEmbedder

from .encodings import Encodings
from .needs import Trial, as_judged

SAMPLE = Path(__file__).parents[1] / "collections" / "sample"
#: Queries of these are in another language than their documents; MiniLM cannot bring them together.
CROSS_LINGUAL = "xquad"


def read(description: str | None) -> tuple[list[Trial], list[Trial], Encodings]:
    """English trials, the sample first, then cross-lingual ones, out of the folders of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("collections", nargs="+", type=Path, help="folders of collections in the BEIR layout")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "matchmaker-trials")
    given = parser.parse_args()
    corpora = sorted(corpus for folder in given.collections for corpus in folder.glob("*/corpus.jsonl"))
    trials = [as_judged(read_collection(folder)) for folder in (SAMPLE, *(corpus.parent for corpus in corpora))]
    english = [trial for trial in trials if not trial.name.startswith(CROSS_LINGUAL)]
    if len(english) < 2:
        parser.error("leaving one collection out takes at least one beside the sample")
    foreign = [trial for trial in trials if trial.name.startswith(CROSS_LINGUAL)]
    return english, foreign, Encodings(SentenceTransformerEmbedder(), given.cache)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table; the first column holds words, the others figures."""
    print(f"\n### {title}\n")
    print("|", " | ".join(head), "|")
    print("|---|" + "--:|" * (len(head) - 1))
    for row in rows:
        print("|", " | ".join(row), "|", flush=True)
