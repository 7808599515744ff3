"""Whether probabilities keep their word: of pairs said to be relevant at 0.7, seven in ten should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
_SIDE, _LEFT, _TOP = 320, 64, 52


@dataclass(frozen=True, slots=True)
class Bin:
    """The pairs whose probability lies in one tenth: how many, their mean probability, and the share relevant."""

    count: int
    probability: float
    relevant: float


def reliability(probabilities: NDArray[np.float64], relevant: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """The bins of equal width that hold any pair, lowest first; both arrays are `(n,)`."""
    number = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(int(held.sum()), float(probabilities[held].mean()), float(relevant[held].mean()))
        for held in (number == i for i in range(BINS))
        if held.any()
    )


def expected_error(bins: tuple[Bin, ...]) -> float:
    """The expected calibration error: |share relevant - mean probability|, weighted by the bins' counts; 0 to 1.

    Naeini, Cooper & Hauskrecht 2015; ten bins of equal width as Guo et al. 2017.
    """
    total = sum(bin.count for bin in bins)
    return sum(bin.count * abs(bin.relevant - bin.probability) for bin in bins) / total


def diagram(bins: tuple[Bin, ...]) -> str:
    """A reliability diagram as an SVG document: squares on a line are the bins, the broken line is perfection."""
    said = "; ".join(f"{b.count} pairs at {b.probability:.2f}: {b.relevant:.0%} relevant" for b in bins)
    points = [(_x(b.probability), _y(b.relevant), b.count) for b in bins]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    ticks = "".join(
        f'<text x="{_x(v):.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{v:.1f}</text>'
        f'<text x="{_LEFT - 8}" y="{_y(v) + 4:.1f}" text-anchor="end">{v:.1f}</text>'
        for v in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    )
    # A white rim keeps a number readable where a line runs through it.
    marks = "".join(
        f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
        f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle" stroke="white" stroke-width="3" paint-order="stroke">'
        f"{count}</text>"
        for x, y, count in points
    )
    width, height = _LEFT + _SIDE + 40, _TOP + _SIDE + 84
    middle = _LEFT + _SIDE / 2
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" \
height="{height}" role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="12">
<title id="title">Reliability of the ranker's probabilities</title>
<desc id="desc">Share of relevant pairs by predicted probability, cross-validated. {said}. \
Expected calibration error {expected_error(bins):.3f}.</desc>
<rect width="{width}" height="{height}" fill="white"/>
<text x="{middle}" y="22" text-anchor="middle" font-size="14">Reliability of the ranker's probabilities</text>
<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="black"/>
<g>{ticks}</g>
<text x="{middle}" y="{_y(0) + 38}" text-anchor="middle">Predicted probability</text>
<text transform="translate(18 {_TOP + _SIDE / 2}) rotate(-90)" text-anchor="middle">Share found relevant</text>
<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="black" stroke-dasharray="6 5"/>
<polyline points="{line}" fill="none" stroke="#0b5d3b" stroke-width="2"/>
<g fill="#0b5d3b">{marks}</g>
<text x="{middle}" y="{height - 18}" text-anchor="middle">Squares: bins with their number of pairs. \
Broken line: perfect.</text>
</svg>
"""


def _x(value: float) -> float:
    return _LEFT + value * _SIDE


def _y(value: float) -> float:
    return _TOP + (1 - value) * _SIDE
