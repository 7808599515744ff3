"""Who may do what. Pure: no database, no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from models.taxonomy import PUBLIC_STATUSES


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an anonymous or signed-in user, staff, or the system itself."""

    kind: Literal["user", "staff", "system"] = "user"
    user_id: int | None = None
    organisation_id: int | None = None


ANONYMOUS = Actor()
SYSTEM = Actor(kind="system")


class _Listed(Protocol):
    @property
    def status(self) -> str: ...
    @property
    def anonymous(self) -> bool: ...
    @property
    def organisation_id(self) -> int | None: ...


Action = Literal["listing.see", "listing.see_organisation", "listing.edit"]


def can(actor: Actor, action: Action, thing: _Listed) -> bool:
    """Whether the actor may do the action to the thing."""
    if actor.kind in ("staff", "system"):
        return True
    own = actor.organisation_id is not None and actor.organisation_id == thing.organisation_id
    if action == "listing.see":
        return own or thing.status in PUBLIC_STATUSES
    if action == "listing.see_organisation":
        return own or not thing.anonymous
    return own
