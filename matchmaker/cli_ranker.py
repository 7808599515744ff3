"""The commands of the learned ranker."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_steps import application, bars

if TYPE_CHECKING:
    from .services.ranking import Figures
    from .services.training import Trained


@click.group()
def ranker() -> None:
    """Learn from verdicts which offers serve a need."""


@ranker.command()
@click.argument("verdicts", metavar="VERDICTS", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def train(verdicts: Path, as_json: bool) -> None:
    """Fit a ranker to verdicts, and use it if it beats the present one.

    VERDICTS is a JSON Lines file of objects such as {"need": 12, "offer": 34, "verdict": 2}, where
    0 is not relevant, 1 serves in part and 2 is worth a call ("no" is 0, "yes" is 1); or a .tsv file
    of judgments in the BEIR layout, its ids those the listings were imported under. 1 and 2 count as
    relevant. At least 20 needs must have both a relevant offer and one that is not.

    The exit code is 1 when the new ranker does not win; the present one then stays.
    """
    from flask import current_app

    from .services import ranking, training
    from .services.verdicts import read_verdicts

    with application() as parts, bars() as progress:
        instance = Path(current_app.instance_path)
        done = training.train(parts.engine, instance, read_verdicts(verdicts), progress)
    if as_json:
        report = {
            "replaced": done.won,
            "against": done.against,
            "skipped": done.skipped,
            "bins": [asdict(bin) for bin in done.bins],
            "diagram": str(done.diagram),
            "ranker": ranking.as_dict(done.ranker),
        }
        click.echo(json.dumps(report))
    else:
        _show_training(done)
    sys.exit(0 if done.won else 1)


@ranker.command()
@click.option("--json", "as_json", is_flag=True, help="Print the ranker as one JSON object.")
def show(as_json: bool) -> None:
    """Show the ranker in use: its training, its figures, and what each feature weighs.

    Coefficients are of standardised features, so that they compare with each other.
    """
    from flask import current_app

    from .services import ranking

    with application() as parts:
        present = ranking.current(Path(current_app.instance_path))
        embedder = parts.engine.embedder.name
    if as_json:
        click.echo(json.dumps({"ranker": present and ranking.as_dict(present), "embedder": embedder}))
        return
    if present is None:
        click.echo("No ranker is in use: the plain fused score ranks. Make one with: matchmaker ranker train VERDICTS")
        return
    made = present.trained
    click.echo(f"Trained {made.date} on {made.pairs} verdicts ({made.relevant} relevant) about {made.needs} needs")
    click.echo(f"verdicts {made.fingerprint[:12]}, model {made.embedder}")
    if made.embedder != embedder:
        click.echo(f"It does not fit the model in use, {embedder}: train again.")
    _show_figures(made.figures)
    weights = zip(ranking.FEATURES, present.coefficients, strict=True)
    for name, weight in sorted(weights, key=lambda pair: -abs(pair[1])):
        click.echo(f"  {name:20}{weight:+8.3f}")


def _show_training(done: Trained) -> None:
    made = done.ranker.trained
    click.echo(f"{made.pairs} verdicts ({made.relevant} relevant) about {made.needs} needs")
    if done.skipped:
        click.echo(f"  skipped {done.skipped}: a listing of the pair is no longer indexed")
    _show_figures(made.figures)
    click.echo(f"{'probability':>15}{'relevant':>10}{'pairs':>8}")
    for bin in done.bins:
        click.echo(f"{bin.probability:15.2f}{bin.relevant:10.2f}{bin.count:8}")
    click.echo(f"The reliability diagram is {done.diagram}")
    if done.won:
        click.echo(f"The new ranker beats the {done.against} and is in use.")
    else:
        click.echo(f"The new ranker does not beat the {done.against}; nothing was replaced.")


def _show_figures(figures: Figures) -> None:
    click.echo(f"nDCG@10 over {figures.needs} needs, the new ranker cross-validated by need:")
    for name, value in figures.ndcg_at_10.items():
        click.echo(f"  {name:15}{value:8.4f}")
    click.echo(f"  p {figures.p:.4f}, expected calibration error {figures.ece:.4f}")
