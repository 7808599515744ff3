"""Writing the audit trail: who did what to which thing, and what it changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from models import AuditEntry, db

from ..policy import Actor


def record(
    actor: Actor,
    action: str,
    thing_kind: str,
    thing_id: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Append an entry. Call it inside the transaction that does what it tells of."""
    db.session.add(
        AuditEntry(
            actor_kind=actor.kind,
            actor_id=actor.user_id,
            action=action,
            thing_kind=thing_kind,
            thing_id=thing_id,
            before=_plain_values(before or {}),
            after=_plain_values(after or {}),
        )
    )


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items()}


def plain(value: Any) -> Any:
    """The value as JSON holds it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (date, Decimal)):
        return str(value)
    return value
