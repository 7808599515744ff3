"""What the database itself refuses, and that migrations and models tell the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import Database, application, only_postgresql
from flask import Flask
from sqlalchemy import CheckConstraint, Connection, Table, UniqueConstraint, inspect, select, text
from sqlalchemy.exc import DataError, IntegrityError, StatementError

from models import (
    AuditEntry,
    Decision,
    Embedding,
    Image,
    Import,
    ImportChange,
    Invitation,
    Listing,
    ListingVersion,
    Mail,
    Match,
    Organisation,
    OutboxItem,
    Sequence,
    User,
    UserSession,
    db,
)
from models.audit import ACTOR_KINDS
from models.taxonomy import CATEGORIES, KINDS, MATCH_STATUSES, STATUSES, SUBCATEGORIES

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)

#: A row each table accepts; the cases below change one thing at a time.
VALID: dict[type[Any], dict[str, Any]] = {
    Organisation: {"name": "Blue Loop", "kind": "sme", "size_band": "1-9", "country": "KE"},
    User: {"email": "amina@example.org", "role": "member"},
    Listing: {"kind": "offer", "status": "published", "title": "Solar pump", "published_at": NOON},
    Match: {
        "need_id": 1,
        "offer_id": 2,
        "score": 0.7,
        "model": "m",
        "ranker": "r",
        "need_version": 1,
        "offer_version": 1,
    },
    Embedding: {
        "listing_id": 1,
        "model": "m",
        "seq": 1,
        "listing_version": 1,
        "text_hash": "h",
        "vector": b"\0\0",
        "parts": b"\0\0",
        "family": 1,
    },
    OutboxItem: {"topic": "index", "thing_id": 1},
    AuditEntry: {"actor_kind": "user", "action": "listing.publish", "thing_kind": "listing", "thing_id": 1},
    Sequence: {"name": "another", "value": 0},
    UserSession: {"user_id": 1, "key_hash": "h"},
    Invitation: {"organisation_id": 1, "email": "amina@example.org", "key_hash": "h", "expires_at": NOON},
    ListingVersion: {"listing_id": 1, "version": 1, "values": {}},
    Decision: {"listing_id": 1, "version": 1, "verdict": "approve"},
    Image: {"key": "k", "listing_id": 1, "media_type": "image/png", "width": 1, "height": 1, "content": b"x"},
    Mail: {"message_id": "m@example.org", "recipient": "amina@example.org", "subject": "Hello", "text": "Hello"},
    Import: {"kind": "offer", "file_name": "offers.csv"},
    ImportChange: {"import_id": 1, "listing_id": 1, "content_hash": "h"},
}
NEED = {"kind": "need"}
LOGO = {"listing_id": None, "organisation_id": 1}

#: Per constraint, what it refuses: values that replace those of the valid row.
REFUSED_CHECKS: list[tuple[type[Any], str, dict[str, Any]]] = [
    (Organisation, "kind_known", {"kind": "club"}),
    (Organisation, "size_band_known", {"size_band": "10"}),
    (Organisation, "name_length", {"name": ""}),
    (Organisation, "name_length", {"name": "x" * 257}),
    (Organisation, "country_alpha2", {"country": "KEN"}),
    (User, "role_known", {"role": "root"}),
    (User, "email_lower", {"email": "Amina@example.org"}),
    (User, "email_form", {"email": "amina"}),
    (User, "email_form", {"email": "@example.org"}),
    (User, "email_form", {"email": "amina@"}),
    (Listing, "kind_known", {"kind": "wish"}),
    (Listing, "status_known", {"status": "hidden"}),
    (Listing, "category_known", {"category": "magic"}),
    (Listing, "subcategory_known", {"category": "energy", "subcategory": "magic"}),
    (Listing, "ip_kind_known", {"ip_kind": "magic"}),
    (Listing, "ip_status_known", {"ip_status": "magic"}),
    (Listing, "title_length", {"title": ""}),
    (Listing, "title_length", {"title": "x" * 257}),
    (Listing, "summary_length", {"summary": "x" * 501}),
    (Listing, "description_length", {"description": "x" * 8001}),
    (Listing, "language_length", {"language": "e"}),
    (Listing, "language_length", {"language": "x" * 36}),
    (Listing, "trl_range", {"trl": 0}),
    (Listing, "trl_range", {"trl": 10}),
    (Listing, "subcategory_in_category", {"subcategory": "solar"}),
    (Listing, "budget_positive", NEED | {"budget_amount": -1, "budget_currency": "EUR"}),
    (Listing, "budget_whole", NEED | {"budget_amount": 5}),
    (Listing, "budget_whole", NEED | {"budget_currency": "EUR"}),
    (Listing, "version_positive", {"version": 0}),
    (Listing, "published_dated", {"published_at": None}),
    (Listing, "published_dated", {"status": "stale", "published_at": None}),
    (Listing, "source_whole", {"source": "s"}),
    (Listing, "source_whole", {"source_id": "7"}),
    (Listing, "need_fields", {"problem": "Too salty."}),
    (Listing, "need_fields", {"constraints": "No chemicals."}),
    (Listing, "need_fields", {"budget_amount": 5, "budget_currency": "EUR"}),
    (Listing, "need_fields", {"deadline": NOON.date()}),
    (Listing, "need_fields", {"targets": [{"name": "yield", "quantity": 1, "unit": ""}]}),
    (Listing, "need_fields", {"wanted_in": ["KE"]}),
    (Listing, "offer_fields", NEED | {"developed_in": ["KE"]}),
    (Listing, "offer_fields", NEED | {"deployed_in": ["KE"]}),
    (Listing, "offer_fields", NEED | {"available_in": ["KE"]}),
    (Listing, "keywords_count", {"keywords": ["x"] * 11}),
    (Listing, "sdgs_count", {"sdgs": [1] * 18}),
    (Listing, "benefits_count", {"benefits": [{}] * 21}),
    (Listing, "partnerships_count", {"partnerships": ["sale"] * 8}),
    (Listing, "ip_publications_count", {"ip_publications": ["x"] * 51}),
    (Listing, "ip_countries_count", {"ip_countries": ["KE"] * 251}),
    (Listing, "developed_in_count", {"developed_in": ["KE"] * 251}),
    (Listing, "deployed_in_count", {"deployed_in": ["KE"] * 251}),
    (Listing, "available_in_count", {"available_in": ["KE"] * 251}),
    (Listing, "wanted_in_count", NEED | {"wanted_in": ["KE"] * 251}),
    (Listing, "targets_count", NEED | {"targets": [{}] * 21}),
    (Match, "status_known", {"status": "maybe"}),
    (Match, "need_side", {"need_kind": "offer", "need_id": 2}),
    (Match, "offer_side", {"offer_kind": "need", "offer_id": 1}),
    (Match, "probability_range", {"probability": -0.1}),
    (Match, "probability_range", {"probability": 1.1}),
    (Embedding, "vector_hashed", {"vector": None, "family": None}),
    (Embedding, "vector_in_family", {"family": None}),
    (Embedding, "vector_hashed", {"text_hash": None}),
    (Embedding, "version_positive", {"listing_version": 0}),
    (OutboxItem, "topic_known", {"topic": "dance"}),
    (OutboxItem, "attempts_positive", {"attempts": -1}),
    (OutboxItem, "lease_whole", {"leased_until": NOON}),
    (OutboxItem, "lease_whole", {"leased_by": "me"}),
    (AuditEntry, "actor_kind_known", {"actor_kind": "ghost"}),
    (Organisation, "verified_whole", {"verified_at": NOON}),
    (Organisation, "verified_whole", {"verified_by_id": 1}),
    (User, "owner_of_something", {"owner": True}),
    (Invitation, "email_lower", {"email": "Amina@example.org"}),
    (Decision, "verdict_known", {"verdict": "shrug"}),
    (Image, "one_owner", {"listing_id": None}),
    (Image, "one_owner", {"organisation_id": 1}),
    (Image, "size_positive", {"width": 0}),
    (Image, "size_positive", {"height": 0}),
    (Import, "kind_known", {"kind": "wish"}),
    (Import, "status_known", {"status": "lost"}),
    (Import, "done_within_total", {"done": 1}),
]

#: Per UNIQUE, one row more than it lets in: what both rows share stands in both.
REFUSED_TWICE: list[tuple[type[Any], tuple[str, ...], dict[str, Any], dict[str, Any]]] = [
    (User, ("email",), {}, {"name": "Somebody else"}),
    (Listing, ("source", "source_id"), {"source": "s", "source_id": "7"}, {"source": "s", "source_id": "7"}),
    (Listing, ("id", "kind"), {"id": 50}, {"id": 50}),
    (Match, ("need_id", "offer_id"), {}, {"status": "approved"}),
    (Embedding, ("seq",), {}, {"listing_id": 2}),
    (Organisation, ("import_key",), {"import_key": "k"}, {"import_key": "k"}),
    (User, ("fs_uniquifier",), {"fs_uniquifier": "u"}, {"fs_uniquifier": "u", "email": "biko@example.org"}),
    (UserSession, ("key_hash",), {}, {"agent": "another"}),
    (Invitation, ("organisation_id", "email"), {}, {"key_hash": "another"}),
    (Invitation, ("key_hash",), {}, {"email": "biko@example.org"}),
    (Image, ("key",), {}, {"position": 1}),
    (Image, ("organisation_id",), LOGO, LOGO | {"key": "another"}),
    (Mail, ("message_id",), {}, {"subject": "Hello again"}),
]


def table(model: type[Any]) -> Table:
    found = model.__table__
    assert isinstance(found, Table)
    return found


def checks(model: type[Any]) -> set[str]:
    return {str(c.name) for c in table(model).constraints if isinstance(c, CheckConstraint)}


def uniques(model: type[Any]) -> set[tuple[str, ...]]:
    return {tuple(c.columns.keys()) for c in table(model).constraints if isinstance(c, UniqueConstraint)}


def put(connection: Connection, model: type[Any], **values: Any) -> None:
    connection.execute(table(model).insert().values({**VALID[model], **values}))


def too_long(model: type[Any], values: dict[str, Any]) -> bool:
    """Whether a text does not fit its column, which PostgreSQL refuses before it looks at any constraint."""
    columns = table(model).c
    return any(
        isinstance(value, str) and len(value) > (getattr(columns[name].type, "length", None) or len(value))
        for name, value in values.items()
    )


@pytest.fixture(scope="module")
def migrated_app(migrated: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application over one migrated database, which every test leaves as it found it."""
    folder = tmp_path_factory.mktemp("models")
    with migrated.clone(folder) as database, application(folder, database.url) as app:
        yield app


