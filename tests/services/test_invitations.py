"""Invitations: a link works once, in time, for the address it went to, and for nobody who has a place already."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from databases import only_postgresql
from flask import Flask
from sqlalchemy import select
from test_organisations import founded, renewed, somebody, trail

from matchmaker.errors import Conflict, Forbidden, MatchmakerError, NotFound
from matchmaker.policy import ANONYMOUS, Actor
from matchmaker.services import invitations
from matchmaker.transaction import transaction
from models import Invitation, Mail, User, db
from models.base import now

pytestmark = pytest.mark.usefixtures("app_context")


class Post:
    """Writes letters and remembers the key in the last one."""

    key = ""

    def __call__(self, invitation: Invitation, key: str) -> tuple[str, str]:
        self.key = key
        return f"{invitation.organisation.name}\r\nBcc: others@example.org", f"Open {key}"


def email_of(actor: Actor) -> str:
    return db.session.get_one(User, actor.user_id).email


def invited(actor: Actor, organisation_id: int, guest: Actor, *, owner: bool = False) -> tuple[Invitation, str]:
    """An invitation to the guest's address, and its key."""
    post = Post()
    values = {"email": email_of(guest), "owner": owner}
    return invitations.invite(actor, organisation_id, values, post), post.key


@pytest.mark.parametrize("owner", [False, True])
def test_the_guest_becomes_a_member(owner: bool) -> None:
    founder, organisation_id = founded()
    guest = somebody()
    _, key = invited(founder, organisation_id, guest, owner=owner)
    invitations.accept(guest, key)
    assert renewed(guest).organisation_id == organisation_id
    assert renewed(guest).owner is owner
    action, before, after = trail()[-1]
    assert (action, before["email"], after) == (
        "invitation.accept",
        email_of(guest),
        {"user_id": guest.user_id, "owner": owner},
    )


def test_a_letter_is_owed_and_its_subject_stays_one_line() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    _, key = invited(founder, organisation_id, guest)
    letter = db.session.scalars(select(Mail)).one()
    assert (letter.recipient, letter.text) == (email_of(guest), f"Open {key}")
    assert letter.subject == "Jua & Maji Works Bcc: others@example.org"


def test_the_key_stands_nowhere_in_the_database_but_in_the_letter() -> None:
    founder, organisation_id = founded()
    invitation, key = invited(founder, organisation_id, somebody())
    assert key not in invitation.key_hash
    assert len(key) >= 43
    assert all(key not in str(entry) for entry in trail())


def test_a_used_link_opens_nothing() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    _, key = invited(founder, organisation_id, guest)
    invitations.accept(guest, key)
    with pytest.raises(NotFound, match="was used"):
        invitations.accept(guest, key)


def test_an_ended_link_opens_nothing() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    invitation, key = invited(founder, organisation_id, guest)
    with transaction():
        invitation.expires_at = now() - timedelta(seconds=1)
    with pytest.raises(NotFound, match="has ended"):
        invitations.accept(guest, key)
    assert invitations.ended(invitations.waiting(founder, organisation_id)[0])


def test_a_link_lasts_a_week() -> None:
    founder, organisation_id = founded()
    invitation, _ = invited(founder, organisation_id, somebody())
    assert timedelta(days=6, hours=23) < invitation.expires_at - now() <= timedelta(days=7)


def test_a_link_that_was_taken_back_opens_nothing() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    invitation, key = invited(founder, organisation_id, guest)
    invitations.revoke(founder, organisation_id, invitation.id)
    with pytest.raises(NotFound):
        invitations.accept(guest, key)
    assert trail()[-1][0] == "invitation.revoke"


def test_a_newer_letter_replaces_the_older_one() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    invitation, old = invited(founder, organisation_id, guest)
    post = Post()
    invitations.resend(founder, organisation_id, invitation.id, post)
    with pytest.raises(NotFound):
        invitations.accept(guest, old)
    invitations.accept(guest, post.key)


def test_a_link_is_worth_nothing_to_another_address() -> None:
    founder, organisation_id = founded()
    guest, thief = somebody(), somebody()
    _, key = invited(founder, organisation_id, guest)
    with pytest.raises(Forbidden) as refused:
        invitations.accept(thief, key)
    assert email_of(guest) not in str(refused.value)
    assert renewed(thief).organisation_id is None
    invitations.accept(guest, key)


