"""Accounts by command: the first administrator, and whoever lost what they need to get in."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from commands import run

PASSWORD = "seven purple zebras dancing"


def make(
    folder: Path, monkeypatch: pytest.MonkeyPatch, email: str, *more: str, password: str = PASSWORD
) -> CompletedProcess[str]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    return run(folder, "user", "create", email, "--password-stdin", *more)


def test_the_first_administrator_is_made_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(tmp_path, monkeypatch, "Amina@Example.org", "--role", "administrator", "--name", "Amina\nOtieno")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "account 1 for amina@example.org, role administrator\n"
    (row,) = map(json.loads, run(tmp_path, "user", "list", "--json").stdout.splitlines())
    assert row == {
        "id": 1,
        "email": "amina@example.org",
        "name": "Amina Otieno",
        "role": "administrator",
        "organisation": None,
        "confirmed": True,
        "second_factor": False,
    }
    assert run(tmp_path, "user", "list").stdout == "amina@example.org administrator, no second factor\n"


@pytest.mark.parametrize(
    ("email", "more", "password", "said"),
    [
        ("amina@example.org", (), "short", "Use 12 to 128 characters."),
        ("amina@example.org", (), "matchmaker2026!", "easy to guess"),
        ("amina@sunfields.example", (), "sunfields12345", "easy to guess"),
        ("amina@example.org", ("--name", "Wanjiku Kamau"), "wanjikukamau1987", "easy to guess"),
        ("amina", (), PASSWORD, "'amina' is no e-mail address."),
        ("amina@example.org", ("--role", "queen"), PASSWORD, "There is no role 'queen'. Use one of: member, moderator"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, email: str, more: tuple[str, ...], password: str, said: str
) -> None:
    refused = make(tmp_path, monkeypatch, email, *more, password=password)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert run(tmp_path, "user", "list").stdout == ""


def test_an_address_has_one_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, monkeypatch, "amina@example.org")
    again = make(tmp_path, monkeypatch, "AMINA@example.org")
    assert (again.returncode, again.stderr) == (1, "matchmaker: There is an account for amina@example.org already.\n")


def test_roles_change_but_one_administrator_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, monkeypatch, "amina@example.org", "--role", "administrator")
    make(tmp_path, monkeypatch, "kofi@example.org")
    assert run(tmp_path, "user", "role", "amina@example.org", "member").returncode == 1
    changed = run(tmp_path, "user", "role", "Kofi@example.org", "administrator")
    assert changed.stdout == "kofi@example.org has the role administrator\n"
    assert run(tmp_path, "user", "role", "amina@example.org", "member").returncode == 0


def test_a_lost_second_factor_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, monkeypatch, "amina@example.org")
    done = run(tmp_path, "user", "reset-second-factor", "amina@example.org")
    assert done.stdout == "amina@example.org has no second factor any more\n"
    missing = run(tmp_path, "user", "reset-second-factor", "nobody@example.org")
    assert (missing.returncode, missing.stderr) == (1, "matchmaker: There is no account for nobody@example.org.\n")
