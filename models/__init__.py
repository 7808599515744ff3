"""The tables. Imports SQLAlchemy and Flask-SQLAlchemy only."""

from .audit import AuditEntry
from .base import Base, db
from .embedding import Embedding, Sequence
from .listing import Listing
from .match import Match
from .outbox import OutboxItem
from .people import Organisation, User

__all__ = [
    "AuditEntry",
    "Base",
    "Embedding",
    "Listing",
    "Match",
    "Organisation",
    "OutboxItem",
    "Sequence",
    "User",
    "db",
]
