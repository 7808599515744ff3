"""Moderating: who may do what in which state, what a decision does, and that no two decide on one unknowingly."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from moderation import APPROVE, CHANGES, REJECT, letters, listing, read
from people import organisation, person
from sqlalchemy import func, select, update

from matchmaker.errors import Conflict, Forbidden, Invalid, MatchmakerError, NotFound
from matchmaker.listing_states import STEPS
from matchmaker.policy import Actor
from matchmaker.services import indexing, listings, matching, moderating
from matchmaker.services.moderating import Judgment
from matchmaker.transaction import transaction
from models import AuditEntry, Decision, Listing, Mail, User, db
from models.base import now
from models.taxonomy import PUBLIC_STATUSES, ROLES, STATUSES

VERDICTS = {"approve": APPROVE, "request_changes": CHANGES, "reject": REJECT}


@pytest.fixture
def people(app: Flask) -> dict[str, Actor]:
    """Two moderators, and a firm's owner and member."""
    with app.app_context():
        firm = organisation()
    return {
        "ann": person(app, "moderator").actor,
        "bob": person(app, "moderator").actor,
        "owner": person(app, organisation_id=firm, owner=True).actor,
        "member": person(app, organisation_id=firm).actor,
    }


def decide(app: Flask, actor: Actor, id: int, judgment: Judgment = APPROVE, version: int = 0) -> Decision:
    return moderating.decide(actor, id, version or read(id).version, judgment, letters(app))


def entries(id: int) -> list[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.thing_kind == "listing", AuditEntry.thing_id == id)
    return list(db.session.scalars(query.order_by(AuditEntry.id)))


def recipients() -> list[str]:
    return list(db.session.scalars(select(Mail.recipient).order_by(Mail.id)))


def emails(*actors: Actor) -> list[str]:
    return [db.session.get_one(User, actor.user_id).email for actor in actors]


# States and rights


def expected(role: str, status: str, action: str) -> str | type[MatchmakerError]:
    """What comes of it: the state after, or the refusal."""
    if role not in ("moderator", "administrator") or status == "draft":
        return NotFound
    if action == "release":
        return Conflict if status != "in_review" else "submitted"
    # What is public and was read as it stands does not wait, but can be taken down.
    taken_down = status in PUBLIC_STATUSES and action in ("request_changes", "reject")
    return STEPS[action].target if taken_down or status in ("submitted", "in_review") else Conflict


@pytest.mark.parametrize("action", ["claim", "release", *VERDICTS])
@pytest.mark.parametrize("role", ROLES)
def test_an_action_leads_where_the_states_say_or_is_refused(app: Flask, role: str, action: str) -> None:
    actor = person(app, role).actor
    with app.app_context():
        for status in STATUSES:
            id = listing(status, claimed_by_id=actor.user_id, claimed_at=now())
            before = read(id).version
            try:
                if action in VERDICTS:
                    decide(app, actor, id, VERDICTS[action])
                else:
                    getattr(moderating, action)(actor, id)
                came: Any = read(id).status
            except MatchmakerError as error:
                came = type(error)
                assert (read(id).status, read(id).version) == (status, before)
            assert came == expected(role, status, action), status


