"""Builds the concrete parts from settings. Only create_app calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from search_index.embedders import MINILM, SentenceTransformerEmbedder
from search_index.generations import Generations
from search_index.keywords_tantivy import TantivyKeywordIndex
from search_index.keywords_whoosh import WhooshKeywordIndex
from search_index.local import LocalEngine
from search_index.protocols import Embedder, KeywordIndex

from .letters import Letters
from .links import Links
from .mail import ConsoleMailer, Mailer, SMTPMailer
from .metrics import Metrics
from .settings import DEFAULT_MODEL, Settings

_KEYWORDS: dict[str, Callable[[Path], KeywordIndex]] = {"tantivy": TantivyKeywordIndex, "whoosh": WhooshKeywordIndex}


@dataclass(frozen=True)
class Parts:
    """What services work with."""

    engine: LocalEngine
    metrics: Metrics
    mailer: Mailer
    letters: Letters


def current_parts() -> Parts:
    """The parts of the application that answers a request."""
    found: Parts = current_app.extensions["matchmaker"]
    return found


def build_parts(
    settings: Settings, embedder: Embedder | None = None, threads: int = 0, mailer: Mailer | None = None
) -> Parts:
    """The parts the settings name; tests bring an embedder and a mailer of their own. Raises ModelUnusable.

    `threads` is how many one encode may use; 0 means all, which suits commands but not a server.
    """
    if embedder is None:
        model = MINILM if settings.model == DEFAULT_MODEL else settings.model
        embedder = SentenceTransformerEmbedder(model, threads)
    generations = Generations(settings.instance / "search_index" / settings.keyword_index)
    engine, metrics = LocalEngine(embedder, generations, _KEYWORDS[settings.keyword_index]), Metrics()
    engine.observe = metrics.observe
    if mailer is None:
        console = settings.mail == "console"
        mailer = ConsoleMailer() if console else SMTPMailer(settings.mail, settings.mail_from)
    return Parts(engine, metrics, mailer, Letters(Links(settings.public_url, settings.secret_key)))
