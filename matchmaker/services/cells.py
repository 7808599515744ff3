"""What stands in a spreadsheet's cell: texts that no program takes for a formula, and lists inside one cell."""

from __future__ import annotations

import re
from typing import Any

_AT_ONCE = re.compile(r"\s*[=+\-@|%＝＋－＠]|\s*[\t\r]")
#: A text in front of which an apostrophe was set begins so as well: only then can it be taken off again.
_FORMULA = re.compile(rf"'*(?:{_AT_ONCE.pattern})")
#: Between the items of a list, and between the parts of one item.
ITEMS, PARTS = ";", "|"
_SPECIAL = re.compile(r"([\\;|])")
_ESCAPED = re.compile(r"\\([\\;|])")


def harmless(value: Any) -> Any:
    """The value for a CSV file: a text that a program would take for a formula gets an apostrophe, numbers stay."""
    return "'" + value if isinstance(value, str) and _FORMULA.match(value) else value


def harmless_in_workbook(value: Any) -> Any:
    """The value for a cell that says itself that it is a text: only what `bared` would change is marked."""
    return value if isinstance(value, str) and _AT_ONCE.match(value) else harmless(value)


def bared(text: str) -> str:
    """The text without the apostrophe of `harmless`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text, 1) else text


def escaped(text: str) -> str:
    r"""The text as part of a list: its separators and backslashes get a backslash (\; \| \\)."""
    return _SPECIAL.sub(r"\\\1", text)


def unescaped(text: str) -> str:
    """The text that `escaped` was given."""
    return _ESCAPED.sub(r"\1", text).strip()


def split(cell: str, separator: str = ITEMS) -> list[str]:
    """The pieces of a cell between separators without a backslash; each is still escaped."""
    pieces, piece, position = [], "", 0
    for found in re.finditer(rf"\\[\\;|]|{re.escape(separator)}", cell):
        piece += cell[position : found.start()]
        position = found.end()
        if found[0] == separator:
            pieces.append(piece)
            piece = ""
        else:
            piece += found[0]
    return [*pieces, piece + cell[position:]]


def number(value: float) -> str:
    """The number in digits, without a fraction that is none."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
