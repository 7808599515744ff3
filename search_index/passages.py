"""Cutting a text into passages (sentences and headings), in any script."""

from __future__ import annotations

import re

# A sentence ends at CJK or Arabic stops wherever they stand, at . ! ? before a space, and at every line end.
_END = re.compile(r"[。！？؟۔]+[”’」』）)]*|[.!?…]+[\"'”’»)\]]*(?=\s)|\n+")
_SHORT = 12


def split(text: str) -> tuple[tuple[int, int], ...]:
    """The passages' [start, end) in characters, in order, without outer space.

    Fragments shorter than a dozen characters ("Fig. 2", "Dr.") join the passage before them on the same line.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in [match.end() for match in _END.finditer(text)] + [len(text)]:
        passage = text[start:end]
        left = start + len(passage) - len(passage.lstrip())
        right = start + len(passage.rstrip())
        if left < right:
            short = right - left < _SHORT or (spans and spans[-1][1] - spans[-1][0] < _SHORT)
            if spans and short and "\n" not in text[spans[-1][1] : left]:
                spans[-1] = (spans[-1][0], right)
            else:
                spans.append((left, right))
        start = end
    return tuple(spans)
