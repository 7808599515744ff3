"""What commands share: the application they work in, indexing what waits, and progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .errors import MatchmakerError, SettingsError

if TYPE_CHECKING:
    from flask import Flask

    from .parts import Parts


def opened(threads: int = 0) -> tuple[Any, Flask]:
    """Settings and application, the database brought to the newest migration."""
    from sqlalchemy.exc import SQLAlchemyError

    from . import MIGRATIONS, create_app
    from .services import database
    from .settings import Settings

    settings = Settings.from_environment()
    app = create_app(settings, threads=threads)
    try:
        with app.app_context():
            database.upgrade(MIGRATIONS)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        said = f"The database cannot be used ({cause}). Check DATABASE_URL and MATCHMAKER_INSTANCE."
        raise SettingsError(said) from error
    return settings, app


@contextmanager
def application() -> Iterator[Parts]:
    """The parts, inside the application's context."""
    _, app = opened()
    with app.app_context():
        yield app.extensions["matchmaker"]


def drain(parts: Parts) -> int:
    """Mend what differs and index everything that waits, with a bar.

    Raises MatchmakerError when something could not be indexed. A lost index is noticed first: written to as it is, it
    would hold a few new listings and look healthy.
    """
    from . import worker as work
    from .services import indexing, outbox

    indexing.settle(parts.engine)
    handled = 0
    if waiting := outbox.depth("index").waiting:
        with bar("indexing", waiting) as tick:
            handled = indexing.drain(parts.engine, work.name(), tick)
    left = outbox.depth("index")
    if left.waiting or left.parked:
        raise MatchmakerError(
            f"{left.waiting + left.parked} changes are not indexed yet ({outbox.last_error('index')})."
        )
    if left.leased:
        click.echo(
            f"{left.leased} changes are in another worker's hands, or will be taken up within minutes.", err=True
        )
    return handled


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A progress bar on stderr, drawn only where somebody watches."""
    from tqdm import tqdm

    with tqdm(desc=what, total=total, unit=" listings", file=sys.stderr, disable=None, leave=False) as shown:
        yield shown.update


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each stage a service tells of."""
    from tqdm import tqdm

    shown: dict[str, Any] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in shown:
            shown[stage] = tqdm(desc=stage, total=total, file=sys.stderr, disable=None, leave=False)
        shown[stage].update(done)

    try:
        yield progress
    finally:
        for bar in shown.values():
            bar.close()
