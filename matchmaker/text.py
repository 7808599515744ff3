"""Markdown as pages show it and as the indexes read it."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "blockquote", "code", "pre", "h3", "h4", "h5", "h6", "hr", "a"}
_BLOCKS = ("inline", "code_block", "fence")


@lru_cache(1024)
def rendered(markdown: str) -> str:
    """Safe HTML; headings start at the third level, below a page's own, and skip none. Links are web or mail ones."""
    tokens = _MARKDOWN.parse(markdown)
    used = sorted({token.tag for token in tokens if token.type == "heading_open"})
    for token in tokens:
        if token.tag in used:
            token.tag = f"h{min(used.index(token.tag) + 3, 6)}"
    return nh3.clean(
        _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


@lru_cache(4096)
def plain(markdown: str) -> str:
    """The words alone, one block a line."""
    lines = []
    for token in _MARKDOWN.parse(markdown):
        if token.type in _BLOCKS:
            parts = token.children or [token]
            line = "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in parts)
            if line.strip():
                lines.append(line.strip())
    return "\n".join(lines)


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which the head of a letter and a database choke on."""
    kept = (" " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text)
    return " ".join("".join(kept).split())


def web_address(url: str | None) -> str | None:
    """The address when it is a plain http or https one, else None: nothing else becomes a link."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None
