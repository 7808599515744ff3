"""Every text that readers see is marked, extracted and translated; `make messages` keeps the catalogues in step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import unmarked
from babel.messages.catalog import Catalog

from matchmaker import wording
from matchmaker.translations import TRANSLATED, path
from matchmaker.translations.extracting import found, read, untranslated, updated
from matchmaker.web import errors, findings
from models import taxonomy

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
#: Said on the command line only, which speaks English.
COMMAND_LINE = {
    f"services/{name}.py"
    for name in (
        "backup",
        "comparing",
        "evaluation",
        "import_map",
        "import_rows",
        "imports",
        "mapping",
        "training",
        "verdicts",
    )
}
MODULES = [
    path
    for folder in ("api", "services", "web")
    for path in sorted((ROOT / "matchmaker" / folder).glob("*.py"))
    if f"{folder}/{path.name}" not in COMMAND_LINE
] + [path for path in sorted((ROOT / "matchmaker").glob("*.py")) if not path.stem.startswith("cli")]
PLACE = re.compile(r"%\((\w+)\)[a-z]")


@pytest.fixture(scope="module")
def source() -> Catalog:
    """What is marked in the source."""
    return found()


def catalogue(language: str) -> Catalog:
    """What is translated."""
    return read(path(language).read_text("utf-8"), language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_just_the_texts_of_the_source(source: Catalog, language: str) -> None:
    assert path(language).read_text("utf-8") == updated(language, source), "Run: make messages"


def test_chinese_is_complete() -> None:
    assert untranslated(catalogue("zh")) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_is_translated_by_a_guess(language: str) -> None:
    assert [message.id for message in catalogue(language) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_places_of_its_text(language: str) -> None:
    wrong = [
        (message.id, form)
        for message in catalogue(language)
        if message.id
        and isinstance(message.id, str)
        and (form := message.string)
        and places(form) != places(message.id)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_plural_has_no_place_that_its_text_lacks(language: str) -> None:
    """It may have fewer: Arabic says "two offers" in one word."""
    wrong = [
        (message.id[1], form)
        for message in catalogue(language)
        if isinstance(message.id, tuple)
        for form in message.string
        if not places(form) <= places(message.id[1])
    ]
    assert wrong == []


def places(text: str) -> set[str]:
    """The names of the values a text holds; a % that holds none is one too many."""
    names = set(PLACE.findall(text))
    return names | ({"%"} if names and PLACE.sub("", text).replace("%%", "").count("%") else set())


def test_the_names_of_all_codes_are_to_be_translated(source: Catalog) -> None:
    tables = [table for name, table in vars(taxonomy).items() if name.isupper() and isinstance(table, dict)]
    names = {name for table in tables for name in table.values() if isinstance(name, str)}
    assert len(names) > 100
    assert [name for name in sorted(names) if name not in source] == []


def test_the_tables_of_texts_are_marked() -> None:
    modules = [vars(module) for module in (wording, errors, findings)]
    tables = [module[name] for module in modules for name in module if name.startswith("_") and name[1:2].isupper()]
    texts = [text for table in tables if isinstance(table, dict) for text in leaves(table)]
    assert len(texts) > 100
    assert [text for text in texts if type(text) is str and any(map(str.isalpha, text))] == []


def leaves(table: object) -> Iterator[str]:
    """Every text of a table of texts or of pairs of them."""
    if isinstance(table, str):
        yield table
    else:
        for part in table.values() if isinstance(table, dict) else table:
            yield from leaves(part)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_says_nothing_that_is_not_marked(template: Path) -> None:
    assert unmarked.in_template(template.read_text("utf-8")) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_module_says_nothing_to_readers_that_is_not_marked(module: Path) -> None:
    assert unmarked.in_module(module.read_text("utf-8")) == []


@pytest.mark.parametrize("module", sorted((ROOT / "matchmaker" / "web").glob("*.py")), ids=lambda path: path.stem)
def test_a_page_says_an_error_in_the_reader_s_language(module: Path) -> None:
    assert "str(error)" not in module.read_text("utf-8"), "Say _(error.message)."


@pytest.mark.parametrize(
    "template",
    [
        "<p>Nothing here</p>",
        "<p>{{ count }} offers</p>",
        '<img src="a.png" alt="A pump">',
        '<a href="{{ url_for("home") }}"{% if here %} aria-current="page"{% endif %} title="Go home"></a>',
        '<nav aria-label="Main">',
        '<input placeholder="Your name">',
        '<input type="submit" value="Send">',
        '{{ "Offers" if offers else _("Needs") }}',
        '{{ m.field("q", "in your own words") }}',
        '{% set title = "Offers" %}',
        "{% if offers %}Offers{% endif %}",
    ],
)
def test_an_unmarked_text_of_a_template_is_found(template: str) -> None:
    assert len(unmarked.in_template(template)) == 1


@pytest.mark.parametrize(
    "template",
    [
        "<p>Matchmaker · TRL 7, 12 %</p>",
        '<p>{{ _("Nothing here") }}</p>',
        "<p>{% trans %}Nothing here{% endtrans %}</p>",
        '{{ ngettext("%(num)s offer", "%(num)s offers", total) }}',
        "{# A remark #}<code>-diesel</code>",
        '<a class="btn" href="{{ url_for("listings.search", kind="offer") }}" rel="noopener nofollow">{{ name }}</a>',
    ],
)
def test_what_a_template_may_hold_is_no_unmarked_text(template: str) -> None:
    assert unmarked.in_template(template) == []


@pytest.mark.parametrize(
    "module",
    [
        'raise NotFound("There is nothing.")',
        'raise Conflict(f"{name} is taken.")',
        'raise ValidationError("Fill this in.", "title")',
        'flash("Saved.")',
        'validate.Length(max=9, error="Shorten this.")',
        'fields.String(error_messages={"required": "Fill this in."})',
    ],
)
def test_an_unmarked_message_of_a_module_is_found(module: str) -> None:
    assert len(unmarked.in_module(module)) == 1


def test_a_marked_message_of_a_module_passes() -> None:
    assert unmarked.in_module('raise NotFound(N_("%(name)s is not there.", name=name))\nraise Invalid(said)') == []
