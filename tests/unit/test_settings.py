"""Settings from the environment."""

from __future__ import annotations

import os
import re
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from matchmaker.errors import SettingsError
from matchmaker.settings import DEFAULT_MODEL, Settings


def read(folder: Path, **environment: str) -> Settings:
    return Settings.from_environment({"MATCHMAKER_INSTANCE": str(folder), **environment})


def test_an_empty_environment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({})
    assert (settings.instance, settings.model, settings.keyword_index, settings.port) == (
        tmp_path / "instance",
        DEFAULT_MODEL,
        "tantivy",
        8000,
    )


@pytest.mark.parametrize(
    "name",
    [
        "MATCHMAKER_INSTANCE",
        "MATCHMAKER_KEYWORD_INDEX",
        "MATCHMAKER_MODEL",
        "DATABASE_URL",
        "SECRET_KEY",
        "PORT",
        "MATCHMAKER_METRICS_TOKEN",
    ],
)
def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({name: ""}) == Settings.from_environment({})


def test_the_instance_folder_is_made(tmp_path: Path) -> None:
    assert read(tmp_path / "deep" / "er").instance.is_dir()


def test_checking_the_instance_folder_leaves_nothing_in_it(tmp_path: Path) -> None:
    read(tmp_path, SECRET_KEY="k" * 40)
    assert list(tmp_path.iterdir()) == []


def test_an_instance_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        read(tmp_path / "file")


@pytest.mark.parametrize("name", ["with space", "50%", "a?b", "a#b", "ü"])
def test_the_database_lies_in_the_instance_whatever_its_name(tmp_path: Path, name: str) -> None:
    settings = read(tmp_path / name)
    assert make_url(settings.database_url).database == str(tmp_path / name / "matchmaker.sqlite3")


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    first = read(tmp_path).secret_key
    assert len(first) >= 32
    assert read(tmp_path).secret_key == first


def test_the_kept_key_is_for_its_owner_only(tmp_path: Path) -> None:
    read(tmp_path)
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_starts_at_the_same_moment_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {settings.secret_key for settings in pool.map(lambda _: read(tmp_path), range(64))}
    assert len(keys) == 1


def test_an_unusable_kept_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(SettingsError, match="holds no usable key"):
        read(tmp_path)


def test_the_key_is_not_shown(tmp_path: Path) -> None:
    assert "k" * 40 not in repr(read(tmp_path, SECRET_KEY="k" * 40))


def test_the_keyword_index_is_read_in_any_case(tmp_path: Path) -> None:
    assert read(tmp_path, MATCHMAKER_KEYWORD_INDEX=" Whoosh ").keyword_index == "whoosh"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MATCHMAKER_KEYWORD_INDEX", "lucene"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "80 80"),
        ("PORT", "８０８０"),
        ("PORT", "9" * 5000),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "nosuchdatabase://x/y"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "postgresql://host:port/database"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_its_variable(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        read(tmp_path, **{name: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_however_postgresql_is_written_its_driver_is_psycopg(tmp_path: Path, scheme: str) -> None:
    settings = read(tmp_path, DATABASE_URL=f"{scheme}://amina:a%2Fb@db.example.org:5433/market?sslmode=require")
    assert settings.database_url == "postgresql+psycopg://amina:a%2Fb@db.example.org:5433/market?sslmode=require"


def test_the_password_of_the_database_is_not_shown(tmp_path: Path) -> None:
    assert "hidden-word" not in repr(
        read(tmp_path, DATABASE_URL="postgresql://amina:hidden-word@db.example.org/market")
    )


def test_without_its_driver_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=re.escape("pip install matchmaker[postgresql]")) as refused:
        read(tmp_path, DATABASE_URL="postgresql://db.example.org/market")
    assert "\n" not in str(refused.value)


def test_the_environment_of_the_process_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATCHMAKER_INSTANCE", str(tmp_path))
    monkeypatch.setenv("PORT", "8123")
    assert Settings.from_environment().port == int(os.environ["PORT"])


@pytest.mark.parametrize("token", ["short", "x" * 15, "0123456789 abcdef", "0123456789äbcdef", "0123456789abcdef\n"])
def test_a_token_that_is_short_or_cannot_stand_in_a_header_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="MATCHMAKER_METRICS_TOKEN") as refused:
        read(tmp_path, MATCHMAKER_METRICS_TOKEN=token)
    assert token not in str(refused.value)


def test_a_token_of_sixteen_letters_is_taken_and_never_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, MATCHMAKER_METRICS_TOKEN="0123456789abcdef")
    assert settings.metrics_token == "0123456789abcdef"
    assert settings.metrics_token not in repr(settings)
