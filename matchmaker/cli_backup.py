"""The commands that copy an instance and bring it back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .cli_steps import application, bar, drain
from .errors import Invalid


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy database, uploads and ranker into one FILE, while the server goes on.

    Everything else is made again from these. The file holds personal data: only its owner can
    read it. The key that signs cookies is left out.
    """
    from flask import current_app

    from .services import backup as backups

    if str(file) == "-" or (file.exists() and not file.is_file()):
        raise Invalid(f"{file} is no file. Name one in a folder that exists.")
    with application():
        made = backups.backup(Path(current_app.instance_path), file.absolute())
    size = file.stat().st_size / 1e6
    click.echo(f"{file}: {made.listings} listings as they were at {made.made}, {size:.1f} MB")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Also where there are listings already; a copy of them is kept.")
def restore(file: Path, replace: bool) -> None:
    """Bring back what `matchmaker backup` wrote to FILE, make the indexes anew and check them.

    Stop servers and workers first: what they hold in memory is that of the old database.
    """
    from flask import current_app

    from . import MIGRATIONS
    from . import worker as work
    from .services import backup as backups
    from .services import database, indexing

    with application() as parts:
        made = backups.restore(Path(current_app.instance_path), file, MIGRATIONS, replace=replace)
        database.upgrade(MIGRATIONS)
        backups.free_leases()
        with bar("encoding", None) as tick:
            indexing.rebuild(parts.engine, work.name(), tick)
        drain(parts)
        left = indexing.differences(parts.engine)
    click.echo(f"{made.listings} listings restored as they were at {made.made}")
    click.echo(f"{len(left)} differences" if left else "The indexes agree with the database.")
    sys.exit(1 if left else 0)
