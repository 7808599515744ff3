"""Bringing many listings in from a file: the template, the check, the run and its undoing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import ngettext
from flask_security import auth_required
from werkzeug.wrappers import Response as Redirect

from models.taxonomy import CATEGORIES, category_of

from ..errors import Conflict, Invalid
from ..messages import unpacked
from ..policy import can
from ..services import bulk, bulk_columns, bulk_file, bulk_undo
from ..wording import _
from . import exports
from .security import actor

imports = Blueprint("imports", __name__, url_prefix="/my/imports")


@imports.get("")
@auth_required("session")
def overview() -> str:
    """The imports of one's organisation, and how they stand."""
    return render_template("my/imports.html", runs=bulk.latest(actor()), may=can(actor(), "import.run"))


@imports.get("/new")
@auth_required("session")
def new() -> str:
    """Asks for a file; says what its columns may hold."""
    return _form()


@imports.post("/new")
@auth_required("session")
def check() -> Redirect | tuple[str, int]:
    """Check the file; a row's problems are shown beside the import, a file's own above the form."""
    sent = request.files.get("file")
    try:
        run = bulk.check(
            actor(), request.form.get("kind", ""), sent.filename or "" if sent else "", sent.read() if sent else b""
        )
    except (Invalid, Conflict) as error:
        return _form(_(error.message), request.form.get("kind", "")), error.status
    return redirect(url_for("imports.show", import_id=run.id))


def _form(error: str = "", chosen: str = "") -> str:
    kind = chosen or request.args.get("kind", "offer")
    return render_template(
        "my/import_new.html",
        error=error,
        kind=kind,
        may=can(actor(), "import.run"),
        hints={name: list(_hints(name)) for name in ("offer", "need")},
        most_rows=bulk_file.MOST_ROWS,
        most_bytes=bulk_file.MOST_BYTES // 2**20,
    )


@imports.get("/template-<kind:kind>.<any(csv, xlsx):format>")
@auth_required("session")
def template(kind: str, format: str) -> Response:
    """An empty table with the right header and one example; a workbook explains its columns on a second sheet."""
    explained = ([_("column"), _("what it holds"), _("codes")], *_hints(kind))
    sheets = {_("Listings"): bulk_columns.template(kind), _("What the columns hold"): explained}
    return exports.saved(format, f"matchmaker-template-{kind}s", sheets)


def _hints(kind: str) -> Iterator[list[str]]:
    """Each column of the kind: its name, what it holds, and its codes with their names."""
    for name in (bulk_columns.NUMBER, *bulk_columns.FIELDS[kind]):
        codes = bulk_columns.CODES.get(name, {})
        yield [name, _(bulk_columns.HINTS[name]), ", ".join(_code(name, code, codes[code]) for code in codes)]


def _code(column: str, code: Any, name: str) -> str:
    if column == "subcategory":
        return f"{code} ({_(CATEGORIES[category_of(code) or ''])}: {_(name)})"
    return f"{code} ({_(name)})"


@imports.get("/<id:import_id>")
@auth_required("session")
def show(import_id: int) -> str:
    """How an import stands: what a run would do, how far it is, what it made, or what its undoing left."""
    run = bulk.find(actor(), import_id)
    return render_template(
        "my/import.html",
        run=run,
        may=can(actor(), "import.run", run),
        touched=bulk.touched(run) if run.status in ("done", "failed") else [],
        kept=bulk_undo.kept(actor(), run) if run.status == "undone" else [],
        under_way=run.status in bulk.UNDER_WAY,
        unpacked=unpacked,
    )


@imports.get("/<id:import_id>/problems.csv")
@auth_required("session")
def problems(import_id: int) -> Response:
    """The problems of an import's rows as a table."""
    run = bulk.find(actor(), import_id)
    header = ("row", "column", "value", "problem", "remedy")
    rows = (
        [problem["row"], problem["column"], problem["value"], _(unpacked(problem["message"])), _(problem["remedy"])]
        for problem in run.problems
    )
    return exports.table("csv", f"matchmaker-import-{run.id}-problems", header, rows)


@imports.post("/<id:import_id>/start")
@auth_required("session")
def start(import_id: int) -> Redirect:
    """Have the rows stored."""
    bulk.start(actor(), import_id)
    return redirect(url_for("imports.show", import_id=import_id))


@imports.post("/<id:import_id>/discard")
@auth_required("session")
def discard(import_id: int) -> Redirect:
    """Forget a file that was checked only."""
    bulk.cancel(actor(), import_id)
    flash(_("The file is discarded. No listing was changed."))
    return redirect(url_for("imports.overview"))


@imports.post("/<id:import_id>/undo")
@auth_required("session")
def undo(import_id: int) -> Redirect:
    """Take a whole import back."""
    undone = bulk_undo.undo(actor(), import_id)
    said = [
        ngettext("%(num)s listing was removed.", "%(num)s listings were removed.", undone.removed),
        ngettext(
            "%(num)s listing says again what it said before.",
            "%(num)s listings say again what they said before.",
            undone.restored,
        ),
        ngettext("%(num)s listing stays as it is.", "%(num)s listings stay as they are.", undone.kept),
    ]
    counts = (undone.removed, undone.restored, undone.kept)
    flash(" ".join(text for text, count in zip(said, counts, strict=True) if count) or _("Nothing was left to undo."))
    return redirect(url_for("imports.show", import_id=import_id))
