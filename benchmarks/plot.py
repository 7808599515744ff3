"""The cost curve as SVG: two panels, logarithmic axes, every line named where it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

#: Milliseconds by size, for each (panel, line, percentile).
Curves = Mapping[tuple[str, str, int], Mapping[int, float]]

_WIDTH, _HEIGHT = 1000, 430
_LEFT, _TOP, _BOTTOM, _PANEL, _NAMES = 62, 70, 62, 270, 220
_STYLE = """
    svg { background: #fff; font: 13px system-ui, sans-serif; }
    text { fill: #1b1f24; } .minor { fill: #57606a; } .grid { stroke: #d0d7de; } .axis { stroke: #57606a; }
    .line { fill: none; stroke-width: 2; } .p95 { stroke-dasharray: 5 4; }
    .c0 { stroke: #0a6b3d; } .c1 { stroke: #0550ae; } .c2 { stroke: #9a3412; } .mark { fill: #fff; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      svg { background: #0d1117; } text { fill: #e6edf3; } .minor { fill: #9da7b3; } .grid { stroke: #30363d; }
      .axis { stroke: #9da7b3; } .mark { fill: #0d1117; }
      .c0 { stroke: #56d364; } .c1 { stroke: #79c0ff; } .c2 { stroke: #ffa657; }
    }"""


def svg(curves: Curves) -> str:
    """The drawing. Percentile 50 is a whole line, any other a broken one; each line has a mark of its own too."""
    panels = list(dict.fromkeys(panel for panel, _, _ in curves))
    names = list(dict.fromkeys(name for _, name, _ in curves))
    sizes = sorted({size for points in curves.values() for size in points})
    spent = [milliseconds for points in curves.values() for milliseconds in points.values()]
    x = _Scale(sizes[0], sizes[-1], 0, _PANEL)
    y = _Scale(
        10 ** math.floor(math.log10(min(spent))), 10 ** math.ceil(math.log10(max(spent))), _HEIGHT - _BOTTOM, _TOP
    )
    lines = "\n".join(
        line
        for number, panel in enumerate(panels)
        for line in _panel(panel, _LEFT + number * (_PANEL + _NAMES), curves, names, sizes, x, y)
    )
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-labelledby="t d">
  <title id="t">Time of a search against the number of listings</title>
  <desc id="d">{escape(_told(curves))}</desc>
  <style>{_STYLE}
  </style>
  <text x="14" y="22" font-weight="600">Time of a search without the encode; whole line p50, broken line p95</text>
{lines}
</svg>
"""


class _Scale:
    """A logarithmic axis from values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self._start, self._end = low, max(high, low * 10), start, end

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self._start + share * (self._end - self._start)

    def tens(self) -> list[float]:
        """The powers of ten on the axis."""
        low, high = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**power for power in range(low, high + 1)]


def _panel(
    panel: str, left: float, curves: Curves, names: list[str], sizes: list[int], x: _Scale, y: _Scale
) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    yield f'  <g transform="translate({left} 0)">'
    yield f'    <text x="0" y="{_TOP - 18}" font-weight="600">Needs of {escape(panel)}</text>'
    for tick in y.tens():
        yield f'    <line class="grid" x1="0" x2="{_PANEL}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        yield f'    <text class="minor" x="-8" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for size in sizes:
        yield f'    <line class="axis" x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield f'    <text class="minor" x="{x(size):.1f}" y="{bottom + 20}" text-anchor="middle">{size:,}</text>'
    yield f'    <line class="axis" x1="0" x2="{_PANEL}" y1="{bottom}" y2="{bottom}"/>'
    yield f'    <text x="{_PANEL / 2}" y="{bottom + 44}" text-anchor="middle">listings</text>'
    middle = (_TOP + bottom) / 2
    yield f'    <text transform="translate(-44 {middle}) rotate(-90)" text-anchor="middle">milliseconds</text>'
    ends = []
    for (where, name, percentile), points in curves.items():
        if where == panel:
            colour, placed = f"c{names.index(name) % 3}", [(x(n), y(points[n])) for n in sorted(points)]
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in placed)
            broken = "" if percentile == 50 else " p95"
            yield f'    <polyline class="line {colour}{broken}" points="{path}"/>'
            for px, py in placed:
                yield f'    <path class="mark {colour}" d="M{px:.1f} {py:.1f}{_MARKS[names.index(name) % 3]}"/>'
            ends.append((placed[-1][1], f"{name} p{percentile}: {points[max(points)]:.3g} ms"))
    for height, text in _apart(ends):
        yield f'    <text x="{_PANEL + 10}" y="{height + 4:.1f}">{escape(text)}</text>'
    yield "  </g>"


#: A circle, a square and a triangle about the point a path stands on.
_MARKS = ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "m-4 -4h8v8h-8z", "m0 -5l5 9h-10z")


def _apart(ends: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """The names at heights where none covers another, in their order, above the axis."""
    out: list[tuple[float, str]] = []
    lowest = _HEIGHT - _BOTTOM
    for height, text in sorted(ends, reverse=True):
        lowest = min(height, lowest)
        out.append((lowest, text))
        lowest -= 17
    return out


def _told(curves: Curves) -> str:
    """Every line in words."""
    return " ".join(
        f"{name}, needs of {panel}, p{percentile}: "
        + ", ".join(f"{points[size]:.3g} ms at {size:,} listings" for size in sorted(points))
        + "."
        for (panel, name, percentile), points in curves.items()
    )
