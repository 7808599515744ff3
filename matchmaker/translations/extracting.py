"""Brings the catalogues up to date with the source: `make messages`.

The same source and translations give the same file, byte by byte: sorted, without places, dates or line breaks, so that
branches that add texts merge.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from .. import ROOT
from . import TRANSLATED, path

_SOURCES: dict[str, list[tuple[str, Any]]] = {
    "matchmaker": [("**.py", "python")],
    "templates": [("**.html", "jinja2"), ("**.txt", "jinja2")],
}


def found(root: Path = ROOT) -> Catalog:
    """Every text of the source that is marked for translation."""
    catalogue = Catalog()
    for folder, methods in _SOURCES.items():
        for _, _, message, comments, context in extract_from_dir(
            str(root / folder), methods, comment_tags=("Translators:",), strip_comment_tags=True
        ):
            catalogue.add(message, auto_comments=comments, context=context)
    for name in _names(root / "models" / "taxonomy.py"):
        catalogue.add(name)
    return catalogue


def _names(taxonomy: Path) -> Iterator[str]:
    """The names of all codes. Models know no translations, so their dictionaries' texts are taken as they stand."""
    for node in ast.walk(ast.parse(taxonomy.read_text("utf-8"))):
        if isinstance(node, ast.Dict):
            for value in node.values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def updated(language: str, source: Catalog) -> str:
    """The catalogue file of a language with the source's texts: translations are kept, texts no longer used go."""
    catalogue = read(path(language).read_text("utf-8"), language)
    catalogue.update(source, no_fuzzy_matching=True)
    written = BytesIO()
    write_po(written, catalogue, width=0, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    # Babel's own header has a date and a version, over which branches would fall out.
    header = (
        'msgid ""\n'
        'msgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    )
    return header + written.getvalue().decode()


def read(text: str, language: str) -> Catalog:
    """The catalogue that a file's text holds."""
    return read_po(BytesIO(text.encode()), locale=language)


def untranslated(catalogue: Catalog) -> list[str]:
    """The texts a catalogue lacks in any of their forms, or has only by a guess."""
    lacking = []
    for message in catalogue:
        forms = [message.string] if isinstance(message.string, str) else message.string or [""]
        if message.id and (message.fuzzy or not all(forms)):
            lacking.append(message.id if isinstance(message.id, str) else message.id[0])
    return lacking


def main() -> None:
    """Update every catalogue and say what is still to be translated."""
    source = found()
    for language in TRANSLATED:
        text = updated(language, source)
        path(language).write_text(text, encoding="utf-8")
        print(f"{language}: {len(source)} texts, {len(untranslated(read(text, language)))} to be translated")


if __name__ == "__main__":
    main()