@pytest.mark.usefixtures("app_context")
class TestADecision:
    def test_the_first_approval_publishes(self, app: Flask, people: dict[str, Actor]) -> None:
        sent = now() - timedelta(days=3)
        id = listing(moment=sent)
        decide(app, people["ann"], id)
        found = read(id)
        assert (found.status, found.reviewed_version) == ("published", found.version)
        assert found.submitted_at == sent
        assert found.published_at == found.confirmed_at
        assert found.published_at
        assert found.published_at > sent

    def test_what_is_approved_is_found_after_the_next_round_of_the_worker(
        self, app: Flask, people: dict[str, Actor]
    ) -> None:
        engine = app.extensions["matchmaker"].engine
        id = listing(title="Rice husk press")
        indexing.drain(engine, "before")
        decide(app, people["ann"], id)
        indexing.drain(engine, "after")
        found = matching.find(engine, people["bob"], "offer", text="rice husk press")
        assert [match.listing.id for match in found.matches] == [id]

    def test_later_approvals_keep_the_day_of_publication(self, app: Flask, people: dict[str, Actor]) -> None:
        first = now() - timedelta(days=90)
        id = listing("submitted", published_at=first)
        decide(app, people["ann"], id)
        assert read(id).published_at == first

    def test_an_edit_of_what_is_public_waits_until_it_is_read(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"])
        listings.revise(people["owner"], id, read(id).version, {"summary": "Now with a battery."})
        decide(app, people["ann"], id)
        found = read(id)
        assert (found.status, found.reviewed_version) == ("published", found.version)

    def test_changes_of_state_alone_do_not_wait_to_be_read(self, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"])
        with transaction():
            listings.change(people["owner"], listings.editable(people["owner"], id), "listing.confirm", {})
        assert read(id).reviewed_version == read(id).version

    def test_rejecting_an_edit_takes_it_out_of_the_public(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"])
        listings.revise(people["owner"], id, read(id).version, {"summary": "Call us now!"})
        decide(app, people["ann"], id, REJECT)
        assert read(id).status == "rejected"

    def test_approving_an_edit_of_a_stale_listing_makes_it_current(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("stale", people["owner"], moment=now() - timedelta(days=200))
        listings.revise(people["owner"], id, read(id).version, {"summary": "Still made."})
        decide(app, people["ann"], id)
        found = read(id)
        assert found.status == "published"
        assert found.confirmed_at
        assert found.confirmed_at > now() - timedelta(minutes=1)

    def test_imported_listings_do_not_wait(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("published", source="catalogue", source_id="7", reviewed_version=1, version=3)
        with pytest.raises(Conflict):
            decide(app, people["ann"], id)

    def test_it_is_told_to_whoever_posted_and_to_the_owners(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing(actor=people["member"], title="Solar pump")
        decide(app, people["ann"], id, CHANGES)
        assert sorted(recipients()) == sorted(emails(people["owner"], people["member"]))
        text = db.session.scalars(select(Mail)).first()
        assert text
        assert text.subject == "Please change: Solar pump"
        assert "A claim has no number or nothing it is measured against" in text.text
        assert "How much is saved?" in text.text
        assert f"/offers/{id}" in text.text

    def test_who_has_left_the_organisation_is_told_nothing(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing(actor=people["member"])
        with transaction():
            db.session.execute(update(User).where(User.id == people["member"].user_id).values(organisation_id=None))
        decide(app, people["ann"], id)
        assert recipients() == emails(people["owner"])

    def test_a_title_cannot_add_lines_to_a_letter_s_head(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing(actor=people["owner"], title="Pump\r\nBcc: all@example.org {{ 7*7 }} %(title)s")
        decide(app, people["ann"], id)
        subject = db.session.scalar(select(Mail.subject))
        assert subject == "Published: Pump Bcc: all@example.org {{ 7*7 }} %(title)s"

    def test_it_stands_in_the_audit_trail_with_before_and_after(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing()
        decide(app, people["ann"], id, REJECT)
        entry = entries(id)[-1]
        assert (entry.action, entry.actor_id, entry.actor_kind) == ("listing.reject", people["ann"].user_id, "staff")
        assert (entry.before["status"], entry.after["status"]) == ("submitted", "rejected")

    @pytest.mark.parametrize(
        ("judgment", "field"),
        [
            (Judgment("reject"), "reasons"),
            (Judgment("request_changes", [], "Please."), "reasons"),
            (Judgment("reject", ["no such code"]), "reasons"),
            (Judgment("undo"), "verdict"),
            (Judgment("approve", [], "x" * 2001), "message"),
        ],
    )
    def test_what_cannot_be_told_is_refused(
        self, app: Flask, people: dict[str, Actor], judgment: Judgment, field: str
    ) -> None:
        id = listing()
        with pytest.raises(Invalid) as refused:
            decide(app, people["ann"], id, judgment)
        assert list(refused.value.problems) == [field]
        assert read(id).status == "submitted"

    def test_nobody_judges_their_own_organisation(self, app: Flask, people: dict[str, Actor]) -> None:
        own = Actor("staff", people["ann"].user_id, people["owner"].organisation_id, "moderator")
        id = listing(actor=people["owner"])
        with pytest.raises(Forbidden, match="Your own organisation"):
            decide(app, own, id)

    def test_a_text_that_changed_meanwhile_is_to_be_read_first(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"])
        listings.revise(people["owner"], id, 1, {"summary": "First"})
        listings.revise(people["owner"], id, 2, {"summary": "Second"})
        with pytest.raises(Conflict, match="changed since you read it"):
            decide(app, people["ann"], id, version=2)

    def test_who_comes_second_learns_who_decided_what_and_when(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing()
        decide(app, people["ann"], id, REJECT, version=1)
        with pytest.raises(Conflict, match=r"decided on \d s ago by A moderator: rejected"):
            decide(app, people["bob"], id, APPROVE, version=1)
        assert db.session.scalar(select(func.count()).select_from(Decision)) == 1


@pytest.mark.usefixtures("app_context")
class TestAClaim:
    def test_it_changes_the_state_but_not_the_version(self, people: dict[str, Actor]) -> None:
        id = listing()
        moderating.claim(people["ann"], id)
        found = read(id)
        assert (found.status, found.version, found.claimed_by_id) == ("in_review", 1, people["ann"].user_id)
        assert [entry.action for entry in entries(id)][-1] == "listing.claim"

    def test_an_edit_of_what_is_public_stays_public_while_it_is_read(self, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"], version=2)
        moderating.claim(people["ann"], id)
        assert read(id).status == "published"

    def test_another_cannot_take_or_decide_what_is_being_read(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing()
        moderating.claim(people["ann"], id)
        with pytest.raises(Conflict, match="A moderator has been reading this listing for"):
            moderating.claim(people["bob"], id)
        with pytest.raises(Conflict, match="A moderator has been reading"):
            decide(app, people["bob"], id)

    def test_after_half_an_hour_another_takes_over(self, people: dict[str, Actor]) -> None:
        id = listing("in_review", claimed_by_id=people["ann"].user_id, claimed_at=now() - timedelta(minutes=31))
        moderating.claim(people["bob"], id)
        assert read(id).claimed_by_id == people["bob"].user_id

    def test_it_can_be_given_back(self, people: dict[str, Actor]) -> None:
        id = listing()
        moderating.claim(people["ann"], id)
        moderating.release(people["ann"], id)
        assert (read(id).status, read(id).claimed_by_id) == ("submitted", None)

    def test_only_its_holder_gives_it_back(self, people: dict[str, Actor]) -> None:
        id = listing()
        moderating.claim(people["ann"], id)
        with pytest.raises(Conflict):
            moderating.release(people["bob"], id)

    def test_it_ends_with_the_decision(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing()
        moderating.claim(people["ann"], id)
        decide(app, people["ann"], id)
        assert read(id).claimed_by_id is None


@pytest.mark.usefixtures("app_context")
class TestTakingBack:
    @pytest.mark.parametrize("verdict", VERDICTS)
    @pytest.mark.parametrize("status", ["submitted", "in_review"])
    def test_the_listing_stands_as_before(
        self, app: Flask, people: dict[str, Actor], status: str, verdict: str
    ) -> None:
        id = listing(status)
        names = ("status", "published_at", "confirmed_at", "submitted_at", "reviewed_version")
        before = [getattr(read(id), name) for name in names]
        decision = decide(app, people["ann"], id, VERDICTS[verdict])
        moderating.undo(people["ann"], decision.id, letters(app))
        assert [getattr(read(id), name) for name in names] == before
        assert entries(id)[-1].action == "listing.undo"

    def test_an_edit_waits_again(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("published", people["owner"])
        listings.revise(people["owner"], id, 1, {"summary": "New"})
        decision = decide(app, people["ann"], id, REJECT)
        moderating.undo(people["ann"], decision.id, letters(app))
        assert read(id).status == "published"
        decide(app, people["bob"], id)

    def test_days_that_the_decision_changed_are_as_before(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing("stale", people["owner"], moment=now() - timedelta(days=200))
        listings.revise(people["owner"], id, 1, {"summary": "New"})
        confirmed = read(id).confirmed_at
        decision = decide(app, people["ann"], id)
        moderating.undo(people["ann"], decision.id, letters(app))
        assert (read(id).status, read(id).confirmed_at) == ("stale", confirmed)

    def test_it_is_told_and_stays_in_the_history(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing(actor=people["owner"])
        decision = decide(app, people["ann"], id)
        moderating.undo(people["ann"], decision.id, letters(app))
        assert recipients() == emails(people["owner"]) * 2
        assert [one.verdict for one, _ in moderating.history(read(id))] == ["undo", "approve"]

    def test_a_decision_of_another_cannot_be_taken_back(self, app: Flask, people: dict[str, Actor]) -> None:
        decision = decide(app, people["ann"], listing())
        with pytest.raises(NotFound):
            moderating.undo(people["bob"], decision.id, letters(app))

    def test_it_cannot_be_done_twice(self, app: Flask, people: dict[str, Actor]) -> None:
        decision = decide(app, people["ann"], listing())
        moderating.undo(people["ann"], decision.id, letters(app))
        with pytest.raises(Conflict):
            moderating.undo(people["ann"], decision.id, letters(app))

    def test_it_is_too_late_after_ten_minutes(self, app: Flask, people: dict[str, Actor]) -> None:
        decision = decide(app, people["ann"], listing())
        with transaction():
            db.session.execute(update(Decision).values(decided_at=now() - timedelta(minutes=11)))
        assert moderating.undoable(people["ann"]) is None
        with pytest.raises(Conflict, match="ten minutes"):
            moderating.undo(people["ann"], decision.id, letters(app))

    def test_it_is_too_late_once_something_else_happened(self, app: Flask, people: dict[str, Actor]) -> None:
        id = listing(actor=people["owner"])
        decision = decide(app, people["ann"], id)
        listings.withdraw(people["owner"], id)
        with pytest.raises(Conflict, match="Something else has happened"):
            moderating.undo(people["ann"], decision.id, letters(app))
        assert read(id).status == "withdrawn"

    def test_the_last_decision_is_offered(self, app: Flask, people: dict[str, Actor]) -> None:
        assert moderating.undoable(people["ann"]) is None
        decide(app, people["ann"], listing())
        last = decide(app, people["ann"], listing())
        offered = moderating.undoable(people["ann"])
        assert offered
        assert offered[0].id == last.id


@pytest.mark.usefixtures("app_context")
class TestSeveralAtOnce:
    def test_each_is_decided_or_told_why_not(self, app: Flask, people: dict[str, Actor]) -> None:
        free, taken, done = listing(), listing(), listing()
        moderating.claim(people["bob"], taken)
        decide(app, people["bob"], done, REJECT)
        chosen = [(free, 1), (taken, 1), (done, 1), (4711, 1)]
        outcomes = moderating.decide_all(people["ann"], chosen, APPROVE, letters(app))
        assert [one.refusal is None for one in outcomes] == [True, False, False, False]
        assert [read(id).status for id in (free, taken, done)] == ["published", "in_review", "rejected"]
        assert "A moderator has been reading" in str(outcomes[1].refusal)
        assert "rejected" in str(outcomes[2].refusal)

    def test_a_decision_without_a_reason_is_refused_as_a_whole(self, app: Flask, people: dict[str, Actor]) -> None:
        with pytest.raises(Invalid):
            moderating.decide_all(people["ann"], [(listing(), 1)], Judgment("reject"), letters(app))


def test_of_two_moderators_at_the_same_moment_one_decides_and_one_is_told(app: Flask, people: dict[str, Actor]) -> None:
    with app.app_context():
        ids = [listing() for _ in range(10)]
    start, said = threading.Barrier(2), []

    def work(actor: Actor, judgment: Judgment) -> None:
        with app.app_context():
            for id in ids:
                start.wait()
                try:
                    moderating.decide(actor, id, 1, judgment, letters(app))
                except Conflict as error:
                    said.append(str(error))
            db.session.remove()

    threads = [
        threading.Thread(target=work, args=(people["ann"], APPROVE)),
        threading.Thread(target=work, args=(people["bob"], REJECT)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        decided = db.session.execute(select(Decision.listing_id, Decision.verdict)).all()
        assert sorted(row.listing_id for row in decided) == ids
        assert len(said) == len(ids)
        assert all("was decided on" in text for text in said)
        after = {"approve": "published", "reject": "rejected"}
        assert {row.listing_id: after[row.verdict] for row in decided} == {
            row.id: row.status for row in db.session.execute(select(Listing.id, Listing.status))
        }
