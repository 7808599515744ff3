"""A marketplace with somebody in every role, and one object of every sort for the routes that ask for one."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from catalogue import Market, opened
from databases import Database
from people import Person, organisation, person
from pictures import picture
from sqlalchemy import select

from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import listings, sessions
from matchmaker.transaction import transaction
from models import Decision, Image, Import, Invitation, Organisation, db
from models.base import now

#: What the check of a file says of one row.
PROBLEM = {
    "row": 3,
    "column": "trl",
    "value": "ten",
    "problem": "Not a number.",
    "message": "Not a number.",
    "remedy": "1 to 9.",
}

STAFF = frozenset({"moderator", "matchmaker", "administrator"})
FORMAT = "<any(csv, xlsx):format>"


@dataclass(frozen=True)
class Town:
    """A marketplace with somebody in every role, and the organisation whose object is asked for."""

    market: Market
    people: dict[str, Person]
    firm: int

    def listing(self) -> int:
        """A new public offer of the firm, edited once: version 3, and what version 2 said is kept."""
        with self.market.app.app_context():
            values = listing_schema("offer").load({"title": "A pump", "summary": "Lifts water.", "category": "water"})
            own = db.session.get_one(Organisation, self.firm)
            made = listings.publish(SYSTEM, "offer", values, own)
            listings.revise(SYSTEM, made.id, 1, {"summary": "Lifts more water."})
            listings.revise(SYSTEM, made.id, 2, {"summary": "Lifts most water."})
            return made.id

    def image(self, listing_id: int) -> Image:
        """A new picture of the listing."""
        with self.market.app.app_context():
            key = secrets.token_hex(16)
            with transaction():
                made = Image(
                    key=key, listing_id=listing_id, media_type="image/png", width=60, height=40, content=picture()
                )
                db.session.add(made)
            return db.session.scalars(select(Image).where(Image.key == key)).one()

    def decision(self, who: Person) -> int:
        """The number of a verdict of the person on a new listing."""
        listing = self.listing()
        with self.market.app.app_context():
            made = Decision(listing_id=listing, version=3, verdict="approve", decided_by_id=who.id or None)
            with transaction():
                db.session.add(made)
            return made.id

    def invitation(self) -> tuple[int, str]:
        """The number and the key of a new invitation to the firm."""
        with self.market.app.app_context():
            key = secrets.token_urlsafe(32)
            made = Invitation(
                organisation_id=self.firm,
                email=f"{secrets.token_hex(4)}@example.org",
                key_hash=hashlib.sha256(key.encode()).hexdigest(),
                expires_at=now() + timedelta(days=7),
            )
            with transaction():
                db.session.add(made)
            return made.id, key

    def bulk_import(self) -> int:
        """A file of the firm's that is checked: one good row, one bad one."""
        with self.market.app.app_context(), transaction():
            made = Import(
                organisation_id=self.firm,
                kind="offer",
                file_name="a.csv",
                content=b"title",
                added=1,
                failed=1,
                total=2,
                problems=[PROBLEM],
            )
            db.session.add(made)
            db.session.flush()
            return made.id


@contextmanager
def inhabited(migrated: Database, folder: Path) -> Iterator[Town]:
    """A town in the folder, from an empty, migrated database."""
    with opened(migrated, folder) as market:
        app = market.app
        with app.app_context():
            firm, other = organisation("Blue Loop"), organisation("Grey Loop")
        people = {
            "visitor": Person(0, "", SYSTEM, app.test_client()),
            "loner": person(app),
            "member": person(app, organisation_id=firm),
            "owner": person(app, organisation_id=firm, owner=True),
            "other member": person(app, organisation_id=other),
            "other owner": person(app, organisation_id=other, owner=True),
            **{role: person(app, role) for role in STAFF},
        }
        yield Town(market, people, firm)


def address(town: Town, rule: str, who: Person) -> str:
    """The rule with an object in it: the firm's, or the person's own session."""
    listing = town.listing() if "listing" in rule or "<name:name>" in rule or rule.startswith("/images") else 0
    values = {
        "<kind:kind>": lambda: "offers",
        "<kind:wanted>": lambda: "needs",
        "<id:listing_id>": lambda: listing,
        "<name:name>": lambda: f"{listing}-a-pump",
        "<page>": lambda: "what",
        "<int:version>": lambda: "2",
        "<id:import_id>": town.bulk_import,
        FORMAT: lambda: "csv",
        "<id:image_id>": lambda: town.image(listing).id,
        "<id:organisation_id>": lambda: town.firm,
        "<id:user_id>": lambda: person(town.market.app, organisation_id=town.firm).id,
        "<id:invitation_id>": lambda: town.invitation()[0],
        "<id:decision_id>": lambda: town.decision(who),
        "<id:session_id>": lambda: session_of(town, who),
        "<key>": lambda: town.invitation()[1] if "invitations" in rule else town.image(listing).key,
        "<id:number>": lambda: "0",
        "<path:filename>": lambda: "css/bootstrap.min.css" if rule.startswith("/bootstrap") else "app.css",
        "<token>": lambda: "no-token",
    }
    for part in re.findall(r"<[^>]+>", rule):
        assert part in values, f"say what stands for {part}"
        rule = rule.replace(part, str(values[part]()))
    return rule


def session_of(town: Town, who: Person) -> int:
    """A second sign-in of the person; a visitor has none."""
    if not who.id:
        return 1
    with town.market.app.app_context():
        sessions.begin(who.id, "another device")
        return max(session.id for session in sessions.of_user(who.id))
