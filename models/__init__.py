"""The tables. Imports SQLAlchemy, Flask-SQLAlchemy and, for accounts, Flask-Security's mixin only."""

from .audit import AuditEntry
from .base import Base, db
from .embedding import Embedding, Sequence
from .image import Image
from .imports import Import, ImportChange
from .listing import Listing, ListingVersion
from .mail import Mail
from .match import Match
from .moderation import Decision
from .outbox import OutboxItem
from .people import Invitation, Organisation, User, UserSession

__all__ = [
    "AuditEntry",
    "Base",
    "Decision",
    "Embedding",
    "Image",
    "Import",
    "ImportChange",
    "Invitation",
    "Listing",
    "ListingVersion",
    "Mail",
    "Match",
    "Organisation",
    "OutboxItem",
    "Sequence",
    "User",
    "UserSession",
    "db",
]
