"""Mail through the outbox: owed in the transaction that makes it necessary, sent by the worker, then forgotten."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from sqlalchemy import and_, delete, or_, select

from models import Listing, Mail, User, db

from ..errors import MailRefused
from ..letters import Letters
from ..mail import Mailer, Message
from ..text import one_line
from ..transaction import transaction
from . import outbox

log = logging.getLogger(__name__)

LONGEST_SUBJECT = 200
#: At ten minutes each: about a day, in which somebody mends a mail server.
MOST_TRIES = 150


def owe(
    recipient: str, subject: str, text: str, html: str | None = None, headers: dict[str, str] | None = None
) -> None:
    """Owe a message. Call it inside the transaction that makes it necessary.

    Line breaks in the subject, where names and titles of others may stand, become spaces.
    """
    mail = Mail(
        message_id=f"{secrets.token_hex(16)}@matchmaker",
        recipient=recipient,
        subject=one_line(subject)[:LONGEST_SUBJECT],
        text=text,
        html=html,
        headers=headers or {},
    )
    db.session.add(mail)
    db.session.flush()
    outbox.enqueue("mail", mail.id)


def answerable(listing: Listing) -> list[User]:
    """Who is told what happens to a listing: whoever posted it and the owners of its organisation."""
    if listing.organisation_id is None:
        return []
    own = and_(User.organisation_id == listing.organisation_id, User.active)
    who = or_(User.owner, User.id == listing.created_by_id)
    return list(db.session.scalars(select(User).where(own, who).order_by(User.id)))


def tell(listing: Listing, letters: Letters, name: str, **values: Any) -> None:
    """Owe a letter about a listing to everybody who answers for it, in the language of each. Call it inside a
    transaction."""
    for user in answerable(listing):
        letter = letters.write(name, user.locale, listing=listing, **values)
        owe(user.email, letter.subject, letter.text)


def forget(recipient: str) -> None:
    """Owe nothing to an address any more. Call it inside the transaction that ends its account."""
    db.session.execute(delete(Mail).where(Mail.recipient == recipient))


def deliver_next(mailer: Mailer, worker: str, most: int = 20) -> int:
    """Send the oldest messages that are due. Returns how many were taken up.

    A message is sent at least once: it may come twice, under the same Message-ID, when this process ends between
    sending it and forgetting it. One that is refused for good is dropped, with a line in the log. After one that could
    not be sent the others go back untried: waiting for a server that is down takes time in which other work waits.
    """
    leased = outbox.lease("mail", worker, most)
    if leased is None:
        return 0
    parts = outbox.singly(leased)
    for place, one in enumerate(parts, 1):
        if not _deliver(mailer, one):
            for untried in parts[place:]:
                outbox.release(untried)
            return place
    return len(parts)


def _deliver(mailer: Mailer, leased: outbox.Lease) -> bool:
    """Whether the message is done with."""
    mail = db.session.get(Mail, leased.things[0])
    message = mail and Message(mail.message_id, mail.recipient, mail.subject, mail.text, mail.html, mail.headers)
    # PostgreSQL began a transaction with the read; a mail server may take its time.
    db.session.commit()
    try:
        if message:
            mailer.send(message)
    except MailRefused as error:
        log.error("a message was dropped: %s", error)
    except OSError as error:
        log.error("a message could not be sent: %s", error)
        outbox.fail(leased, f"{type(error).__name__}: {error}", MOST_TRIES)
        return False
    with transaction():
        mail = db.session.get(Mail, leased.things[0])
        if mail:
            db.session.delete(mail)
        outbox.finish(leased)
    return True
