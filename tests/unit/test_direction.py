"""Styles say where a line begins and ends, never left and right, so that pages mirror for Arabic."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
STYLES = sorted((ROOT / "matchmaker" / "web" / "static").glob("*.css"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
#: A property or value that names a side, and the short forms that mean different ones.
SIDED = re.compile(r"(?:[\s{;]|(?:margin|padding|border)-)(?:left|right)\s*:|:\s*(?:left|right)\b")
UNEVEN = re.compile(r"(?:margin|padding):\s*[^\s;]+ ([^\s;]+) [^\s;]+ (?!\1\s*[;}])[^\s;]+")
#: Bootstrap's classes that name a side under other names; this build of it does not mirror them.
SIDED_CLASSES = re.compile(
    r'class="[^"]*\b(?:[mp][se]-\w+|(?:float|text|border|rounded)-(?:start|end)|form-(?:check|switch))\b'
)


@pytest.mark.parametrize("style", STYLES, ids=lambda path: path.name)
def test_a_style_names_no_side(style: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", style.read_text("utf-8"), flags=re.DOTALL)
    assert [line for line in text.splitlines() if SIDED.search(line) or UNEVEN.search(line)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_uses_no_class_that_names_a_side(template: Path) -> None:
    assert SIDED_CLASSES.findall(template.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [".a { margin-left: 4px; }", ".a{left:0}", ".a { text-align: right; }", ".a { padding: 2px 8px 2px 0; }"],
)
def test_a_side_is_found(line: str) -> None:
    assert SIDED.search(line) or UNEVEN.search(line)


@pytest.mark.parametrize(
    "line",
    [".a { margin: 0 4px 8px 4px; }", ".a { margin: 0 0 8px; }", ".a { inset-inline-start: 0; text-align: start; }"],
)
def test_what_mirrors_passes(line: str) -> None:
    assert not SIDED.search(line)
    assert not UNEVEN.search(line)
