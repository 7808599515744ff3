"""The commands that look after the search indexes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from .cli_steps import application, bar, drain


@click.group()
def index() -> None:
    """Look after the search indexes."""


@index.command()
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def rebuild(as_json: bool) -> None:
    """Write the indexes anew from the database and swap them in.

    Searches go on meanwhile; the old keyword index is kept until the next rebuild. Texts are
    encoded only where no vector of the present model is stored.
    """
    from . import worker as work
    from .services import indexing

    with application() as parts, bar("encoding", None) as tick:
        held = indexing.rebuild(parts.engine, work.name(), tick)
    click.echo(json.dumps({"documents": held}) if as_json else f"{held} listings indexed")


@index.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as one JSON object.")
def duplicates(as_json: bool) -> None:
    """List the listings that nearly repeat another one; in results they are folded."""
    from .services import families

    with application():
        found = families.repetitions()
    if as_json:
        click.echo(json.dumps({"duplicates": [asdict(one) for one in found]}, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one.listing_id} {one.title!r} repeats {one.repeats_id} {one.repeats_title!r}")
    click.echo(f"{len(found)} listings nearly repeat another" if found else "No listing repeats another.")


@index.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
def status(as_json: bool) -> None:
    """Say how much work waits, who has it in hand, and what was given up and why."""
    from .services import outbox

    with application():
        depth, parked = outbox.depth("index"), outbox.parked("index")
    if as_json:
        rows = [{"listing": one.thing_id, "since": one.since.isoformat(), "reason": one.reason} for one in parked]
        click.echo(json.dumps({**asdict(depth), "items": rows}, ensure_ascii=False))
        return
    click.echo(f"{depth.waiting} changes wait, {depth.leased} are in a worker's hands, {depth.parked} were given up")
    for one in parked:
        click.echo(f"  listing {one.thing_id}, given up {one.since:%Y-%m-%d %H:%M} UTC: {one.reason}")
    if parked:
        click.echo("Mend the cause, then try them again with: matchmaker index check --repair")


@index.command()
@click.option("--repair", is_flag=True, help="Mend what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as one JSON object.")
def check(repair: bool, as_json: bool) -> None:
    """Compare both indexes with the database, listing by listing and version by version.

    The exit code is 1 when they differ (with --repair: when they still differ afterwards).
    """
    from .services import indexing

    with application() as parts:
        found = indexing.differences(parts.engine)
        if repair:
            indexing.repair(found)
            drain(parts)
            found = indexing.differences(parts.engine)
    rows = [{"index": d.index, "listing": d.listing_id, "expected": d.expected, "found": d.found} for d in found]
    if as_json:
        click.echo(json.dumps({"differences": rows}))
    else:
        for row in rows:
            click.echo("{index}: listing {listing} should be at version {expected}, is at {found}".format(**row))
        click.echo(f"{len(rows)} differences" if rows else "The indexes agree with the database.")
    sys.exit(1 if rows else 0)
