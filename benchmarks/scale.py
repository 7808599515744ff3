"""Prints what the engine costs at growing sizes, each row beside a baseline of the same run, as a Markdown table.

    python -m benchmarks.scale LISTINGS COLLECTIONS [SIZE ...]

LISTINGS is a folder of CSV files, COLLECTIONS one of judged collections; the catalogue recombines their sentences
(see synthetic.py). Every size runs in a process of its own, so that its memory is its own. Ours and the baseline take
turns query by query, so that both meet the same machine. The cost curve is written to docs/scale.svg.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks import plot
from benchmarks.baselines import copied_gigabytes
from benchmarks.scale_rows import ROWS, Bench, Curves, Need
from benchmarks.synthetic import Sources, read_texts
from search_index.analysis import STOP_WORDS, segment
from search_index.embedders import SentenceTransformerEmbedder
from search_index.types import Encoded

SIZES = (10_000, 130_000, 1_000_000)
CURVE = Path(__file__).parent.parent / "docs" / "scale.svg"
#: How many texts the catalogue is made from; needs come from the others.
SOURCES = 4_000
#: Needs of each length.
NEEDS = 60
LONG = 1_500


def main(listings: Path, collections: Path, sizes: Sequence[int]) -> None:
    """Measure every size, print the table and draw the curve."""
    sources, needs = prepare(listings, collections)
    print(f"memory bandwidth: numpy copies {copied_gigabytes():.1f} GB/s\n")
    print("| listings | what | ours | baseline | ours / baseline |")
    print("|--:|---|--:|--:|--:|", flush=True)
    curves: Curves = {}
    for size in sizes:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as process:
            for key, milliseconds in process.submit(measure, size, sources, needs).result().items():
                curves.setdefault(key, {}).update(milliseconds)
    CURVE.write_text(plot.svg(curves), "utf-8")


def prepare(listings: Path, collections: Path) -> tuple[Sources, dict[str, list[Need]]]:
    """What every size is made from, and the needs of either length, encoded."""
    texts = read_texts(listings, collections)
    order = np.random.default_rng(0).permutation(len(texts))
    used, others = [texts[i] for i in order[:SOURCES]], [texts[i][1] for i in order[SOURCES:]]
    long = [body[:LONG] for body in others if len(body) >= LONG][:NEEDS]
    short = [_eight_words(body) for body in others if len(set(body.split())) > 40][-NEEDS:]
    encoded = SentenceTransformerEmbedder().encode([*(f"{title}\n{body}" for title, body in used), *short, *long])
    vectors = np.array([one.vector for one in encoded])
    needs = [
        Need(text, Encoded(one.vector, one.vector[None], ((0, len(text)),)))
        for text, one in zip([*short, *long], encoded[len(used) :], strict=True)
    ]
    return Sources.of(used, vectors[: len(used)]), {
        "8 terms": needs[: len(short)],
        "1,500 characters": needs[len(short) :],
    }


def measure(size: int, sources: Sources, needs: dict[str, list[Need]]) -> Curves:
    """Fill an engine with so many listings and print all rows; returns the points of the curves."""
    with tempfile.TemporaryDirectory(prefix="matchmaker-scale-") as folder:
        bench = Bench(size, sources, needs, Path(folder))
        for rows in ROWS:
            for row in rows(bench):
                print(f"| {size:,} | {row.what} | {row.ours} | {row.baseline} | {row.ratio} |", flush=True)
    return bench.curves


def _eight_words(text: str) -> str:
    """Eight different words that carry meaning, from the middle of a text."""
    words = list(dict.fromkeys(word for word in segment(text).split() if word not in STOP_WORDS))
    middle = len(words) // 2
    return " ".join(words[middle - 4 : middle + 4])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [int(size) for size in sys.argv[3:]] or SIZES)