@pytest.fixture
def connection(migrated_app: Flask) -> Iterator[Connection]:
    """A transaction that is rolled back, over need 1, offer 2, organisation, user and import 1, to stand on."""
    with migrated_app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            # SQLite counts on from the largest number there is, PostgreSQL from the last one it gave.
            connection.exec_driver_sql("ALTER SEQUENCE listing_id_seq RESTART WITH 100")
            connection.exec_driver_sql("ALTER SEQUENCE organisation_id_seq RESTART WITH 100")
            connection.exec_driver_sql("ALTER SEQUENCE user_account_id_seq RESTART WITH 100")
            connection.exec_driver_sql("ALTER SEQUENCE import_id_seq RESTART WITH 100")
        put(connection, Listing, id=1, kind="need")
        put(connection, Listing, id=2, kind="offer")
        put(connection, Organisation, id=1)
        put(connection, User, id=1, email="first@example.org")
        put(connection, Import, id=1)
        yield connection
        connection.rollback()


@pytest.mark.parametrize("model", VALID, ids=lambda model: model.__tablename__)
def test_a_valid_row_is_accepted(connection: Connection, model: type[Any]) -> None:
    put(connection, model)


@pytest.mark.parametrize(
    ("model", "check", "values"),
    [pytest.param(*case, id=f"{case[0].__tablename__} {case[1]} {'+'.join(case[2])}") for case in REFUSED_CHECKS],
)
def test_a_check_refuses(connection: Connection, model: type[Any], check: str, values: dict[str, Any]) -> None:
    said = rf"check constraint.* \"?ck_{model.__tablename__}_{check}\b"
    if connection.dialect.name == "postgresql" and too_long(model, values):
        said = "value too long for type"
    with pytest.raises((IntegrityError, DataError), match=f"(?i){said}"):
        put(connection, model, **values)


