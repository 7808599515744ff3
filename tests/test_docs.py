"""What a user can set, type or visit is documented, and what is documented exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from matchmaker.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
PAGES = (ROOT / "docs" / "pages.md").read_text("utf-8")
SETTINGS = set(re.findall(r'environment\.get\("(\w+)"', (ROOT / "matchmaker" / "settings.py").read_text("utf-8")))


def commands(group: click.Group, before: str = "matchmaker") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def test_settings_are_found_in_the_source() -> None:
    assert {"MATCHMAKER_INSTANCE", "DATABASE_URL", "SECRET_KEY", "PORT"} <= SETTINGS


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in README
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize(("name", "command"), list(commands(cli)))
def test_every_command_is_documented(name: str, command: click.Command) -> None:
    assert f"`{name}" in README
    assert f"`{name}" in OPERATIONS
    assert command.help


def test_every_route_is_documented(app: Flask) -> None:
    missing = [rule.rule for rule in app.url_map.iter_rules() if f"`{rule.rule}`" not in PAGES]
    assert missing == []


def test_every_documented_route_exists(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    documented = set(re.findall(r"^\| `(/[^`]*)`", PAGES, re.MULTILINE))
    assert documented <= rules


@pytest.mark.parametrize("document", sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]), ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
