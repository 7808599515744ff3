"""The cost curve can be read by eye, in words and without colour."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from benchmarks import plot

SVG = "{http://www.w3.org/2000/svg}"
CURVES = {
    ("8 terms", name, percentile): {10_000: cost * percentile, 1_000_000: 80 * cost * percentile}
    for name, cost in (("engine", 0.04), ("faiss <bare>", 0.03), ("tantivy", 0.029))
    for percentile in (50, 95)
}


def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(plot.svg(CURVES))  # noqa: S314


def texts() -> list[str]:
    return ["".join(text.itertext()) for text in drawn().iter(f"{SVG}text")]


def test_it_has_a_title_and_tells_every_point_in_words() -> None:
    described = drawn().find(f"{SVG}desc")
    assert drawn().find(f"{SVG}title") is not None
    assert described is not None
    assert "engine, needs of 8 terms, p50: 2 ms at 10,000 listings, 160 ms at 1,000,000 listings." in described.text


def test_axes_bear_their_units() -> None:
    assert {"milliseconds", "listings", "10,000", "1,000,000"} <= set(texts())


def test_every_line_is_named_where_it_ends() -> None:
    named = [text for text in texts() if text.endswith(" ms")]
    assert len(named) == len(CURVES)
    assert "faiss <bare> p50: 120 ms" in named


def test_names_do_not_cover_each_other() -> None:
    heights = sorted(float(text.get("y", 0)) for text in drawn().iter(f"{SVG}text") if str(text.text).endswith(" ms"))
    assert min(after - before for before, after in pairwise(heights)) >= 17


def test_lines_differ_in_more_than_colour() -> None:
    marks = {str(mark.get("d")).split("m", 1)[1] for mark in drawn().iter(f"{SVG}path")}
    assert len(marks) == 3
    assert sum("p95" in str(line.get("class")) for line in drawn().iter(f"{SVG}polyline")) == 3
