"""Answers in XML."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Response

from ..schemas import clean


def add(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """Add an element with a text. Characters that XML cannot hold are left out."""
    element = SubElement(parent, tag, {name: clean(value) for name, value in attributes.items()})
    element.text = clean(text)
    return element


def document(root: Element, mimetype: str) -> Response:
    """The whole document as an answer."""
    return Response(tostring(root, encoding="utf-8", xml_declaration=True), mimetype=mimetype)
