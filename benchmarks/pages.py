"""How long people wait for a listing's page and for a page of the posting form to be saved, twenty of them at once.

    python -m benchmarks.pages

Each reads a second, on average, between two requests; then all ask again without reading, which shows where the
server ends. Beside both stands /healthz, which does nothing.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.speed import running
from matchmaker import create_app
from matchmaker.policy import SYSTEM, actor_of
from matchmaker.services import accounts, listings, organisations, posting, sessions
from matchmaker.settings import Settings

PORT = 8767
USERS = 20
REQUESTS = 40
#: Listings that are read; so many pages are not all kept in memory from the start.
READ = 100


@dataclass
class User:
    """Somebody signed in, with a draft of their own and what its form holds."""

    cookie: str
    draft: str
    token: str = ""
    version: int = 1


def main() -> None:
    """Print the spread of each page, with and without time to read."""
    with tempfile.TemporaryDirectory(prefix="matchmaker-bench-") as instance:
        environment = {**os.environ, "MATCHMAKER_INSTANCE": instance, "PORT": str(PORT)}
        command = str(Path(sys.executable).parent / "matchmaker")
        subprocess.run([command, "setup", "--sample"], env=environment, check=True)
        users, read = _prepare(environment)
        asked: dict[str, Callable[[HTTPConnection, User], float]] = {
            "nothing (/healthz)": lambda connection, user: _ask(connection, user, "/healthz")[0],
            "a listing's page": lambda connection, user: _ask(connection, None, random.choice(read))[0],  # noqa: S311
            "a form saved": _save,
        }
        with running(environment, PORT):
            for user in users:
                _open_form(user)
            for pause in (1.0, 0.0):
                print(f"{USERS} people, " + (f"{pause:g} s of reading between requests" if pause else "no reading"))
                for name, ask in asked.items():
                    print(f"  {name}: {_measured(users, ask, pause)}")


def _prepare(environment: dict[str, str]) -> tuple[list[User], list[str]]:
    """People with an organisation, a sign-in and a draft each, and the addresses of some listings."""
    app = create_app(Settings.from_environment(environment))
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    users = []
    with app.app_context():
        newest = listings.newest("offer", READ // 2) + listings.newest("need", READ // 2)
        with app.test_request_context():
            address = app.jinja_env.globals["listing_address"]
            read = [address(listing) for listing in newest]  # type: ignore[operator]
        for number in range(USERS):
            made = accounts.create(SYSTEM, f"user{number}@example.org", "A user", "member", "-")
            organisations.make(actor_of(made), {"name": f"Firm {number}"})
            person = accounts.named(made.email)
            given = {"title": f"Pump {number}", "summary": "Lifts water.", "language": "en"}
            draft = posting.begin(actor_of(person), "offer", given)
            key = sessions.begin(person.id, "benchmark")
            content = {"_user_id": person.fs_uniquifier, "_fresh": True, "key": key, "fs_paa": time.time()}
            users.append(User(f"session={signer.dumps(content)}", f"/offers/{draft.id}/edit/field"))
    return users, read


def _open_form(user: User) -> None:
    connection = HTTPConnection("127.0.0.1", PORT)
    _, answer, page = _ask(connection, user, user.draft)
    user.cookie = (answer.getheader("Set-Cookie") or user.cookie).partition(";")[0]
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page[:500]
    user.token = found[1]


def _ask(
    connection: HTTPConnection, user: User | None, address: str, form: dict[str, str] | None = None
) -> tuple[float, HTTPResponse, str]:
    """Milliseconds until the whole answer is there, and the answer."""
    headers = {"Accept-Encoding": "gzip"} if user is None else {"Cookie": user.cookie}
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    # A server closes what was idle for two seconds; as in a browser, the next request opens it anew.
    connection.close()
    begin = time.perf_counter()
    connection.request("POST" if form else "GET", address, urlencode(form) if form else None, headers)
    answer = connection.getresponse()
    content = answer.read()
    spent = (time.perf_counter() - begin) * 1000
    assert answer.status in (200, 302), f"{address}: {answer.status}"
    return spent, answer, content.decode("utf-8", "replace") if user else ""


def _save(connection: HTTPConnection, user: User) -> float:
    form = {
        "csrf_token": user.token,
        "version": str(user.version),
        "category": "water",
        "keywords": f"pump, {time.time()}",
    }
    spent, answer, _ = _ask(connection, user, user.draft, form)
    user.cookie = (answer.getheader("Set-Cookie") or user.cookie).partition(";")[0]
    user.version += 1
    return spent


def _measured(users: list[User], ask: Callable[[HTTPConnection, User], float], pause: float) -> str:
    def one(user: User) -> list[float]:
        connection = HTTPConnection("127.0.0.1", PORT)
        spent = []
        for _ in range(REQUESTS):
            time.sleep(random.uniform(0, 2 * pause))  # noqa: S311 - nothing secret
            spent.append(ask(connection, user))
        return spent

    with ThreadPoolExecutor(USERS) as pool:
        began = time.perf_counter()
        spent = [milliseconds for own in pool.map(one, users) for milliseconds in own]
        rate = len(spent) / (time.perf_counter() - began)
    cuts = statistics.quantiles(spent, n=20)
    return f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms at {rate:.0f} requests/s"


if __name__ == "__main__":
    main()
