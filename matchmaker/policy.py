"""Who may do what. Pure: no database, no request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from models.taxonomy import PUBLIC_STATUSES, STAFF_ROLES

Role = Literal["member", "moderator", "matchmaker", "administrator"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: nobody known, a signed-in user with their role and organisation, or the system itself."""

    kind: Literal["user", "staff", "system"] = "user"
    user_id: int | None = None
    organisation_id: int | None = None
    role: Role = "member"
    #: Whether the user looks after their organisation.
    owner: bool = False

    @property
    def known(self) -> bool:
        """Whether somebody has signed in, or the system acts."""
        return self.user_id is not None or self.kind == "system"


ANONYMOUS = Actor()
SYSTEM = Actor(kind="system")


class _Account(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def role(self) -> str: ...
    @property
    def organisation_id(self) -> int | None: ...
    @property
    def owner(self) -> bool: ...


def actor_of(user: _Account) -> Actor:
    """The actor that somebody with this account is."""
    kind: Literal["staff", "user"] = "staff" if user.role in STAFF_ROLES else "user"
    return Actor(kind, user.id, user.organisation_id, cast("Role", user.role), user.owner)


def _system(actor: Actor) -> bool:
    return actor.kind == "system"


def _is(*roles: Role) -> Callable[[Actor], bool]:
    return lambda actor: _system(actor) or (actor.known and actor.role in roles)


_staff = _is("moderator", "matchmaker", "administrator")
_moderator = _is("moderator", "administrator")
_administrator = _is("administrator")


def _own(actor: Actor, organisation_id: int | None) -> bool:
    return _system(actor) or (actor.organisation_id is not None and actor.organisation_id == organisation_id)


def _looks_after(actor: Actor, organisation_id: int | None) -> bool:
    return _system(actor) or (_own(actor, organisation_id) and actor.owner)


#: Each action with its rule. A listing has `status`, `published_at`, `anonymous` and
#: `organisation_id`; an organisation `id`; a user
#: `id` and `organisation_id`; an import `organisation_id`.
_RULES: dict[str, Callable[[Actor, Any], bool]] = {
    # What nobody has sent is for its own side alone.
    "listing.see": lambda a, listing: (
        listing.status in PUBLIC_STATUSES
        or _own(a, listing.organisation_id)
        or (_staff(a) and (listing.status != "draft" or listing.published_at is not None))
    ),
    "listing.see_organisation": lambda a, listing: (
        not listing.anonymous or _own(a, listing.organisation_id) or _staff(a)
    ),
    "listing.post": lambda a, _: _system(a) or (a.known and a.organisation_id is not None),
    "listing.edit": lambda a, listing: _own(a, listing.organisation_id),
    # What others may have read goes only by whoever looks after the organisation.
    "listing.delete": lambda a, listing: (
        _own(a, listing.organisation_id) and (listing.published_at is None or a.owner or _system(a))
    ),
    "listing.publish": lambda a, _: _system(a),
    "listing.withdraw": lambda a, listing: _own(a, listing.organisation_id) or _moderator(a),
    # Nobody judges what their own organisation posted.
    "listing.moderate": lambda a, listing: (
        _moderator(a) and (_system(a) or listing.organisation_id is None or not _own(a, listing.organisation_id))
    ),
    "moderation.see": lambda a, _: _moderator(a),
    "results.export": lambda a, _: _staff(a),
    "organisation.make": lambda a, _: a.known and (_system(a) or a.organisation_id is None),
    "organisation.see_members": lambda a, organisation: _own(a, organisation.id) or _staff(a),
    "organisation.edit": lambda a, organisation: _looks_after(a, organisation.id) or _administrator(a),
    "organisation.invite": lambda a, organisation: _looks_after(a, organisation.id) or _administrator(a),
    "organisation.change_members": lambda a, organisation: _looks_after(a, organisation.id) or _administrator(a),
    "organisation.leave": lambda a, organisation: _own(a, organisation.id),
    # By a person, who is named, and who does not belong to it.
    "organisation.verify": lambda a, organisation: not _own(a, organisation.id) and _staff(a),
    # Of nothing in particular: a first file. Of an import: its start, its end and its undoing.
    "import.run": lambda a, run: (
        _system(a) or (a.known and a.organisation_id is not None and (run is None or _own(a, run.organisation_id)))
    ),
    "import.see": lambda a, run: _own(a, run.organisation_id) or _administrator(a),
    "user.find": lambda a, _: _administrator(a),
    "user.see": lambda a, user: a.user_id == user.id or _administrator(a),
    "user.change_role": lambda a, user: _administrator(a) and a.user_id != user.id,
    "staff.see": lambda a, _: _staff(a),
    "audit.read": lambda a, _: _administrator(a),
}

ACTIONS = tuple(_RULES)


def can(actor: Actor, action: str, thing: Any = None) -> bool:
    """Whether the actor may do the action to the thing; actions on nothing in particular take none."""
    return _RULES[action](actor, thing)