@pytest.mark.parametrize(
    ("model", "columns", "first", "second"),
    [pytest.param(*case, id=f"{case[0].__tablename__} {'+'.join(case[1])}") for case in REFUSED_TWICE],
)
def test_a_unique_refuses_a_second_row(
    connection: Connection,
    model: type[Any],
    columns: tuple[str, ...],
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    put(connection, model, **first)
    name = model.__tablename__
    said = rf"UNIQUE constraint failed: {name}\.{columns[0]}|unique constraint \"(uq_{name}_{columns[0]}|pk_{name}\")"
    with pytest.raises(IntegrityError, match=said):
        put(connection, model, **second)


def test_every_check_has_a_case() -> None:
    shown = {f"ck_{model.__tablename__}_{check}" for model, check, _ in REFUSED_CHECKS}
    assert set().union(*map(checks, VALID)) - shown == set()


def test_every_unique_has_a_case() -> None:
    shown = {(model, columns) for model, columns, _, _ in REFUSED_TWICE}
    assert {(model, columns) for model in VALID for columns in uniques(model)} - shown == set()


def test_every_table_has_a_valid_row() -> None:
    assert {table(model).name for model in VALID} == set(db.metadata.tables)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", STATUSES)
def test_either_kind_may_have_any_status(connection: Connection, kind: str, status: str) -> None:
    put(connection, Listing, kind=kind, status=status)


@pytest.mark.parametrize(("category", "subcategory"), [(c, s) for c in CATEGORIES for s in SUBCATEGORIES[c]])
def test_every_subcategory_is_accepted(connection: Connection, category: str, subcategory: str) -> None:
    put(connection, Listing, category=category, subcategory=subcategory)


@pytest.mark.parametrize("status", MATCH_STATUSES)
def test_a_match_may_have_every_status(connection: Connection, status: str) -> None:
    put(connection, Match, status=status)


@pytest.mark.parametrize("kind", ACTOR_KINDS)
def test_the_audit_knows_every_kind_of_actor(connection: Connection, kind: str) -> None:
    put(connection, AuditEntry, actor_kind=kind)


def test_a_list_is_empty_when_unknown_and_never_null(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)not.null constraint"):
        put(connection, Listing, **{**VALID[Listing], "keywords": None})


def test_lengths_count_characters_not_bytes(connection: Connection) -> None:
    put(connection, Listing, title="水" * 256, summary="水" * 500, description="水" * 8000)


def test_listings_without_a_source_are_no_repeats_of_each_other(connection: Connection) -> None:
    put(connection, Listing)
    put(connection, Listing)


def test_the_need_of_a_match_cannot_be_an_offer(connection: Connection) -> None:
    put(connection, Listing, id=3, kind="offer")
    with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
        put(connection, Match, need_id=3)


def test_the_offer_of_a_match_cannot_be_a_need(connection: Connection) -> None:
    put(connection, Listing, id=3, kind="need")
    with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
        put(connection, Match, offer_id=3)


def test_a_match_needs_listings_that_exist(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
        put(connection, Match, need_id=99)


def test_a_listing_needs_an_organisation_that_exists(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
        put(connection, Listing, organisation_id=99)


def test_a_listing_in_a_match_cannot_change_sides(connection: Connection) -> None:
    put(connection, Match)
    with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
        connection.execute(text("UPDATE listing SET kind = 'offer' WHERE id = 1"))


def test_a_match_leaves_with_its_listing(connection: Connection) -> None:
    put(connection, Match)
    connection.execute(text("DELETE FROM listing WHERE id = 1"))
    assert connection.scalar(text("SELECT count(*) FROM match")) == 0


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET action = 'nothing'", "DELETE FROM audit"], ids=["changes", "deletions"]
)
def test_the_audit_trail_refuses(connection: Connection, statement: str) -> None:
    put(connection, AuditEntry)
    with pytest.raises(IntegrityError, match="the audit trail is append-only"):
        connection.execute(text(statement))


@only_postgresql
def test_the_audit_trail_refuses_to_be_emptied(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="the audit trail is append-only"):
        connection.execute(text("TRUNCATE audit"))


def test_a_naive_datetime_is_refused(connection: Connection) -> None:
    with pytest.raises(StatementError, match="a datetime must carry its time zone"):
        put(connection, Listing, published_at=NOON.replace(tzinfo=None))


def test_a_datetime_of_another_zone_comes_back_in_utc(connection: Connection) -> None:
    nairobi = timezone(timedelta(hours=3))
    put(connection, Listing, id=3, published_at=NOON.astimezone(nairobi))
    stored = connection.scalar(select(Listing.published_at).where(Listing.id == 3))
    assert (stored, stored and stored.tzinfo) == (NOON, UTC)


def test_the_numbers_of_embeddings_start_at_nothing(connection: Connection) -> None:
    assert connection.scalar(select(Sequence.value).where(Sequence.name == "embedding")) == 0


def test_migrations_and_models_agree(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, db.metadata) == []


def test_the_migrated_database_holds_every_check_of_the_models(connection: Connection) -> None:
    inspector = inspect(connection)
    found = {str(check["name"]) for name in db.metadata.tables for check in inspector.get_check_constraints(name)}
    assert found == set().union(*map(checks, VALID))
