"""The `matchmaker` command as tests give it."""

from __future__ import annotations

import functools
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from matchmaker import parts
from matchmaker.cli import main
from search_index.embedders import SentenceTransformerEmbedder

COMMAND = str(Path(sys.executable).parent / "matchmaker")
#: One model for all commands of a process: loading it is most of what a command costs.
_embedder = functools.cache(SentenceTransformerEmbedder)


def shell(folder: Path, *arguments: str, **settings: str) -> CompletedProcess[str]:
    """Give the command in a shell, in the folder, its instance inside it."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "MATCHMAKER_INSTANCE": str(folder / "instance"), **settings}
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def _connections_closed() -> Iterator[None]:
    """Closes what is opened meanwhile: a process that goes on does not do so at its end."""
    opened: list[Any] = []

    def note(connection: Any, _record: Any) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", note)
    yield
    event.remove(Pool, "connect", note)
    for connection in opened:
        connection.close()


def run(folder: Path, *arguments: str, **settings: str) -> CompletedProcess[str]:
    """The same in this process; what the command does not catch reaches the test."""
    said, complained = io.StringIO(), io.StringIO()
    with (
        _connections_closed(),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        patch.chdir(folder)
        for name, value in {"MATCHMAKER_INSTANCE": str(folder / "instance"), **settings}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", [COMMAND, *arguments])
        patch.setattr(parts, "SentenceTransformerEmbedder", _embedder)
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
    return CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())
