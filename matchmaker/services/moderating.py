"""Moderating: take a listing up, decide on it, take the decision back. No two moderators decide on one unknowingly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from models import AuditEntry, Decision, Listing, User, db
from models.base import LARGEST_ID, now
from models.taxonomy import MODERATION_REASONS, PUBLIC_STATUSES, VERDICTS

from ..errors import Conflict, Forbidden, Invalid, MatchmakerError, NotFound
from ..letters import Letters
from ..listing_states import after
from ..messages import N_
from ..policy import Actor, can
from ..schemas import clean
from ..transaction import transaction
from . import auditing, listings, notifying, versions
from .moderation_queue import CLAIM_LASTS, called, check_moderator, decidable, held_by_other, waits

LONGEST_MESSAGE = 2000
#: So long a decision can be taken back.
UNDO_LASTS = timedelta(minutes=10)

_DONE = {
    "approve": N_("approved"),
    "request_changes": N_("changes asked for"),
    "reject": N_("rejected"),
    "undo": N_("taken back"),
}


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a moderator says: a verdict, its reasons by code, and a message to whoever posted the listing."""

    verdict: str
    reasons: Sequence[str] = ()
    message: str = ""

    def check(self) -> None:
        """Raise Invalid for what cannot be told to the one who posted."""
        problems: dict[str, list[str]] = {}
        if self.verdict not in VERDICTS:
            problems["verdict"] = [N_("Approve, ask for changes, or reject.")]
        elif self.verdict != "approve" and not self.reasons:
            problems["reasons"] = [N_("Choose at least one reason, so that the owner knows what to mend.")]
        if any(code not in MODERATION_REASONS for code in self.reasons):
            problems["reasons"] = [N_("Choose among the reasons that are offered.")]
        if len(self.message) > LONGEST_MESSAGE:
            problems["message"] = [
                N_(
                    "Shorten the message to %(most)s characters; it has %(count)s.",
                    most=LONGEST_MESSAGE,
                    count=len(self.message),
                )
            ]
        if problems:
            raise Invalid(N_("The decision is not complete."), problems)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one listing of several: why it was not decided on, if so."""

    listing_id: int
    title: str
    refusal: str | None


def look(actor: Actor, listing_id: int) -> Listing:
    """A listing as moderators see it. Raises NotFound; drafts are for nobody but their own side."""
    check_moderator(actor)
    listing = listings.find(actor, listing_id)
    if listing.status == "draft":
        raise NotFound(N_("There is no such listing."))
    return listing


def claim(actor: Actor, listing_id: int) -> Listing:
    """Let others see that the actor reads a listing. Raises NotFound, Forbidden, and Conflict while another reads."""
    with transaction():
        listing = _locked(actor, listing_id)
        if waits(listing) is None:
            raise Conflict(_what_happened(listing, listing.version - 1))
        _check_free(actor, listing)
        _hold(actor, listing, "claim", actor.user_id)
        return listing


def release(actor: Actor, listing_id: int) -> Listing:
    """Give back what the actor reads. Raises NotFound, Forbidden and Conflict."""
    with transaction():
        listing = _locked(actor, listing_id)
        if listing.claimed_by_id != actor.user_id or waits(listing) is None:
            raise Conflict(N_("You do not read this listing now."))
        _hold(actor, listing, "release", None)
        return listing


def decide(actor: Actor, listing_id: int, version: int, judgment: Judgment, letters: Letters) -> Decision:
    """Decide on a listing as it was read at `version`; its owners are told.

    Raises NotFound, Forbidden, Invalid, and Conflict when it was decided on, changed or taken up by another meanwhile.
    """
    judgment.check()
    with transaction():
        listing = _locked(actor, listing_id)
        if listing.version != version or not decidable(listing, judgment.verdict):
            raise Conflict(_what_happened(listing, version))
        _check_free(actor, listing)
        listings.change(actor, listing, f"listing.{judgment.verdict}", _consequences(listing, judgment.verdict))
        return _note(actor, listing, version, judgment, letters)


def decide_all(actor: Actor, chosen: Iterable[tuple[int, int]], judgment: Judgment, letters: Letters) -> list[Outcome]:
    """Decide in one way on several listings, each by (id, version) and in a transaction of its own. Raises Invalid."""
    judgment.check()
    outcomes = []
    for listing_id, version in chosen:
        try:
            decision = decide(actor, listing_id, version, judgment, letters)
            outcomes.append(Outcome(listing_id, _title(decision.listing_id), None))
        except MatchmakerError as error:
            outcomes.append(Outcome(listing_id, _title(listing_id), error.message))
    return outcomes


def undo(actor: Actor, decision_id: int, letters: Letters) -> Listing:
    """Take back the actor's own decision: the listing stands as it did before, and its owners are told.

    Raises NotFound, and Conflict when ten minutes have passed or something has happened to the listing since.
    """
    check_moderator(actor)
    with transaction():
        decision = db.session.get(Decision, decision_id) if 0 < decision_id <= LARGEST_ID else None
        if decision is None or decision.decided_by_id != actor.user_id or decision.verdict not in VERDICTS:
            raise NotFound(N_("There is no such decision of yours."))
        listing = _locked(actor, decision.listing_id)
        entry = _last_entry(listing)
        # Two moderators cannot meet here, one person in two windows can.
        if entry is None or entry.action != f"listing.{decision.verdict}" or listing.version != decision.version + 1:
            raise Conflict(N_("Something else has happened to this listing since. Decide anew instead."))
        if decision.decided_at < now() - UNDO_LASTS:
            raise Conflict(N_("A decision can be taken back for ten minutes. Decide anew instead."))
        listings.change(actor, listing, "listing.undo", _before(actor, listing, entry))
        _note(actor, listing, listing.version, Judgment("undo"), letters)
        return listing


def undoable(actor: Actor) -> tuple[Decision, Listing] | None:
    """The actor's last decision with its listing, while it can be taken back."""
    query = (
        select(Decision, Listing)
        .join(Listing, Listing.id == Decision.listing_id)
        .where(Decision.decided_by_id == actor.user_id, Decision.decided_at >= now() - UNDO_LASTS)
        .order_by(Decision.id.desc())
        .limit(1)
    )
    found = db.session.execute(query).first()
    if found is None or found[0].verdict == "undo" or found[1].version != found[0].version + 1:
        return None
    return found[0], found[1]


