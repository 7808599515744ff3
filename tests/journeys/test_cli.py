"""The `matchmaker` command as its user meets it, with right and wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run, shell
from databases import Database

MAP = """
source = "our-own"
id = "id"
[constants]
language = "en"
[fields]
title = "name"
description = "text"
trl = "trl"
"""
ROWS = """id,name,text,trl
1,Solar pump,A pump driven by the sun lifts water for smallholders.,8
2,Salt recovery,Nanofiltration gives a dye house its brine back.,7
3,Broken row,The level is no number.,twelve
"""
GOOD_ROWS = "\n".join(ROWS.splitlines()[:3]) + "\n"


def damage(folder: Path) -> None:
    """Break the keyword index in use."""
    generations = folder / "instance" / "search_index" / "tantivy"
    newest = max(generations.glob("*/meta.json"))
    newest.write_text("{broken")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "map.toml").write_text(MAP)
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "good.csv").write_text(GOOD_ROWS)
    return tmp_path


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into whose new instance two good rows were imported and indexed."""
    folder = tmp_path_factory.mktemp("imported")
    (folder / "map.toml").write_text(MAP)
    (folder / "good.csv").write_text(GOOD_ROWS)
    done = run(folder, "import", "good.csv", "--kind", "offer", "--map", "map.toml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 2
    return folder


@pytest.mark.parametrize(
    "command",
    [
        *(
            "",
            "serve",
            "worker",
            "setup",
            "import",
            "index",
            "index rebuild",
            "index check",
            "index duplicates",
            "match",
            "evaluate",
        ),
        *("ranker train", "ranker show"),
    ],
)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = run(tmp_path, *command.split(), "--help")
    assert done.returncode == 0
    assert len(done.stdout) > 150


def test_help_leaves_no_trace(tmp_path: Path) -> None:
    shell(tmp_path, "--help")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.model
def test_what_one_process_imports_another_one_indexes(migrated: Database, files: Path) -> None:
    with migrated.empty(files) as empty:
        database = {"DATABASE_URL": empty.url}
        assert run(files, "setup", **database).returncode == 0
        good = ("import", "good.csv", "--kind", "offer", "--map", "map.toml", "--json", "--no-index")
        assert json.loads(run(files, *good, **database).stdout)["added"] == 2
        assert run(files, "index", "check", **database).returncode == 1
        done = shell(files, "worker", "--once", **database)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2 listings handled\n", "")
        assert run(files, "index", "check", **database).returncode == 0
        assert json.loads(run(files, *good, **database).stdout)["unchanged"] == 2


def test_a_wrong_setting_is_told_in_a_shell_too(tmp_path: Path) -> None:
    done = shell(tmp_path, "setup", PORT="seventy")
    assert (done.returncode, len(done.stderr.splitlines()), "PORT" in done.stderr) == (2, 1, True)


@pytest.mark.model
def test_a_new_instance_is_made_and_nothing_is_written_elsewhere(imported: Path) -> None:
    assert {path.name for path in imported.iterdir()} == {"map.toml", "good.csv", "instance"}


@pytest.mark.model
def test_the_same_file_again_changes_nothing(imported: Path) -> None:
    again = run(imported, "import", "good.csv", "--kind", "offer", "--map", "map.toml", "--json")
    assert (json.loads(again.stdout)["added"], json.loads(again.stdout)["unchanged"]) == (0, 2)


@pytest.mark.model
def test_check_finds_the_indexes_in_agreement_after_an_import(imported: Path) -> None:
    done = run(imported, "index", "check", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"differences": []})


@pytest.mark.model
def test_switching_to_whoosh_and_setting_up_indexes_what_is_there(imported: Path) -> None:
    before = run(imported, "index", "check", MATCHMAKER_KEYWORD_INDEX="whoosh")
    assert before.returncode == 1
    assert run(imported, "setup", MATCHMAKER_KEYWORD_INDEX="whoosh").returncode == 0
    assert run(imported, "index", "check", MATCHMAKER_KEYWORD_INDEX="whoosh").returncode == 0


@pytest.mark.model
def test_setup_writes_an_unreadable_keyword_index_anew(imported: Path) -> None:
    damage(imported)
    assert run(imported, "setup").returncode == 0
    assert run(imported, "index", "check").returncode == 0


