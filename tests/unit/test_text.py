"""Markdown as pages show it and as the indexes read it."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.text import plain, rendered, web_address

MARKDOWN = st.lists(
    st.sampled_from(
        [
            *(
                "# ",
                "## ",
                "- ",
                "1. ",
                "> ",
                "```\n",
                "    ",
                "\n",
                "\n\n",
                "**",
                "_",
                "`",
                "[",
                "](",
                ")",
                "![",
                "<",
                ">",
            ),
            *(
                "javascript:alert(1)",
                "https://x.org",
                "data:text/html,x",
                "<script>",
                "<b onclick=x>",
                "&lt;",
                "&#106;",
            ),
            *("pump", " ", "\x00", "太阳能"),
        ]
    )
).map("".join)


class Tags(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@given(st.one_of(st.text(), MARKDOWN))
def test_only_harmless_tags_and_links_are_rendered(markdown: str) -> None:
    for tag, attributes in Tags(rendered(markdown)).found:
        assert tag in {
            "p",
            "br",
            "strong",
            "em",
            "ul",
            "ol",
            "li",
            "blockquote",
            "code",
            "pre",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "a",
        }
        assert attributes.keys() <= ({"href", "rel"} if tag == "a" else set())
        assert re.match(r"(https?|mailto):|(?![a-z][a-z0-9+.-]*:)", attributes.get("href") or "", re.IGNORECASE)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# Title", "<h3>Title</h3>\n"),
        ("###### Deep", "<h3>Deep</h3>\n"),
        ("# A\n### B\n# C", "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>\n"),
        ("# 1\n## 2\n### 3\n#### 4\n##### 5", "<h3>1</h3>\n<h4>2</h4>\n<h5>3</h5>\n<h6>4</h6>\n<h6>5</h6>\n"),
        ("a **b** _c_", "<p>a <strong>b</strong> <em>c</em></p>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("`<h1>`", "<p><code>&lt;h1&gt;</code></p>\n"),
    ],
)
def test_markdown_is_rendered(markdown: str, html: str) -> None:
    assert rendered(markdown) == html


def test_links_say_that_they_are_foreign() -> None:
    assert 'rel="noopener noreferrer nofollow"' in rendered("[x](https://x.org)")


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "JaVaScRiPt:x", "java&#115;cript:x"]
)
def test_a_link_that_runs_something_goes_nowhere(address: str) -> None:
    assert "href" not in rendered(f"[x]({address})")


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# Title\n\nA **bold** [link](https://x.org)\nand more", "Title\nA bold link and more"),
        ("- one\n- two", "one\ntwo"),
        ("```\ncode here\n```", "code here"),
        ("![a picture](x.png)", "a picture"),
        ("<b>kept as text</b>", "<b>kept as text</b>"),
        ("", ""),
        ("***", ""),
    ],
)
def test_the_words_alone_are_one_block_a_line(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@given(st.one_of(st.text(), MARKDOWN))
def test_no_line_of_the_words_is_empty_or_has_outer_space(markdown: str) -> None:
    found = plain(markdown)
    assert not found or all(line for line in found.split("\n")) or "```" in markdown or "    " in markdown


@pytest.mark.parametrize("piece", ["[", "*a ", "> ", "- ", "`", "](", "<", "![](", "&", "_*"])
def test_eight_thousand_characters_of_anything_are_quick(piece: str) -> None:
    markdown = (piece * 8000)[:8000]
    start = time.process_time()
    rendered(markdown)
    plain(markdown)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("url", ["https://x.org/a?b#c", "http://localhost:8000", "HTTPS://X.ORG"])
def test_web_addresses_are_kept(url: str) -> None:
    assert web_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "ftp://x.org",
        "//x.org",
        "/path",
        "x.org",
        "http://[::1",
        "http:///x",
        "mailto:a@b.c",
    ],
)
def test_anything_else_is_no_web_address(url: str | None) -> None:
    assert web_address(url) is None