def last_decision(listing: Listing) -> Decision | None:
    """What the moderators said last."""
    query = select(Decision).where(Decision.listing_id == listing.id).order_by(Decision.id.desc()).limit(1)
    return db.session.scalar(query)


def history(listing: Listing) -> list[tuple[Decision, str | None]]:
    """The decisions on a listing with who made each, the latest first."""
    query = (
        select(Decision, User)
        .outerjoin(User, User.id == Decision.decided_by_id)
        .where(Decision.listing_id == listing.id)
        .order_by(Decision.id.desc())
    )
    return [(decision, called(user) if user else None) for decision, user in db.session.execute(query)]


def reader_of(listing: Listing) -> str | None:
    """Who reads a listing now."""
    if listing.claimed_by_id is None or listing.claimed_at is None or listing.claimed_at < now() - CLAIM_LASTS:
        return None
    return _name(listing.claimed_by_id)


def _locked(actor: Actor, listing_id: int) -> Listing:
    check_moderator(actor)
    listing = listings.find(actor, listing_id, lock=True)
    if listing.status == "draft":
        raise NotFound(N_("There is no such listing."))
    if not can(actor, "listing.moderate", listing):
        raise Forbidden(N_("Your own organisation posted this listing. Leave it to another moderator."))
    return listing


def _check_free(actor: Actor, listing: Listing) -> None:
    if held_by_other(actor, listing) and listing.claimed_at:
        raise Conflict(
            N_(
                "%(name)s has been reading this listing for %(age)s. After half an hour you can take it over.",
                name=_name(listing.claimed_by_id),
                age=_ago(listing.claimed_at),
            )
        )


