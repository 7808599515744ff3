"""Listings in every state for tests of moderation, without the pages that lead there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask

from matchmaker.letters import Letters
from matchmaker.policy import SYSTEM, Actor
from matchmaker.services import listings
from matchmaker.services.moderating import Judgment
from matchmaker.transaction import transaction
from models import Listing, Organisation, db
from models.base import now
from models.taxonomy import PUBLIC_STATUSES

APPROVE = Judgment("approve")
REJECT = Judgment("reject", ["duplicate"], "See the other one.")
CHANGES = Judgment("request_changes", ["unproven"], "How much is saved?")


def letters(app: Flask) -> Letters:
    """What writes the application's letters."""
    written: Letters = app.extensions["matchmaker"].letters
    return written


def listing(status: str = "submitted", actor: Actor = SYSTEM, kind: str = "offer", **given: Any) -> int:
    """The number of a listing in a state; what is public was read as it stands."""
    columns = {name: given.pop(name) for name in list(given) if name not in listings.CONTENT}
    moment: datetime = columns.pop("moment", now())
    with transaction():
        firm = db.session.get(Organisation, actor.organisation_id) if actor.organisation_id else None
        made = listings.draft(actor, kind, {"title": "Solar pump", **given}, firm)
        made.status, made.submitted_at = status, None if status == "draft" else moment
        if status in (*PUBLIC_STATUSES, "archived"):
            made.published_at = made.confirmed_at = moment
            made.reviewed_version = made.version
        for name, value in columns.items():
            setattr(made, name, value)
        return made.id


def read(listing_id: int) -> Listing:
    """A listing as the database holds it now."""
    found: Listing = db.session.get_one(Listing, listing_id, populate_existing=True)
    return found
