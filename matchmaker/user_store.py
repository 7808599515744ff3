"""What Flask-Security reads and writes of accounts, on this product's own tables and transactions."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from flask_security import MfRecoveryCodesUtil, SQLAlchemyUserDatastore, Totp
from passlib.exc import TokenError
from sqlalchemy import or_, select, update

from models import User, db

from .services import accounts
from .transaction import transaction


class UserStore(SQLAlchemyUserDatastore):
    """Accounts without roles as rows: a role is one word of the account, and policy reads it."""

    def __init__(self) -> None:
        super().__init__(db, User, User)

    def commit(self) -> None:
        """Store what has changed, if anything, at once or not at all."""
        if db.session.new or db.session.dirty or db.session.deleted:
            with transaction():
                pass

    def find_user(self, case_insensitive: bool = False, **given: Any) -> User | None:
        """The user with this value in a column; addresses are stored in lower case."""
        ((name, value),) = given.items()
        value = value.lower() if name == "email" else value
        return db.session.scalar(select(User).where(getattr(User, name) == value))

    def create_user(self, **given: Any) -> User:
        """A new account, whatever else the form held."""
        user = User(email=given["email"].lower(), password=given["password"], name=given.get("name") or "")
        # The link in the letter names the account by it before the account is stored.
        user.fs_uniquifier = uuid4().hex
        self.put(user)
        return user

    def tf_reset(self, user: User) -> None:
        """Turn the second factor off, and with it what belongs to it."""
        super().tf_reset(user)
        user.tf_last_counter = None
        user.mf_recovery_codes = []


class CodesUsedOnce(MfRecoveryCodesUtil):
    """Recovery codes, each good for one use, however many requests come with it at once."""

    def check_recovery_code(self, user: User, code: str) -> bool:
        """Use the code up; False when it is none of the user's, or was used before."""
        code = "".join(code.split()).lower()
        with transaction():
            # Asking for the id may read the row before it is locked; what it holds once locked is what counts.
            query = select(User).where(User.id == user.id).with_for_update().execution_options(populate_existing=True)
            locked = db.session.scalar(query)
            stored = locked.mf_recovery_codes if locked else []
            known = self._decrypt_codes(stored)
            if locked is None or code not in known:
                return False
            locked.mf_recovery_codes = [other for other, plain in zip(stored, known, strict=True) if plain != code]
            accounts.note(user.id, "user.use_recovery_code")
            return True

    def create_recovery_codes(self, user: User) -> list[str]:
        """New codes in the place of the old ones."""
        with transaction():
            made: list[str] = super().create_recovery_codes(user)
            accounts.note(user.id, "user.make_recovery_codes")
        return made

    def delete_recovery_code(self, user: User, code: str) -> bool:
        """It is used up already."""
        return True


class UsedOnce(Totp):
    """Codes of an authenticator, each good for one use, however many requests come with it at once."""

    def verify_totp(self, token: str, totp_secret: str, user: User, window: int = 0) -> bool:
        """Whether the code is right and neither it nor a later one was used before."""
        try:
            match = self._totp.verify(token, totp_secret, window=window, last_counter=user.tf_last_counter)
        except TokenError:
            return False
        unused = or_(User.tf_last_counter.is_(None), User.tf_last_counter < match.counter)
        with transaction():
            taking = update(User).where(User.id == user.id, unused).values(tf_last_counter=match.counter)
            return db.session.execute(taking.returning(User.id)).first() is not None
