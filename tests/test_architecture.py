"""The layers as imports: entry modules over services over models and search_index, and no arrow the other way."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("matchmaker", "models", "search_index")

#: Which other entry modules each one may import. The command starts the server and the worker, and the server runs
#: the worker in a thread; nobody imports pages or the API, and those know nobody.
ENTRIES: dict[str, tuple[str, ...]] = {
    "matchmaker.web": (),
    "matchmaker.api": (),
    "matchmaker.worker": (),
    "matchmaker.serving": ("matchmaker.worker",),
    "matchmaker.cli": (
        "matchmaker.worker",
        "matchmaker.serving",
        "matchmaker.cli_backup",
        "matchmaker.cli_index",
        "matchmaker.cli_ranker",
        "matchmaker.cli_steps",
        "matchmaker.cli_user",
    ),
    "matchmaker.cli_backup": ("matchmaker.worker", "matchmaker.cli_steps"),
    "matchmaker.cli_index": ("matchmaker.worker", "matchmaker.cli_steps"),
    "matchmaker.cli_ranker": ("matchmaker.cli_steps",),
    "matchmaker.cli_steps": ("matchmaker.worker",),
    "matchmaker.cli_user": ("matchmaker.cli_steps",),
}
#: What pages, the API and the command share; it says things to people, so services must not know it.
SHARED = ("matchmaker.passwords", "matchmaker.wording")
#: What services stand on.
LOGIC = (
    "matchmaker.errors",
    "matchmaker.imaging",
    "matchmaker.letters",
    "matchmaker.links",
    "matchmaker.listing_states",
    "matchmaker.logs",
    "matchmaker.mail",
    "matchmaker.messages",
    "matchmaker.metrics",
    "matchmaker.policy",
    "matchmaker.schemas",
    "matchmaker.schemas_people",
    "matchmaker.settings",
    "matchmaker.sqlite_file",
    "matchmaker.text",
    "matchmaker.transaction",
    "matchmaker.translations",
)
#: create_app and what it calls; they alone know concrete classes. The user store is Flask-Security's way to accounts.
BUILDERS = ("matchmaker", "matchmaker.parts", "matchmaker.user_store")
CONCRETE = ("search_index.embedders", "search_index.keywords_tantivy", "search_index.keywords_whoosh")
#: Alembic runs migrations itself, inside the application.
MIGRATIONS = "models.migrations"


def within(name: str, *packages: str) -> bool:
    """Whether the dotted name is one of the packages or lies in one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def flask(name: str) -> bool:
    """Flask itself or an extension of it."""
    top = name.partition(".")[0]
    return top == "flask" or top.startswith("flask_")


def imported(module: str, tree: ast.AST, *, package: bool) -> Iterator[str]:
    """Every dotted name the module imports, wherever in it; `from a import b` gives a and a.b."""
    here = module if package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = here.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def sessions(tree: ast.AST) -> Iterator[str]:
    """Every use of `db.session` and of whatever is taken from it, as written."""
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner:
            used = ast.unparse(node)
            if f"{used}.".startswith("db.session.") or ".db.session." in f"{used}.":
                inner.add(node.value)
                yield used


def wrong(module: str, source: str, *, package: bool = False) -> list[str]:
    """What the module must not import or use, with the rule it breaks."""
    tree = ast.parse(source)
    names = sorted(set(imported(module, tree, package=package)))
    found = [f"{name}: {rule}" for name in names if (rule := _broken(module, name))]
    if entry := _entry(module):
        allowed = ("db.session.remove",) if entry == "matchmaker.worker" else ()
        found += [f"{used}: services own the transaction" for used in sessions(tree) if used not in allowed]
    return found


def _entry(module: str) -> str | None:
    return next((entry for entry in ENTRIES if within(module, entry)), None)


def _broken(module: str, name: str) -> str | None:
    top = name.partition(".")[0]
    if within(module, "search_index"):
        foreign = top in ("models", "matchmaker", "sqlalchemy") or flask(name)
        return "search_index knows neither the web nor the database" if foreign else None
    if within(module, "models"):
        allowed = {*sys.stdlib_module_names, "models", "sqlalchemy", "flask_sqlalchemy"}
        if module == "models.people":
            allowed.add("flask_security")
        if within(module, MIGRATIONS):
            allowed |= {"alembic", "flask"} if module == f"{MIGRATIONS}.env" else {"alembic"}
        return None if top in allowed else "models import SQLAlchemy and Flask-SQLAlchemy only"
    if within(name, *CONCRETE) and module not in BUILDERS:
        return "only create_app builds concrete parts"
    if within(module, "matchmaker.services"):
        if flask(name):
            return "services take an actor and plain values, never a request"
        return "services know no entry module" if within(name, *ENTRIES, *SHARED, *BUILDERS[1:]) else None
    if within(module, *LOGIC):
        if name == "flask" or name.startswith("flask."):
            return "what services stand on knows no request"
        above = within(name, *ENTRIES, *SHARED, *BUILDERS[1:], "matchmaker.services", "search_index")
        return "services stand on this, not the other way" if above else None
    if entry := _entry(module):
        others = [other for other in ENTRIES if other != entry and other not in ENTRIES[entry]]
        if within(name, *others):
            return "entry modules do not import each other"
        if within(name, "search_index") and not within(name, "search_index.errors") and name != "search_index":
            return "entry modules reach the engine through services"
        # The worker only gives its thread's session back between two pieces of work.
        if within(name, "models.db", "models.base") and not (entry == "matchmaker.worker" and name == "models.db"):
            return "entry modules reach the database through services"
    return None


