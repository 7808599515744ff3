"""A new server takes the old one's place under load; nobody's request is dropped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import processes
import pytest
from databases import only_sqlite

# The server and its socket know nothing of the database.
pytestmark = only_sqlite
SERVER = Path(__file__).parent / "processes.py"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int) -> int:
    """The status of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/offers?q=solar+pump")
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def answers(port: int) -> bool:
    """Whether a server answers there."""
    try:
        return ask(port) == 200
    except OSError:
        return False


@pytest.fixture
def port(instance: Path) -> Iterator[int]:
    """Where a server over the instance listens, and whatever took its place; all are stopped afterwards."""
    port = free_port()
    with (instance / "server.log").open("wb") as log:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        server = subprocess.Popen(
            [sys.executable, str(SERVER), str(instance), str(port)], env=environment, stdout=log, stderr=log
        )
    (instance / "pid").write_text(str(server.pid))
    processes.wait_for(lambda: answers(port))
    yield port
    for pid in {server.pid, int((instance / "pid").read_text())}:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGTERM)
    server.wait(60)
    processes.wait_for(lambda: not answers(port))


def server(port: int) -> int:
    """Which of the servers at this address answers, and is ready; 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/readyz")
        answer = json.loads(connection.getresponse().read())
        return int(answer["server"]) if answer["ready"] else 0
    finally:
        connection.close()


def replace(port: int, instance: Path) -> None:
    """What docs/operations.md says: ask for a new server, wait until it is ready, then stop the old one."""
    old = int((instance / "pid").read_text())
    os.kill(old, signal.SIGUSR2)
    seen: set[int] = set()
    processes.wait_for(lambda: seen.add(server(port)) or seen - {0, old})  # type: ignore[func-returns-value]
    (instance / "pid").write_text(str((seen - {0, old}).pop()))
    os.kill(old, signal.SIGTERM)


def test_no_request_is_dropped_while_a_new_server_takes_over(port: int, instance: Path, full: bool) -> None:
    requests, threads = 1000 if full else 60, 4
    statuses: list[int | str] = []

    def load() -> None:
        for _ in range(requests // threads):
            try:
                statuses.append(ask(port))
            except OSError as error:
                statuses.append(repr(error))

    running = [threading.Thread(target=load) for _ in range(threads)]
    for thread in running:
        thread.start()
    processes.wait_for(lambda: len(statuses) > requests // 10)
    replace(port, instance)
    for thread in running:
        thread.join()
    print(f"{len(statuses)} requests over a rolling restart")
    assert statuses == [200] * requests
    assert answers(port)


def test_a_request_in_flight_is_answered_when_the_server_is_told_to_stop(port: int, instance: Path) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /offers?q=solar HTTP/1.1\r\nHost: localhost\r\n")
        # Until a thread of the server has begun to read.
        time.sleep(1)
        os.kill(int((instance / "pid").read_text()), signal.SIGTERM)
        connection.sendall(b"Connection: close\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