def _hold(actor: Actor, listing: Listing, action: str, holder: int | None) -> None:
    """Who reads a listing changes nothing that it says, so its version stays."""
    names = ("status", "claimed_by_id")
    before = {name: getattr(listing, name) for name in names}
    if listing.status not in PUBLIC_STATUSES:
        listing.status = after(action, listing.status)
    listing.claimed_by_id, listing.claimed_at = holder, now() if holder else None
    changed = {name: getattr(listing, name) for name in names}
    auditing.record(actor, f"listing.{action}", "listing", listing.id, before, changed)


def _consequences(listing: Listing, verdict: str) -> dict[str, Any]:
    moment = now()
    values = {
        "status": after(verdict, listing.status),
        "reviewed_version": listing.version + 1,
        "claimed_by_id": None,
        "claimed_at": None,
    }
    if verdict == "approve" and listing.status != "published":
        # Whoever sends a listing, or changes one that had grown stale, says thereby that it holds.
        values |= {"published_at": listing.published_at or moment, "confirmed_at": moment}
    return values


def _before(actor: Actor, listing: Listing, entry: AuditEntry) -> dict[str, Any]:
    """What a listing was before its last decision; what was being read then, the actor reads again."""
    values = versions.restored(entry.before)
    held = values.get("status") == "in_review"
    values |= {"claimed_by_id": actor.user_id if held else None, "claimed_at": now() if held else None}
    if values["reviewed_version"] == listing.version - 1:
        # It had been read as it stood, and says the same now.
        values["reviewed_version"] = listing.version + 1
    return values


def _note(actor: Actor, listing: Listing, version: int, judgment: Judgment, letters: Letters) -> Decision:
    decision = Decision(
        listing_id=listing.id,
        version=version,
        verdict=judgment.verdict,
        reasons=list(judgment.reasons),
        message=clean(judgment.message),
        decided_by_id=actor.user_id,
        decided_at=now(),
    )
    db.session.add(decision)
    db.session.flush()
    reasons = [MODERATION_REASONS[code] for code in decision.reasons]
    notifying.tell(listing, letters, "decision", decision=decision, reasons=reasons)
    return decision


def _last_entry(listing: Listing) -> AuditEntry | None:
    query = select(AuditEntry).where(AuditEntry.thing_kind == "listing", AuditEntry.thing_id == listing.id)
    return db.session.scalar(query.order_by(AuditEntry.id.desc()).limit(1))


def _what_happened(listing: Listing, version: int) -> str:
    """Why a decision on a listing as it was at a version comes too late."""
    last = last_decision(listing)
    if last is not None and last.version >= version and last.verdict != "undo":
        return N_(
            "This listing was decided on %(age)s ago by %(name)s: %(decision)s. "
            "Nothing of yours was stored. Open it again to see how it stands.",
            age=_ago(last.decided_at),
            name=_name(last.decided_by_id),
            decision=_DONE[last.verdict],
        )
    if waits(listing):
        return N_("This listing has been changed since you read it. Open it again and read what differs.")
    return N_("This listing does not wait for the moderators any more. Open it again to see how it stands.")


def _name(user_id: int | None) -> str:
    user = db.session.get(User, user_id) if user_id else None
    return called(user) if user else N_("somebody who has left")


def _title(listing_id: int) -> str:
    return db.session.scalar(select(Listing.title).where(Listing.id == listing_id)) or f"{listing_id}"


def _ago(moment: datetime) -> str:
    seconds = max(0, int((now() - moment).total_seconds()))
    if seconds < 60:
        return N_("%(count)s s", count=seconds)
    if seconds < 3600:
        return N_("%(count)s min", count=seconds // 60)
    if seconds < 86400:
        return N_("%(count)s h", count=seconds // 3600)
    return N_("%(count)s d", count=seconds // 86400)