def test_an_address_that_nobody_confirmed_is_not_believed() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    _, key = invited(founder, organisation_id, guest)
    with transaction():
        db.session.get_one(User, guest.user_id).confirmed_at = None
    with pytest.raises(Forbidden):
        invitations.accept(guest, key)


@pytest.mark.parametrize("key", ["", "a", "é" * 50, "x" * 10_000, "\x00"])
def test_a_guess_opens_nothing(key: str) -> None:
    founder, organisation_id = founded()
    guest = somebody()
    invited(founder, organisation_id, guest)
    with pytest.raises(NotFound):
        invitations.accept(guest, key)


def test_whoever_belongs_elsewhere_is_told_so_and_keeps_the_invitation() -> None:
    founder, organisation_id = founded()
    guest, elsewhere = founded(name="Blue Loop")
    _, key = invited(founder, organisation_id, guest)
    with pytest.raises(Conflict, match="another organisation"):
        invitations.accept(guest, key)
    assert renewed(guest).organisation_id == elsewhere
    assert len(invitations.waiting(founder, organisation_id)) == 1


def test_a_visitor_joins_nothing() -> None:
    founder, organisation_id = founded()
    _, key = invited(founder, organisation_id, somebody())
    with pytest.raises(Forbidden):
        invitations.accept(ANONYMOUS, key)


def test_nobody_is_invited_twice_or_where_they_are() -> None:
    founder, organisation_id = founded()
    guest = somebody()
    invited(founder, organisation_id, guest)
    with pytest.raises(Conflict, match="Send again"):
        invited(founder, organisation_id, guest)
    with pytest.raises(Conflict, match="belongs to your organisation"):
        invited(founder, organisation_id, founder)


def test_few_invitations_wait_at_once() -> None:
    founder, organisation_id = founded()
    for _ in range(invitations.MOST_WAITING):
        invited(founder, organisation_id, somebody())
    with pytest.raises(Conflict, match="Take some back"):
        invited(founder, organisation_id, somebody())


@pytest.mark.parametrize(
    ("who", "refusal"),
    [("member", Forbidden), ("moderator", Forbidden), ("stranger", NotFound), ("another owner", NotFound)],
)
def test_only_owners_invite_send_again_and_take_back(who: str, refusal: type[MatchmakerError]) -> None:
    founder, organisation_id = founded()
    invitation, _ = invited(founder, organisation_id, somebody())
    actor = {
        "member": lambda: somebody(organisation_id),
        "moderator": lambda: somebody(role="moderator"),
        "stranger": somebody,
        "another owner": lambda: founded(name="Blue Loop")[0],
    }[who]()
    with pytest.raises(refusal):
        invited(actor, organisation_id, somebody())
    with pytest.raises(refusal):
        invitations.resend(actor, organisation_id, invitation.id, Post())
    with pytest.raises(refusal):
        invitations.revoke(actor, organisation_id, invitation.id)


def test_an_invitation_of_another_organisation_is_not_found() -> None:
    founder, organisation_id = founded()
    other, elsewhere = founded(name="Blue Loop")
    invitation, _ = invited(founder, organisation_id, somebody())
    with pytest.raises(NotFound):
        invitations.revoke(other, elsewhere, invitation.id)


def test_an_administrator_finds_the_first_owner_of_what_was_imported() -> None:
    guest = somebody()
    _, organisation_id = founded()
    _, key = invited(somebody(role="administrator"), organisation_id, guest, owner=True)
    invitations.accept(guest, key)
    assert renewed(guest).owner


@only_postgresql
def test_a_link_that_is_opened_twice_at_the_same_moment_works_once(app_context: Flask) -> None:
    founder, organisation_id = founded()
    guest = somebody()
    _, key = invited(founder, organisation_id, guest)
    db.session.commit()
    start = Barrier(2)

    def accept(_: Any) -> bool:
        with app_context.app_context():
            start.wait(timeout=30)
            try:
                invitations.accept(guest, key)
            except MatchmakerError:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(accept, range(2))) == [False, True]
