"""What is shown as evidence is what the score rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evidence import falls
from search_index.embedders import SentenceTransformerEmbedder
from search_index.generations import Generations
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.local import LocalEngine


@pytest.mark.model
def test_a_hit_scores_less_without_its_evidence(tmp_path: Path) -> None:
    engine = LocalEngine(SentenceTransformerEmbedder(), Generations(tmp_path), TantivyKeywordIndex)
    found = falls(engine, hits=40)
    assert sum(fall.without_evidence < fall.score for fall in found) >= 0.9 * len(found)
    shown, others = (sum(getattr(fall, name) for fall in found) for name in ("without_evidence", "without_others"))
    assert shown < others
