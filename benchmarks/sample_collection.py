"""Writes the sample catalogue as a judged collection, so that its texts stand in one place only.

The judgments (qrels/test.tsv) are written by people: 2 is worth a call, 1 serves in part, 0 is a near-miss that was
looked at. Run this after a change of the catalogue: python benchmarks/sample_collection.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matchmaker.schemas import listing_schema
from matchmaker.services.documents import document_of
from models import Listing
from search_index.types import Document

HERE = Path(__file__).parent / "collections" / "sample"
SAMPLES = Path(__file__).parent.parent / "matchmaker" / "samples"
_EMPTY: dict[str, Any] = {
    "version": 1,
    "status": "published",
    "available_in": [],
    "deployed_in": [],
    "wanted_in": [],
    "problem": "",
    "constraints": "",
}


def documents(kind: str) -> dict[str, Document]:
    """The catalogue's offers or needs as the indexes would hold them, by their sample id."""
    out = {}
    for number, line in enumerate((SAMPLES / f"{kind}s.jsonl").read_text("utf-8").splitlines(), 1):
        row = json.loads(line)
        values = listing_schema(kind).load({k: v for k, v in row.items() if k not in ("id", "kind", "organisation")})
        out[row["id"]] = document_of(Listing(**{**_EMPTY, **values}, id=number, kind=kind))
    return out


def corpus() -> str:
    """corpus.jsonl: the offers."""
    offers = documents("offer").items()
    rows = ({"_id": id, "title": d.title, "text": d.body, "language": d.language} for id, d in offers)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def queries() -> str:
    """queries.jsonl: the needs, whole."""
    rows = ({"_id": id, "text": d.text, "language": d.language} for id, d in documents("need").items())
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    (HERE / "corpus.jsonl").write_text(corpus(), "utf-8")
    (HERE / "queries.jsonl").write_text(queries(), "utf-8")
