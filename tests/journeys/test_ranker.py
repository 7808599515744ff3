"""The ranker as staff meet it: its commands, on the sample catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run

JUDGMENTS = Path(__file__).parents[2] / "benchmarks" / "collections" / "sample" / "qrels" / "test.tsv"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose instance holds the sample catalogue and a ranker trained on its judgments."""
    folder = tmp_path_factory.mktemp("sample")
    assert run(folder, "setup", "--sample").returncode == 0
    trained = run(folder, "ranker", "train", str(JUDGMENTS), "--json")
    assert (trained.returncode, trained.stderr) == (0, "")
    (folder / "report.json").write_text(trained.stdout)
    return folder


@pytest.mark.model
def test_the_report_tells_figures_and_where_the_diagram_is(sample: Path) -> None:
    report = json.loads((sample / "report.json").read_text())
    figures = report["ranker"]["trained"]["figures"]
    assert (report["replaced"], report["against"], figures["p"] < 0.05) == (True, "fused score", True)
    assert figures["ndcg_at_10"].keys() == {"fused score", "new ranker"}
    assert sum(bin["count"] for bin in report["bins"]) == report["ranker"]["trained"]["pairs"] == 1287
    assert Path(report["diagram"]).read_text().startswith("<svg")


@pytest.mark.model
def test_probabilities_on_unseen_needs_are_calibrated(sample: Path) -> None:
    report = json.loads((sample / "report.json").read_text())
    assert report["ranker"]["trained"]["figures"]["ece"] < 0.05


@pytest.mark.model
def test_what_is_shown_is_what_was_trained(sample: Path) -> None:
    shown = json.loads(run(sample, "ranker", "show", "--json").stdout)
    assert shown["ranker"] == json.loads((sample / "report.json").read_text())["ranker"]


@pytest.mark.model
def test_training_again_on_the_same_verdicts_is_refused_with_exit_code_1(sample: Path) -> None:
    again = run(sample, "ranker", "train", str(JUDGMENTS))
    assert again.returncode == 1
    assert "nothing was replaced" in again.stdout


@pytest.mark.model
def test_a_person_is_shown_the_weights(sample: Path) -> None:
    shown = run(sample, "ranker", "show").stdout
    assert "1287 verdicts (160 relevant) about 68 needs" in shown
    assert "countries_fits" in shown


def test_without_a_ranker_it_is_said_what_ranks_instead(tmp_path: Path) -> None:
    done = run(tmp_path, "ranker", "show")
    assert (done.returncode, "No ranker is in use" in done.stdout) == (0, True)
    assert json.loads(run(tmp_path, "ranker", "show", "--json").stdout)["ranker"] is None


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [(None, "verdicts.jsonl"), ("x", "line 1"), ("", "No verdict"), ('{"need":1,"offer":2,"verdict":1}', "no need 1")],
    ids=["missing", "malformed", "empty", "unknown listing"],
)
def test_verdicts_that_cannot_be_used_are_told_in_one_line(tmp_path: Path, verdicts: str | None, said: str) -> None:
    if verdicts is not None:
        (tmp_path / "verdicts.jsonl").write_text(verdicts)
    done = run(tmp_path, "ranker", "train", "verdicts.jsonl")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr


def test_a_damaged_ranker_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "ranker.json").write_text("{")
    done = run(tmp_path, "ranker", "show")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "ranker.json cannot be used" in done.stderr
