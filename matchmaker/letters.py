"""The text of letters that services owe. A letter is a template of templates/email with a subject and a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .links import Links
from .translations import ENGLISH, LANGUAGES, Language, translations

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent, without to whom."""

    subject: str
    text: str


class Letters:
    """Writes letters; `links` are the addresses they may hold."""

    def __init__(self, links: Links) -> None:
        self.links = links
        # Letters are plain text: what is escaped for a page would be read as it stands.
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701
        )
        config = SimpleNamespace(PUBLIC_URL=links.public_url)
        self._environment.globals.update(config=config, links=links)

    def write(self, name: str, language: str | None, **values: Any) -> Letter:
        """The letter of this name about these values, for a reader of this language; in English if it has none."""
        template = self._environment.get_template(f"email/{name}.txt")
        values |= _wording(LANGUAGES.get(language or "", ENGLISH))
        subject = "".join(template.blocks["subject"](template.new_context(values)))
        return Letter(" ".join(subject.split()), template.render(values))


def _wording(language: Language) -> dict[str, Callable[..., str]]:
    """What templates say texts and dates by."""
    catalogue = translations(language.code)

    def translated(text: str, **values: object) -> str:
        said = str(catalogue.gettext(text))
        return said % values if values else said

    return {"_": translated, "day": lambda moment: format_date(moment, "long", locale=language.locale)}