def _modules() -> Iterator[tuple[str, Path]]:
    for folder in PACKAGES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield dotted.removesuffix(".__init__"), path


MODULES = dict(_modules())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    path = MODULES[module]
    assert wrong(module, path.read_text(encoding="utf-8"), package=path.name == "__init__.py") == []


def test_every_module_of_the_product_belongs_to_a_layer() -> None:
    layers = (*ENTRIES, *SHARED, *LOGIC, *BUILDERS[1:], "matchmaker.services", "models", "search_index")
    assert [module for module in MODULES if module != "matchmaker" and not within(module, *layers)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        pytest.param("matchmaker.web.public", "from ..api import search", id="pages import the API"),
        pytest.param("matchmaker.web.public", "from .. import api", id="pages import the API by its package"),
        pytest.param("matchmaker.api.search", "import matchmaker.web.results", id="the API imports pages"),
        pytest.param("matchmaker.web.public", "from .. import worker", id="pages import the worker"),
        pytest.param("matchmaker.api.search", "from ..cli import cli", id="the API imports the command"),
        pytest.param("matchmaker.web.public", "from ..serving import serve", id="pages import the server"),
        pytest.param("matchmaker.worker", "from . import web", id="the worker imports pages"),
        pytest.param("matchmaker.cli", "def f():\n    from .web import public", id="an import inside a function"),
        pytest.param("matchmaker.services.listings", "from flask import g", id="a service imports Flask"),
        pytest.param("matchmaker.services.listings", "import flask_babel", id="a service imports an extension"),
        pytest.param("matchmaker.services.listings", "from ..web import facts", id="a service imports pages"),
        pytest.param("matchmaker.services.listings", "from ..wording import _", id="a service imports wording"),
        pytest.param("matchmaker.services.listings", "from ..parts import Parts", id="a service imports the builder"),
        pytest.param(
            "matchmaker.services.indexing", "from search_index.embedders import MINILM", id="a service picks a model"
        ),
        pytest.param("matchmaker.policy", "from .services import listings", id="the policy imports a service"),
        pytest.param("matchmaker.schemas", "from search_index.types import FACETS", id="a schema imports the engine"),
        pytest.param("matchmaker.transaction", "from flask import g", id="the transaction imports Flask"),
        pytest.param("models.listing", "from flask import g", id="a model imports Flask"),
        pytest.param("models.listing", "import numpy", id="a model imports a third party"),
        pytest.param("models.listing", "from matchmaker.policy import can", id="a model imports logic"),
        pytest.param("models.listing", "import alembic", id="a model imports Alembic"),
        pytest.param("search_index.local", "from models import Listing", id="the engine imports models"),
        pytest.param("search_index.local", "import sqlalchemy", id="the engine imports SQLAlchemy"),
        pytest.param("search_index.local", "from flask import g", id="the engine imports Flask"),
        pytest.param("search_index.local", "from matchmaker.text import plain", id="the engine imports logic"),
        pytest.param("matchmaker.web.public", "from models import db", id="pages import the session"),
        pytest.param("matchmaker.cli", "from models.base import db", id="the command imports the session"),
        pytest.param("matchmaker.api.search", "import models\nmodels.db.session.commit()", id="the API commits"),
        pytest.param("matchmaker.worker", "from models import db\ndb.session.commit()", id="the worker commits"),
        pytest.param(
            "matchmaker.web.public", "from search_index.types import SearchQuery", id="pages import the engine's types"
        ),
        pytest.param("matchmaker.cli", "from search_index import local", id="the command imports the engine"),
    ],
)
def test_the_check_catches(module: str, source: str) -> None:
    assert wrong(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        pytest.param("matchmaker.worker", "from models import db\ndb.session.remove()", id="the worker's session"),
        pytest.param("matchmaker.cli", "from search_index.errors import SearchIndexError", id="the engine's errors"),
        pytest.param("matchmaker.web.facts", "from models import Listing", id="a row that a page shows"),
        pytest.param("matchmaker.web.public", "from ..services import listings", id="the service of the same name"),
        pytest.param("matchmaker.parts", "from search_index.embedders import MINILM", id="the builder's model"),
        pytest.param("models.migrations.env", "from flask import current_app", id="the migrations' application"),
    ],
)
def test_the_check_lets_pass(module: str, source: str) -> None:
    assert wrong(module, source) == []
