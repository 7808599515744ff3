"""The `matchmaker` command. Progress goes to stderr, results to stdout.

Exit codes: 0 all is well, 1 something is wrong with what was asked for, 2 the command or a setting is wrong.
"""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import logs
from .cli_backup import backup, restore
from .cli_index import index
from .cli_ranker import ranker
from .cli_steps import application, bar, bars, drain, opened
from .cli_user import user
from .errors import Invalid, MatchmakerError, SettingsError

if TYPE_CHECKING:
    from .parts import Parts

log = logging.getLogger(__name__)

KIND = click.Choice(["offer", "need"])
SAMPLES = Path(__file__).parent / "samples"


def main() -> None:
    """Run the command; what goes wrong on purpose is one line on stderr."""
    from sqlalchemy.exc import SQLAlchemyError

    from search_index.errors import SearchIndexError

    logs.configure(as_json=False)
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("matchmaker: stopped. What was stored stays; run the same command again to go on.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except (MatchmakerError, SearchIndexError) as error:
        click.echo(f"matchmaker: {error}", err=True)
        sys.exit(2 if isinstance(error, SettingsError | Invalid) else 1)
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        click.echo(f"matchmaker: The database does not answer as it should ({cause}). Try again.", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="matchmaker")
def cli() -> None:
    """Matchmaker: offers of green technology meet the needs they serve.

    State lives in the folder MATCHMAKER_INSTANCE names (default: instance/), which every command
    makes and brings up to date by itself. A first look:

    \b
      matchmaker setup --sample      load the fictional sample catalogue
      matchmaker serve               open the pages at http://127.0.0.1:8000
    """


cli.add_command(backup)
cli.add_command(restore)
cli.add_command(index)
cli.add_command(ranker)
cli.add_command(user)


@cli.command()
@click.option("--sample", is_flag=True, help="Also load the sample catalogue: fictional offers and needs.")
def setup(sample: bool) -> None:
    """Prepare the instance folder: database, model, indexes.

    Running it again changes nothing that is right already, so it is safe before every start.
    """
    with application() as parts:
        if sample:
            for kind in ("offer", "need"):
                _import(parts, SAMPLES / f"{kind}s.jsonl", kind, "sample-catalogue", dry_run=False, errors_to=None)
        drain(parts)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. [default: PORT, or 8000]")
@click.option("--worker/--no-worker", default=True, help="Keep the indexes up to date in this process. [default: on]")
def serve(host: str, port: int | None, worker: bool) -> None:
    """Serve the pages and the API until Ctrl-C.

    With --no-worker, run `matchmaker worker` beside it, or changes stay out of the search.
    """
    from . import serving
    from .services import accounts

    settings, app = opened(threads=1)
    port = port or settings.port
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
    ready = f"Matchmaker answers at http://{shown}:{port} (Ctrl-C stops it)."
    with app.app_context():
        if not accounts.has_administrator():
            ready += " It has no administrator yet. Make one: matchmaker user create EMAIL --role administrator"
    logs.configure(as_json=True)
    serving.serve(app, host, port, with_worker=worker, ready=lambda: log.info(ready))


@cli.command()
@click.option("--once", is_flag=True, help="Stop when nothing is left to do instead of waiting for more.")
def worker(once: bool) -> None:
    """Keep the indexes in step with the database until Ctrl-C.

    Any number of workers may run; each takes its own part of the work.
    """
    from . import worker as work

    _, app = opened()
    if once:
        with app.app_context():
            handled = drain(app.extensions["matchmaker"])
        click.echo(f"{handled} listings handled")
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logs.configure(as_json=True)
    log.info("The worker waits for changes (Ctrl-C stops it).")
    work.run(app, stop)


@cli.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", type=KIND, required=True, help="What the rows are.")
@click.option("--map", "map_name", required=True, help="A map file, or the name of one that ships with Matchmaker.")
@click.option("--dry-run", is_flag=True, help="Check every row and say what would happen; store nothing.")
@click.option("--errors", type=click.Path(path_type=Path), help="Where bad rows go. [default: in the instance folder]")
@click.option("--index/--no-index", default=True, help="Also make the new listings searchable now. [default: on]")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def import_(
    file: Path, kind: str, map_name: str, dry_run: bool, errors: Path | None, index: bool, as_json: bool
) -> None:
    """Import offers or needs from a CSV, XLSX or JSON Lines file.

    The map says which column feeds which field (docs/importing.md). Bad rows are reported and
    written to an errors file; they never stop the good ones, and the exit code is 1. The same
    file again changes nothing.

    \b
      matchmaker import projects.csv --kind offer --map cordis-h2020-cleantech --dry-run
    """
    from .services import families

    with application() as parts:
        errors = errors or _errors_file(file)
        report = _import(parts, file, kind, map_name, dry_run=dry_run, errors_to=errors)
        # What was stored is told first: indexing may fail, and what is stored stays.
        if as_json:
            click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
        else:
            _show_report(report, errors)
        if index and not dry_run:
            drain(parts)
            if repeated := len(families.repetitions()):
                click.echo(
                    f"{repeated} listings nearly repeat another. See them: matchmaker index duplicates", err=True
                )
    sys.exit(1 if report.failed else 0)


@cli.command()
@click.option("--most", type=click.IntRange(1, 1000), default=10, show_default=True, help="Offers for each need.")
@click.option("--least", type=click.FloatRange(0), default=0.45, show_default=True, help="Least score of a pair.")
def match(most: int, least: float) -> None:
    """Match every need with all offers; print the pairs as JSON Lines, best first for each need.

    Scores are those of a search for the need; 0.45 is where a good match begins.
    """
    from .services import suggesting

    with application() as parts, bar("matching", suggesting.count_needs()) as tick:
        for pair in suggesting.suggestions(parts.engine, most, least, tick):
            line = {"need": pair.need_id, "offer": pair.offer_id, "score": round(pair.score, 4), "band": pair.band}
            click.echo(json.dumps(line))


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON object.")
def evaluate(folder: Path, as_json: bool) -> None:
    """Score the search on a judged collection in the BEIR layout.

    DIR holds corpus.jsonl, queries.jsonl and qrels/test.tsv. Prints nDCG@10, recall@50 and MRR@10
    of the keyword leg, the vector leg and their fusion, through the engine that serves the pages.
    """
    from .services import evaluation

    collection = evaluation.read_collection(folder)
    with application() as parts, bars() as progress:
        scores = evaluation.evaluate(collection, parts.engine, progress)
    if as_json:
        click.echo(json.dumps(scores))
        return
    click.echo(f"{scores['collection']}: {scores['documents']} documents, {scores['queries']} queries")
    click.echo(f"{'':10}{'nDCG@10':>10}{'recall@50':>11}{'MRR@10':>10}")
    for leg, means in scores["legs"].items():
        click.echo(f"{leg:10}{means['ndcg@10']:10.4f}{means['recall@50']:11.4f}{means['mrr@10']:10.4f}")


def _import(parts: Parts, file: Path, kind: str, map_name: str, *, dry_run: bool, errors_to: Path | None) -> Any:
    from .policy import SYSTEM
    from .services.import_map import read_map
    from .services.imports import import_file

    with bar(f"reading {file.name}", None) as tick:
        return import_file(file, kind, read_map(map_name), SYSTEM, dry_run=dry_run, errors_to=errors_to, progress=tick)


def _errors_file(imported: Path) -> Path:
    """Where the bad rows of an import go, unless told otherwise: nothing is left outside the instance folder."""
    from flask import current_app

    folder = Path(current_app.instance_path) / "imports"
    folder.mkdir(exist_ok=True)
    return folder / f"{imported.name}.errors.csv"


def _show_report(report: Any, errors: Path) -> None:
    would = "would be " if report.dry_run else ""
    click.echo(
        f"{report.added} {would}added, {report.changed} {would}changed, {report.unchanged} unchanged, "
        f"{report.skipped} skipped, {report.failed} failed"
    )
    for reason, number in report.skipped_because.items():
        click.echo(f"  skipped {number}: {reason}")
    for problem in report.problems[:10]:
        click.echo(f"  row {problem.row}, {problem.column}: {problem.problem} {problem.remedy}")
    if report.failed:
        click.echo(f"  every bad row is in {errors}")
