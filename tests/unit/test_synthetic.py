"""The catalogue that benchmarks are run on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic import BLOCK, CODES, Block, Sources, blocks, read_texts

WORDS = (
    "sun",
    "wind",
    "water",
    "soil",
    "pump",
    "filter",
    "heat",
    "salt",
    "dye",
    "river",
    "roof",
    "grid",
    "cell",
    "gas",
)


@pytest.fixture(scope="module")
def sources() -> Sources:
    random = np.random.default_rng(7)
    texts = []
    for number in range(40):
        sentences = (" ".join(random.choice(WORDS, 12)) + "." for _ in range(random.integers(1, 6)))
        texts.append((f"Title {number}" if number % 2 else "", " ".join(sentences)))
    vectors = random.standard_normal((len(texts), 16), np.float32)
    return Sources.of(texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def block(sources: Sources) -> Block:
    return next(blocks(sources, 500))


def test_the_same_seed_gives_the_same_catalogue(sources: Sources, block: Block) -> None:
    again = next(blocks(sources, 500))
    assert again.documents == block.documents
    assert np.array_equal(again.vectors, block.vectors)


def test_another_seed_gives_another_catalogue(sources: Sources, block: Block) -> None:
    assert next(blocks(sources, 500, seed=2)).documents != block.documents


def test_a_smaller_catalogue_is_the_beginning_of_a_larger_one(sources: Sources, block: Block) -> None:
    smaller = next(blocks(sources, 100))
    assert smaller.documents == block.documents[:100]
    assert np.allclose(smaller.vectors, block.vectors[:100])


def test_blocks_differ_from_each_other(sources: Sources) -> None:
    first, second = (found.vectors[0] for found in blocks(sources, BLOCK + 1))
    assert not np.array_equal(first, second)


def test_ids_run_from_1_without_a_gap(sources: Sources) -> None:
    assert [id for found in blocks(sources, BLOCK + 5) for id in found.ids] == list(range(1, BLOCK + 6))


def test_bodies_are_made_of_whole_sentences_of_the_sources(sources: Sources, block: Block) -> None:
    known = set(sources.sentences)
    for document in islice(block.documents, 100):
        assert {f"{sentence}." for sentence in document.body[:-1].split(". ")} <= known


def test_a_body_ends_with_the_sentence_that_reaches_the_wanted_length(block: Block) -> None:
    assert {len(document.body.split()) for document in block.documents} == {108}  # sentences of 12 words


def test_every_listing_has_a_title(block: Block) -> None:
    assert all(document.title for document in block.documents)


def test_vectors_have_length_1(block: Block) -> None:
    assert np.allclose(np.linalg.norm(block.vectors, axis=1), 1.0, atol=1e-5)


def test_entries_are_the_documents_without_their_texts(block: Block) -> None:
    for entry, document in zip(block.entries, block.documents, strict=True):
        assert (entry.id, entry.kind, entry.facets) == (document.id, document.kind, document.facets)


def test_facets_are_spelt_as_they_are_held(block: Block) -> None:
    for facet in CODES:
        for row, entry in zip(block.held[facet], block.entries, strict=True):
            assert tuple(CODES[facet][code] for code in row if code >= 0) == entry.facets.get(facet, ())


def test_no_listing_holds_a_code_twice(block: Block) -> None:
    assert all(len(set(codes)) == len(codes) for entry in block.entries for codes in entry.facets.values())


@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_some_country_holds_about_this_share(sources: Sources, share: float) -> None:
    countries = next(blocks(sources, BLOCK)).held["country"][:, 0]
    shares = np.bincount(countries[countries >= 0]) / len(countries)
    assert np.abs(shares - share).min() < 0.2 * share


def test_some_facts_are_unknown(block: Block) -> None:
    assert all((block.held[facet] < 0).any() for facet in ("country", "trl", "partnership", "sdg"))


def test_one_listing_in_ten_is_a_need(sources: Sources) -> None:
    assert 0.09 < next(blocks(sources, BLOCK)).kinds.count("need") / BLOCK < 0.11


def test_texts_are_read_from_tables_and_collections_each_body_once(tmp_path: Path) -> None:
    collection = tmp_path / "collections" / "one"
    collection.mkdir(parents=True)
    (collection / "corpus.jsonl").write_text(
        '{"_id": "1", "title": "", "text": "Water\\npumps."}\n{"_id": "2", "title": "Sun", "text": "Cells."}\n'
    )
    (tmp_path / "tools.csv").write_text("name,description\nPump,Water pumps.\nRoof,Green roofs.\nEmpty,\n")
    found = read_texts(tmp_path, tmp_path / "collections")
    assert sorted(body for _, body in found) == ["Cells.", "Green roofs.", "Water pumps."]


def test_a_table_of_another_shape_gives_no_text(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert read_texts(tmp_path, tmp_path) == []
