"""Generations of the keyword index on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from search_index.errors import IndexCorrupt
from search_index.generations import Generations


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "search_index")


def test_the_first_generation_is_in_use_where_none_was_chosen(generations: Generations) -> None:
    assert generations.current() == generations.root / "g000001"


def test_a_new_generation_is_empty_and_not_in_use(generations: Generations) -> None:
    generations.current().mkdir()
    folder = generations.new()
    assert (folder.name, list(folder.iterdir()), generations.current().name) == ("g000002", [], "g000001")


def test_two_new_generations_are_two_folders(generations: Generations) -> None:
    assert generations.new() != generations.new()


def test_a_used_generation_is_current_for_everybody(generations: Generations) -> None:
    folder = generations.new()
    generations.use(folder)
    assert Generations(generations.root).current() == folder


def test_the_generation_used_before_is_kept(generations: Generations) -> None:
    folders = [generations.new() for _ in range(2)]
    for folder in folders:
        generations.use(folder)
    assert all(folder.is_dir() for folder in folders)


def test_generations_older_than_the_previous_one_are_deleted(generations: Generations) -> None:
    folders = [generations.new() for _ in range(4)]
    for folder in folders:
        generations.use(folder)
    assert [folder.is_dir() for folder in folders] == [False, False, True, True]


def test_a_generation_that_another_process_is_writing_is_left_alone(generations: Generations) -> None:
    first, second = generations.new(), generations.new()
    generations.use(first)
    assert second.is_dir()


def test_a_generation_that_is_gone_cannot_be_used(generations: Generations) -> None:
    kept, lost = generations.new(), generations.new()
    generations.use(kept)
    shutil.rmtree(lost)
    with pytest.raises(IndexCorrupt, match="is gone"):
        generations.use(lost)
    assert generations.current() == kept


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"../elsewhere", b"g000099", b"g1\ng2"])
def test_a_garbled_pointer_is_called_corrupt(generations: Generations, content: bytes) -> None:
    generations.use(generations.new())
    (generations.root / "CURRENT").write_bytes(content)
    with pytest.raises(IndexCorrupt, match="matchmaker index rebuild"):
        generations.current()


def test_using_a_generation_mends_a_garbled_pointer(generations: Generations) -> None:
    (generations.root / "CURRENT").write_bytes(b"")
    folder = generations.new()
    generations.use(folder)
    assert generations.current() == folder


def test_other_files_are_left_alone(generations: Generations) -> None:
    (generations.root / "notes").mkdir()
    for _ in range(4):
        generations.use(generations.new())
    assert (generations.root / "notes").is_dir()
    assert {path.name for path in generations.root.iterdir()} == {"notes", "CURRENT", "g000003", "g000004"}


def test_a_file_where_the_folder_should_be_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "tantivy").write_text("")
    with pytest.raises(IndexCorrupt, match="Move away what is there"):
        Generations(tmp_path / "tantivy")


def test_where_everything_was_deleted_a_new_generation_begins(generations: Generations) -> None:
    shutil.rmtree(generations.root)
    assert generations.new().is_dir()
