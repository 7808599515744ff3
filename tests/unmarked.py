"""Finds texts that readers see and that no translator ever would, because `_` or `N_` is not around them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment, nodes
from marshmallow import validate

from matchmaker import errors

#: Names that are the same in every language.
NAMES = {"Enter", "Matchmaker", "TRL"}
#: Attributes that are read or heard.
SAID = {"alt", "title", "aria-label", "aria-description", "placeholder", "label", "data-label"}
#: What is typed or run rather than read.
_SILENT = {"code", "script", "style"}
_MARKERS = {"_", "N_", "gettext", "ngettext", "pgettext", "npgettext"}
_ATTRIBUTE = re.compile(r"[?&]\w+=|\b[a-z-]+=\"")
_PROSE = re.compile(r"[A-Z][a-z]|[^\W\d_]{2,} [^\W\d_]{2,}")
#: Errors that reach a reader over HTTP.
_ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.MatchmakerError) and kind.status < 500
}
_SAYING = {"ValidationError", "flash", *_ERRORS}

_environment = Environment(extensions=["jinja2.ext.i18n"])  # noqa: S701  (nothing is rendered)


def in_template(source: str) -> list[str]:
    """Texts of a template that stand in its markup or in an expression without being marked."""
    return [*_in_markup(source), *_in_expressions(_environment.parse(source))]


def _in_markup(source: str) -> list[str]:
    reader = _Markup()
    block = ""
    for _, token, value in _environment.lex(source):
        if token == "block_begin":
            block = ""
        elif token == "name" and not block:
            block = value
        elif token == "data" and block != "trans":
            reader.feed(value)
        elif token == "variable_end":
            # Something stands here, be it within an attribute.
            reader.feed(" ")
    reader.close()
    return reader.found


class _Markup(HTMLParser):
    """Collects text and the attributes that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        said = [given.get(name) for name in sorted(SAID)]
        if tag == "input" and given.get("type") in ("submit", "button", "reset"):
            said.append(given.get("value"))
        if tag == "meta" and given.get("name") == "description":
            said.append(given.get("content"))
        self.found += [text for text in said if text and _says_something(text)]
        if tag in _SILENT:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            self.inside.remove(tag)

    def handle_data(self, text: str) -> None:
        if not self.inside and _says_something(text):
            self.found.append(text.strip())


def _says_something(text: str) -> bool:
    # A macro may write attributes or a part of an address only.
    words = re.findall(r"[^\W\d_]+", _ATTRIBUTE.sub("", text))
    return any(word not in NAMES for word in words)


def _in_expressions(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in _MARKERS:
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and _is_prose(node.value):
        yield node.value
    for child in node.iter_child_nodes():
        yield from _in_expressions(child)


def _is_prose(text: str) -> bool:
    # A text in quotation marks of its own is one to be typed.
    return bool(_PROSE.search(text)) and text not in NAMES and not text.startswith('"')


def in_module(source: str) -> list[str]:
    """Messages for readers that a module raises, flashes or gives a schema without marking them."""
    return [ast.unparse(text) for text in _messages(ast.parse(source)) if _is_bare(text)]


def _messages(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in _SAYING and node.args:
            yield node.args[0]
        if called == "Code" and len(node.args) > 1:
            yield node.args[1]
        for given in node.keywords:
            if given.arg == "error" and hasattr(validate, called):
                yield given.value
            if given.arg == "error_messages" and isinstance(given.value, ast.Dict):
                yield from given.value.values


def _is_bare(text: ast.expr) -> bool:
    return isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Constant) and isinstance(text.value, str))
