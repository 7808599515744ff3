"""Settings, read once from the environment. A bad one stops the start with one line that says how to mend it."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from .errors import SettingsError

KEYWORD_INDEXES = ("tantivy", "whoosh")
DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Settings:
    """Where state lives and which parts are used. README lists the variables."""

    instance: Path
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    model: str = DEFAULT_MODEL
    keyword_index: str = "tantivy"
    port: int = 8000
    #: Who may read /metrics; empty for nobody.
    metrics_token: str = field(default="", repr=False)
    #: Where readers reach the pages; every absolute address begins so, whatever host a request names.
    public_url: str = "http://127.0.0.1:8000"
    #: How many proxies stand before the server, each of which adds whom it answers to X-Forwarded-For.
    proxies: int = 0
    #: Where mail goes: "console", or the address of a server that takes it.
    mail: str = field(default="console", repr=False)
    mail_from: str = "Matchmaker <no-reply@localhost>"
    #: Whether new passwords are looked up in the public list of breached ones, by the first five digits of their hash.
    breach_lookup: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read and check every setting; makes the instance folder. Raises SettingsError."""
        instance = _instance(environment.get("MATCHMAKER_INSTANCE") or "instance")
        own_database = URL.create("sqlite", database=str(instance / "matchmaker.sqlite3"))
        keyword_index = (environment.get("MATCHMAKER_KEYWORD_INDEX") or "tantivy").strip().lower()
        if keyword_index not in KEYWORD_INDEXES:
            raise SettingsError(
                f"MATCHMAKER_KEYWORD_INDEX is {keyword_index!r}; set it to one of: {', '.join(KEYWORD_INDEXES)}."
            )
        port = _port(environment.get("PORT") or "8000")
        return cls(
            instance=instance,
            database_url=_database_url(environment.get("DATABASE_URL") or own_database.render_as_string()),
            secret_key=environment.get("SECRET_KEY") or _kept_secret(instance / "secret_key"),
            model=environment.get("MATCHMAKER_MODEL") or DEFAULT_MODEL,
            keyword_index=keyword_index,
            port=port,
            metrics_token=_metrics_token(environment.get("MATCHMAKER_METRICS_TOKEN") or ""),
            public_url=_public_url(environment.get("MATCHMAKER_URL") or f"http://127.0.0.1:{port}"),
            proxies=_proxies(environment.get("MATCHMAKER_PROXIES") or "0"),
            mail=_mail(environment.get("MATCHMAKER_MAIL") or "console"),
            mail_from=_mail_from(environment.get("MATCHMAKER_MAIL_FROM") or "Matchmaker <no-reply@localhost>"),
            breach_lookup=_yes("MATCHMAKER_BREACH_LOOKUP", environment.get("MATCHMAKER_BREACH_LOOKUP") or "no"),
        )


def _instance(value: str) -> Path:
    path = Path(value).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise SettingsError(
            f"The instance folder {path} cannot be written ({error.strerror}). "
            "Make it writable, or set MATCHMAKER_INSTANCE to a folder that is."
        ) from error
    return path


def _database_url(value: str) -> str:
    """The address as SQLAlchemy reads it. However PostgreSQL is written, its driver is psycopg."""
    try:
        url = make_url(value)
        name = url.get_backend_name()
        if name in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        elif name != "sqlite":
            raise SettingsError(f"DATABASE_URL names {name}; Matchmaker runs on sqlite and on postgresql.")
        elif url.database in (None, "", ":memory:"):
            raise SettingsError("DATABASE_URL names no file. Write it as sqlite:////srv/matchmaker.db")
        url.get_dialect().import_dbapi()
    except (SQLAlchemyError, ImportError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "psycopg":
            raise SettingsError(
                "DATABASE_URL needs PostgreSQL's driver. Install it: pip install matchmaker[postgresql]"
            ) from error
        raise SettingsError(
            f"DATABASE_URL cannot be used ({error}). Write it as sqlite:////srv/matchmaker.db "
            "or postgresql://user:password@host/database."
        ) from error
    return url.render_as_string(hide_password=False)


def _kept_secret(path: Path) -> str:
    """The key that signs cookies, made once and kept readable by its owner only."""
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            # A link appears whole or not at all, so that two first starts agree on one key.
            with suppress(FileExistsError):
                os.link(draft.name, path)
    kept = path.read_text().strip()
    if len(kept) < 32:
        raise SettingsError(f"{path} holds no usable key. Delete it (everybody signs in again) or set SECRET_KEY.")
    return kept


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 5 or not 0 < int(value) < 65536:
        raise SettingsError(f"PORT is {value!r}; set it to a number from 1 to 65535.")
    return int(value)


def _metrics_token(value: str) -> str:
    if value and (len(value) < 16 or not value.isascii() or not value.isprintable() or " " in value):
        raise SettingsError(
            "MATCHMAKER_METRICS_TOKEN cannot be used; set it to 16 or more letters and digits, or unset it."
        )
    return value


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if not parts.hostname or not plain or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise SettingsError(
            f"MATCHMAKER_URL is {value!r}; set it to where readers reach the pages, such as https://example.org. "
            "Without https nobody can sign in safely, so http is for this machine only."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _mail(value: str) -> str:
    parts = urlsplit(value)
    if value != "console" and not (parts.scheme in ("smtp", "smtps") and parts.hostname):
        raise SettingsError(
            "MATCHMAKER_MAIL cannot be used; set it to console, smtp://user:password@host:587 or "
            "smtps://user:password@host:465."
        )
    return value


def _mail_from(value: str) -> str:
    _, address = parseaddr(value)
    if "@" not in address or not value.isprintable():
        raise SettingsError(
            f"MATCHMAKER_MAIL_FROM is {value!r}; set it to an address, such as Matchmaker <no-reply@example.org>."
        )
    return value


def _yes(name: str, value: str) -> bool:
    if value.lower() not in ("yes", "no"):
        raise SettingsError(f"{name} is {value!r}; set it to yes or no.")
    return value.lower() == "yes"


def _proxies(value: str) -> int:
    if value not in ("0", "1", "2", "3"):
        raise SettingsError(f"MATCHMAKER_PROXIES is {value!r}; set it to how many proxies stand in front, 0 to 3.")
    return int(value)