@pytest.mark.model
def test_what_repeats_another_listing_is_told_and_listed(files: Path) -> None:
    header, row, *_ = GOOD_ROWS.splitlines()
    (files / "twice.csv").write_text("\n".join([header, row, row.replace(row.split(",")[0], "another", 1)]) + "\n")
    done = run(files, "import", "twice.csv", "--kind", "offer", "--map", "map.toml")
    assert "1 listings nearly repeat another" in done.stderr
    listed = json.loads(run(files, "index", "duplicates", "--json").stdout)
    assert [(one["listing_id"], one["repeats_id"]) for one in listed["duplicates"]] == [(2, 1)]


@pytest.mark.model
def test_a_damaged_keyword_index_is_named_and_a_rebuild_mends_it(imported: Path) -> None:
    damage(imported)
    damaged = run(imported, "index", "check")
    assert damaged.returncode == 1
    assert "matchmaker index rebuild" in damaged.stderr
    assert "Traceback" not in damaged.stderr
    assert run(imported, "index", "rebuild").returncode == 0
    assert run(imported, "index", "check").returncode == 0


def test_bad_rows_make_the_exit_code_1_and_are_written_to_a_file(files: Path) -> None:
    done = run(files, "import", "rows.csv", "--kind", "offer", "--map", "map.toml", "--no-index")
    assert done.returncode == 1
    assert "2 added" in done.stdout
    assert "twelve" in (files / "instance" / "imports" / "rows.csv.errors.csv").read_text()


def test_a_dry_run_stores_nothing(files: Path) -> None:
    run(files, "import", "good.csv", "--kind", "offer", "--map", "map.toml", "--dry-run")
    real = run(files, "import", "good.csv", "--kind", "offer", "--map", "map.toml", "--no-index", "--json")
    assert json.loads(real.stdout)["added"] == 2


@pytest.mark.model
def test_evaluate_prints_one_object_with_three_legs(tmp_path: Path) -> None:
    (tmp_path / "tiny" / "qrels").mkdir(parents=True)
    texts = {"a": "solar pump for farms", "b": "salt recovery from dye baths"}
    lines = "".join(json.dumps({"_id": id, "title": "", "text": text}) + "\n" for id, text in texts.items())
    (tmp_path / "tiny" / "corpus.jsonl").write_text(lines)
    (tmp_path / "tiny" / "queries.jsonl").write_text('{"_id": "q", "text": "lifting water with the sun: solar"}\n')
    (tmp_path / "tiny" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    done = run(tmp_path, "evaluate", "tiny", "--json")
    scores = json.loads(done.stdout)
    assert {key: scores[key] for key in ("collection", "documents", "queries")} == {
        "collection": "tiny",
        "documents": 2,
        "queries": 1,
    }
    perfect = {"ndcg@10": 1.0, "recall@50": 1.0, "mrr@10": 1.0}
    assert scores["legs"] == {"keyword": perfect, "vector": perfect, "fusion": perfect}


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["setup"], {"PORT": "seventy"}, "PORT"),
        (["setup"], {"MATCHMAKER_KEYWORD_INDEX": "lucene"}, "MATCHMAKER_KEYWORD_INDEX"),
        (["setup"], {"MATCHMAKER_INSTANCE": "/dev/null/instance"}, "MATCHMAKER_INSTANCE"),
        (["setup"], {"DATABASE_URL": "sqlite:////dev/null/nowhere.db"}, "DATABASE_URL"),
        (["setup"], {"DATABASE_URL": "no address"}, "DATABASE_URL"),
        (["setup"], {"DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}, "DATABASE_URL"),
        (["evaluate", "nowhere"], {}, "qrels"),
        (["import", "nowhere.csv", "--kind", "offer", "--map", "sample-catalogue"], {}, "nowhere.csv"),
        (["import", ".", "--kind", "offer", "--map", "no-such-map"], {}, "no-such-map"),
        (["import", "x.csv", "--kind", "gift", "--map", "sample-catalogue"], {}, "offer"),
        (["fly"], {}, "fly"),
    ],
)
def test_wrong_use_is_told_in_few_words_with_exit_code_2(
    arguments: list[str], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = run(tmp_path, *arguments, **settings)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4


def test_a_missing_model_is_told_in_one_line(files: Path) -> None:
    done = run(files, "import", "good.csv", "--kind", "offer", "--map", "map.toml", MATCHMAKER_MODEL="/no/such/model")
    assert done.returncode == 1
    assert "MATCHMAKER_MODEL" in done.stderr
    assert "Traceback" not in done.stderr
