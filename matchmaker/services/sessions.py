"""Sign-ins that last. Each is a row: its person sees and ends it, and without it a copied cookie opens nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import joinedload

from models import User, UserSession, db
from models.base import LARGEST_ID, now
from models.taxonomy import STAFF_ROLES

from ..errors import NotFound
from ..messages import N_
from ..policy import Actor
from ..transaction import transaction
from . import auditing, keys

#: A sign-in nobody used for so long has ended.
LASTS = timedelta(days=14)
#: How exact "last seen" is: a write at every request would cost more than it tells.
_SEEN = timedelta(minutes=5)


def begin(user_id: int, agent: str) -> str:
    """Let a sign-in last; the key it gives goes into the person's cookie. Sign-ins that ran out are forgotten."""
    key = keys.made()
    with transaction():
        db.session.execute(
            delete(UserSession).where(UserSession.user_id == user_id, UserSession.last_seen_at < now() - LASTS)
        )
        db.session.add(UserSession(user_id=user_id, key_hash=keys.hashed(key), agent=agent[:256]))
    return key


def user_of(uniquifier: str, key: str) -> User | None:
    """The person, with their organisation, behind a cookie; None when its sign-in ended, ran out or never was."""
    found = db.session.execute(
        select(User, UserSession)
        .join(UserSession, UserSession.user_id == User.id)
        .options(joinedload(User.organisation))
        .where(
            User.fs_uniquifier == uniquifier,
            User.active,
            # Staff have a second factor, whichever way they got in.
            or_(User.role.not_in(STAFF_ROLES), User.tf_primary_method.is_not(None)),
            UserSession.key_hash == keys.hashed(key),
            UserSession.last_seen_at > now() - LASTS,
        )
    ).first()
    if found is None:
        return None
    user, session = found
    if session.last_seen_at < now() - _SEEN:
        with transaction():
            db.session.execute(update(UserSession).where(UserSession.id == session.id).values(last_seen_at=now()))
    return user


def of_user(user_id: int) -> list[UserSession]:
    """The sign-ins of a person that last, the one used last first."""
    query = select(UserSession).where(UserSession.user_id == user_id, UserSession.last_seen_at > now() - LASTS)
    return list(db.session.scalars(query.order_by(UserSession.last_seen_at.desc())))


def is_that_of(session: UserSession, key: str) -> bool:
    """Whether the sign-in is the one with this key."""
    return session.key_hash == keys.hashed(key)


def end(actor: Actor, session_id: int) -> None:
    """End one of the actor's own sign-ins. Raises NotFound."""
    with transaction():
        session = db.session.get(UserSession, session_id) if 0 < session_id <= LARGEST_ID else None
        if session is None or session.user_id != actor.user_id:
            raise NotFound(N_("There is no such sign-in. It may have ended already."))
        db.session.delete(session)
        auditing.record(actor, "user.end_session", "user", actor.user_id)


def end_all(user_id: int, except_key: str = "") -> int:
    """End every sign-in of a person but the one with this key. Returns how many."""
    with transaction():
        others = (UserSession.user_id == user_id, UserSession.key_hash != keys.hashed(except_key))
        return len(db.session.execute(delete(UserSession).where(*others).returning(UserSession.id)).all())


def end_that_of(key: str) -> None:
    """End the sign-in with this key, if it lasts."""
    with transaction():
        db.session.execute(delete(UserSession).where(UserSession.key_hash == keys.hashed(key)))


def last_seen(user: User) -> datetime | None:
    """When the person was here last."""
    return db.session.scalar(select(func.max(UserSession.last_seen_at)).where(UserSession.user_id == user.id))
