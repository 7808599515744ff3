"""What is to be done once a day, by whichever process comes first."""

from __future__ import annotations

from datetime import date

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from models import Sequence, db

from ..transaction import transaction


def claim(chore: str, day: date) -> bool:
    """Whether the chore of this day is the caller's to do: true once a day, for one process."""
    number = day.toordinal()
    older = update(Sequence).where(Sequence.name == chore, Sequence.value < number)
    try:
        with transaction():
            if db.session.scalar(older.values(value=number).returning(Sequence.name)):
                return True
            if db.session.get(Sequence, chore) is None:
                db.session.add(Sequence(name=chore, value=number))
                return True
    except IntegrityError:  # another process was the first ever
        return False
    return False
