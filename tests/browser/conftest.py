"""A real browser against a real server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue import opened
from databases import Database
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from watching import Site, Watch
from werkzeug.serving import make_server

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def site(sqlite: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the catalogue on a free port of the loopback.

    On one database only: the journeys show that pages are the same on both, and a browser sees nothing but pages.
    """
    with opened(sqlite, tmp_path_factory.mktemp("site")) as market:
        server = make_server("127.0.0.1", 0, market.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.port}", market.numbers)
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        pytest.fail(f"The browser tests need {CHROMIUM}. Install it: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()


@pytest.fixture
def settings() -> dict[str, object]:
    """How the reader's browser is set; tests override it."""
    return {}


@pytest.fixture
def context(browser: Browser, site: Site, settings: dict[str, object]) -> Iterator[BrowserContext]:
    """A reader with an empty cache."""
    made = browser.new_context(base_url=site.address, **settings)  # type: ignore[arg-type]
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def watch(context: BrowserContext, site: Site) -> Iterator[Watch]:
    """Fails the test when a page asked another host, complained, or broke its own content policy."""
    watching = Watch(context, site)
    yield watching
    assert watching.foreign == []
    assert watching.complaints == []


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """An open tab under watch."""
    return context.new_page()
