"""The catalogues of the interface's languages, one folder each. `make messages` brings them up to date."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask_babel import Domain, get_locale

#: The languages with a catalogue. English needs none, and stands in for what another one lacks.
LANGUAGES = ("ar", "zh")


class Catalogues(Domain):
    """The product's own texts in the language of the request."""

    def get_translations(self) -> NullTranslations:
        """The catalogue of the reader's language."""
        locale = get_locale()
        return translations(locale.language) if locale else NullTranslations()


def path(language: str) -> Path:
    """Where the catalogue of a language lies."""
    return Path(__file__).parent / language / "LC_MESSAGES" / "messages.po"


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language, compiled once a process, so that there is no second file to keep in step."""
    if language not in LANGUAGES:
        return NullTranslations()
    compiled = BytesIO()
    with path(language).open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
