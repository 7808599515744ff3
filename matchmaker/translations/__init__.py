"""The languages of the interface, and their catalogues, one folder each. `make messages` brings them up to date."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask_babel import Domain, get_locale


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the interface: its code, BCP-47 tag, name in itself, and the rules of its dates and numbers."""

    code: str
    tag: str
    name: str
    locale: Locale

    @property
    def direction(self) -> str:
        """How it is written: "ltr" or "rtl"."""
        return "rtl" if self.locale.character_order == "right-to-left" else "ltr"


#: What the source is written in, and what stands in for a text that a catalogue lacks.
ENGLISH = Language("en", "en", "English", Locale("en", "GB"))
LANGUAGES = {
    language.code: language
    for language in (
        ENGLISH,
        Language("zh", "zh-Hans", "简体中文", Locale("zh", "CN", "Hans")),
        Language("ar", "ar", "العربية", Locale("ar")),
    )
}
#: The languages that have a catalogue.
TRANSLATED = tuple(code for code in LANGUAGES if code != ENGLISH.code)


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
    if language not in TRANSLATED:
        return NullTranslations()
    compiled = BytesIO()
    with path(language).open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
