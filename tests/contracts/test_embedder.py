"""What every embedder promises: the one for tests, and the product's own with its real model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_index.embedders import HashingEmbedder, SentenceTransformerEmbedder
from search_index.errors import ModelUnusable
from search_index.protocols import Embedder
from search_index.types import Vector

LONG = "The plant treats waste water with membranes and saves energy in every step of the process. " * 40
TEXTS = (
    "Solar pump",
    "A solar pump that lifts water from thirty metres.\nIt runs without fuel. It was tried in Kenya and Peru.",
    LONG,
    "太阳能水泵适用于偏远的农场。它不需要任何燃料，也不会污染环境。",
    "معالجة مياه الصرف الصحي بالأغشية؟ نعم، وبتكلفة أقل.",
    "Очистка сточных вод для небольших посёлков.",
    "🌞💧 clean water 🌍",
    "x",
    "kWh/m³ < 3.5 & TRL-7 (ISO 16290)",
    "word " * 254 + "edge of the window",
    "# Heading\n\n- first point of the list\n- second point of the list\n\n**Bold** end.",
    "A\u00a0line\twith  odd\u3000spaces\x00and a NUL.",
)
CASES = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def minilm() -> SentenceTransformerEmbedder:
    """The real model, loaded once."""
    return SentenceTransformerEmbedder()


@pytest.fixture(params=["hashing", pytest.param("minilm", marks=pytest.mark.model)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "hashing":
        return HashingEmbedder()
    found: Embedder = request.getfixturevalue("minilm")
    return found


def test_vectors_have_unit_norm(embedder: Embedder) -> None:
    for encoded in embedder.encode(TEXTS):
        assert np.linalg.norm(encoded.vector) == pytest.approx(1, abs=1e-5)


def test_parts_add_up_to_the_vector(embedder: Embedder) -> None:
    for encoded in embedder.encode(TEXTS):
        assert encoded.parts.sum(0) == pytest.approx(encoded.vector, abs=1e-5)


def test_every_part_has_its_span_inside_the_text_in_order(embedder: Embedder) -> None:
    for text, encoded in zip(TEXTS, embedder.encode(TEXTS), strict=True):
        edges = [edge for span in encoded.spans for edge in span]
        assert len(encoded.spans) == len(encoded.parts) > 0
        assert edges == sorted(edges)
        assert 0 <= edges[0] <= edges[-1] <= len(text)


def test_vectors_and_parts_are_single_precision_of_one_size(embedder: Embedder) -> None:
    for encoded in embedder.encode([*TEXTS[:3], ""]):
        assert (encoded.vector.dtype, encoded.parts.dtype) == (np.float32, np.float32)
        assert encoded.parts.shape[1:] == encoded.vector.shape == embedder.encode(["x"])[0].vector.shape


def test_the_order_of_the_texts_is_kept(embedder: Embedder) -> None:
    together = embedder.encode(TEXTS)
    for text, encoded in zip(reversed(TEXTS), reversed(together), strict=True):
        assert float(embedder.encode([text])[0].vector @ encoded.vector) >= 0.9995


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_an_empty_text_gives_the_zero_vector_without_parts(embedder: Embedder, text: str) -> None:
    (encoded,) = embedder.encode([text])
    assert (encoded.vector.any(), len(encoded.parts), encoded.spans) == (False, 0, ())


def test_empty_texts_between_others_keep_their_places(embedder: Embedder) -> None:
    found = embedder.encode(["", "pump", " ", "kiln", ""])
    assert [bool(encoded.vector.any()) for encoded in found] == [False, True, False, True, False]


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.encode([]) == []


def test_progress_adds_up_to_the_number_of_texts(embedder: Embedder) -> None:
    heard: list[int] = []
    embedder.encode([*TEXTS, "", "pump"], heard.append)
    assert sum(heard) == len(TEXTS) + 2


def test_threads_may_share_it(embedder: Embedder) -> None:
    alone = [encoded.vector for encoded in embedder.encode(TEXTS)]
    wrong: list[object] = []

    def encode() -> None:
        try:
            for _ in range(2):
                for vector, encoded in zip(alone, embedder.encode(TEXTS), strict=True):
                    if float(vector @ encoded.vector) < 0.9995:
                        wrong.append(encoded)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
            wrong.append(error)

    threads = [threading.Thread(target=encode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@CASES
@given(text=st.text(max_size=300))
def test_any_text_is_encoded_with_parts_that_add_up(embedder: Embedder, text: str) -> None:
    (encoded,) = embedder.encode([text])
    assert np.isfinite(encoded.vector).all()
    assert encoded.parts.sum(0) == pytest.approx(encoded.vector, abs=1e-5)
    assert len(encoded.spans) == len(encoded.parts)


def loads_model_of(folder: Path) -> None:
    SentenceTransformerEmbedder(str(folder)).encode(["pump"])


def cosines(ours: Vector, plain: Vector) -> Vector:
    """Row by row; the library's pooling rounds its norms to the model's precision."""
    return (ours * plain).sum(1) / np.linalg.norm(plain, axis=1)


@pytest.mark.model
class TestSentenceTransformers:
    def test_vectors_are_those_of_the_library(self, minilm: SentenceTransformerEmbedder) -> None:
        ours = np.stack([encoded.vector for encoded in minilm.encode(TEXTS)])
        plain = np.asarray(minilm.bare().encode(list(TEXTS), convert_to_tensor=True).float())
        assert cosines(ours, plain).min() >= 0.9999

    def test_past_the_window_passages_have_no_part(self, minilm: SentenceTransformerEmbedder) -> None:
        (encoded,) = minilm.encode([LONG])
        assert 0 < len(encoded.spans) < 40

    def test_texts_that_agree_past_the_window_only_differ(self, minilm: SentenceTransformerEmbedder) -> None:
        one, other = minilm.encode([LONG + "pump", LONG + "kiln"])
        assert one.vector == pytest.approx(other.vector, abs=1e-6)

    def test_the_passage_that_says_it_holds_most_of_the_cosine(self, minilm: SentenceTransformerEmbedder) -> None:
        text = "The firm was founded in 1987.\nOur membranes clean waste water.\nVisitors are welcome on Fridays."
        (wanted,) = minilm.encode(["waste water treatment"])
        (found,) = minilm.encode([text])
        start, end = found.spans[int((found.parts @ wanted.vector).argmax())]
        assert text[start:end] == "Our membranes clean waste water."

    @pytest.mark.parametrize(
        "files",
        [
            None,
            {},
            {"config.json": b"garbage"},
            {"modules.json": b"[]"},
            {"modules.json": b"{}", "config.json": b"{}", "model.safetensors": b"garbage"},
            {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"\x00" * 64},
        ],
        ids=["missing", "empty", "garbage", "no modules", "wrong json", "zeros"],
    )
    def test_an_unusable_folder_is_named_in_one_line(self, tmp_path: Path, files: dict[str, bytes] | None) -> None:
        folder = tmp_path / "model"
        if files is not None:
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
        with pytest.raises(ModelUnusable, match=r"cannot be loaded .* Set MATCHMAKER_MODEL") as refused:
            loads_model_of(folder)
        assert "\n" not in str(refused.value)


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "solar", "pump", "water", "for", "farms", "."]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Small models with random weights, by how they pool: MiniLM is not the only one that may be set."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    base = folder / "base"
    base.mkdir()
    (base / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(base / "vocab.txt")).save_pretrained(base)
    shape: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(WORDS), intermediate_size=32, **shape)).save_pretrained(base)
    made = {}
    for pooling in ("mean", "cls"):
        made[pooling] = folder / pooling
        transformer = Transformer(str(base))
        SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode=pooling)]).save(str(made[pooling]))
    return made


@pytest.mark.model
@pytest.mark.parametrize("pooling", ["mean", "cls"])
class TestOtherModels:
    def test_vectors_are_those_of_the_library(self, tiny: dict[str, Path], pooling: str) -> None:
        embedder = SentenceTransformerEmbedder(str(tiny[pooling]))
        texts = ["solar pump for farms . water for farms .", "water", "pump . " * 300]
        ours = np.stack([encoded.vector for encoded in embedder.encode(texts)])
        plain = np.asarray(embedder.bare().encode(texts, convert_to_tensor=True).float())
        assert cosines(ours, plain).min() >= 0.9999

    def test_parts_add_up_to_the_vector(self, tiny: dict[str, Path], pooling: str) -> None:
        for encoded in SentenceTransformerEmbedder(str(tiny[pooling])).encode(["solar pump for farms . water .", ""]):
            assert encoded.parts.sum(0) == pytest.approx(encoded.vector, abs=1e-5)

    def test_threads_may_share_it(self, tiny: dict[str, Path], pooling: str) -> None:
        test_threads_may_share_it(SentenceTransformerEmbedder(str(tiny[pooling])))
