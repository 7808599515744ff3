"""What a night does to listings, day by day; the present is given, never waited for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from moderation import letters, listing, read
from people import organisation, person
from sqlalchemy import delete, func, select

from matchmaker.errors import Conflict, NotFound
from matchmaker.policy import Actor
from matchmaker.services import accounts, listings, staleness
from matchmaker.transaction import transaction
from models import AuditEntry, Listing, Mail, OutboxItem, User, db
from models.base import now

NIGHT = datetime(2027, 1, 1, 2, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("app_context")


def ago(days: int, **more: int) -> datetime:
    return NIGHT - timedelta(days=days, **more)


@pytest.fixture
def owner(app: Flask) -> Actor:
    with app.app_context():
        firm = organisation()
    return person(app, organisation_id=firm, owner=True).actor


def posted(owner: Actor, days: int, status: str = "published", **given: object) -> int:
    """A listing confirmed so many days before the night."""
    return listing(status, owner, moment=ago(days), **given)


def mail() -> list[Mail]:
    return list(db.session.scalars(select(Mail).order_by(Mail.id)))


def token() -> str:
    """The last part of the link in the last letter."""
    found = re.search(r"/still-valid/(\S+)", mail()[-1].text)
    assert found
    return found[1]


class TestTheReminder:
    @pytest.mark.parametrize(("days", "sent"), [(165, 0), (166, 1), (400, 1)])
    def test_it_comes_two_weeks_before_half_a_year_is_over(
        self, app: Flask, owner: Actor, days: int, sent: int
    ) -> None:
        posted(owner, days)
        assert staleness.remind(letters(app), NIGHT) == sent
        assert len(mail()) == sent

    def test_it_is_in_the_language_of_its_reader(self, app: Flask, owner: Actor) -> None:
        posted(owner, 170)
        accounts.set_language(owner.user_id or 0, "zh")
        staleness.remind(letters(app), NIGHT)
        assert "自 2026年7月15日 以来无人确认此条目：" in mail()[0].text
        assert mail()[0].subject == "仍然有效吗？Solar pump"

    def test_it_comes_once(self, app: Flask, owner: Actor) -> None:
        posted(owner, 170)
        staleness.remind(letters(app), NIGHT)
        assert staleness.remind(letters(app), NIGHT + timedelta(days=1)) == 0

    def test_it_comes_again_half_a_year_after_a_confirmation(self, app: Flask, owner: Actor) -> None:
        posted(owner, 170, reminded_at=ago(200))
        assert staleness.remind(letters(app), NIGHT) == 1

    def test_it_leaves_the_version_and_the_indexes_alone(self, app: Flask, owner: Actor) -> None:
        id = posted(owner, 170)
        staleness.remind(letters(app), NIGHT)
        assert read(id).version == 1
        assert set(db.session.scalars(select(OutboxItem.topic))) == {"mail"}

    def test_it_says_when_the_listing_leaves_the_public(self, app: Flask, owner: Actor) -> None:
        posted(owner, 170, title="Solar pump")
        staleness.remind(letters(app), NIGHT)
        (letter,) = mail()
        assert letter.subject == "Does it still hold? Solar pump"
        # Asked four days late, they have their two weeks all the same.
        assert "from 15 January 2027 on" in letter.text
        assert "on 14 July 2027" in letter.text

    def test_more_than_a_batch_is_asked_in_one_night(self, app: Flask, owner: Actor) -> None:
        with transaction():
            for _ in range(230):
                posted(owner, 170)
        assert staleness.remind(letters(app), NIGHT) == 230


class TestGrowingStale:
    @pytest.mark.parametrize(("days", "status"), [(179, "published"), (180, "stale"), (181, "stale")])
    def test_it_takes_half_a_year(self, owner: Actor, days: int, status: str) -> None:
        id = posted(owner, days, reminded_at=ago(days - 166))
        staleness.grow_stale(NIGHT)
        assert read(id).status == status

    def test_nothing_grows_stale_whose_owners_were_not_asked(self, owner: Actor) -> None:
        id = posted(owner, 400)
        assert staleness.grow_stale(NIGHT) == 0
        assert read(id).status == "published"

    @pytest.mark.parametrize(("days", "number"), [(13, 0), (14, 1)])
    def test_owners_asked_late_have_two_weeks_all_the_same(self, owner: Actor, days: int, number: int) -> None:
        posted(owner, 400, reminded_at=ago(days))
        assert staleness.grow_stale(NIGHT) == number

    def test_the_hour_of_the_night_does_not_matter(self, owner: Actor) -> None:
        posted(owner, 180, reminded_at=ago(14, hours=-20))
        assert staleness.grow_stale(NIGHT) == 1

    def test_it_is_audited_and_reaches_the_indexes(self, owner: Actor) -> None:
        id = posted(owner, 180, reminded_at=ago(14))
        staleness.grow_stale(NIGHT)
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry
        assert (entry.actor_kind, entry.action, entry.thing_id) == ("system", "listing.go_stale", id)
        assert (entry.before, entry.after) == ({"status": "published"}, {"status": "stale"})
        assert db.session.scalars(select(OutboxItem.thing_id).where(OutboxItem.topic == "index")).all() == [id]


class TestArchiving:
    @pytest.mark.parametrize(("days", "status"), [(359, "stale"), (360, "archived")])
    def test_what_was_stale_for_half_a_year_leaves_the_public(
        self, app: Flask, owner: Actor, days: int, status: str
    ) -> None:
        id = posted(owner, days, "stale", reminded_at=ago(days - 166))
        staleness.archive(letters(app), NIGHT)
        assert read(id).status == status

    @pytest.mark.parametrize("status", ["published", "stale"])
    def test_what_its_owners_let_expire_leaves_the_public(self, app: Flask, owner: Actor, status: str) -> None:
        over = posted(owner, 1, status, expires_at=ago(0, minutes=1))
        lasts = posted(owner, 1, status, expires_at=ago(-1))
        staleness.archive(letters(app), NIGHT)
        assert (read(over).status, read(lasts).status) == ("archived", status)

    def test_a_need_leaves_the_public_the_day_after_its_deadline(self, app: Flask, owner: Actor) -> None:
        over = posted(owner, 1, kind="need", deadline=date(2026, 12, 31))
        today = posted(owner, 1, kind="need", deadline=date(2027, 1, 1))
        staleness.archive(letters(app), NIGHT)
        assert (read(over).status, read(today).status) == ("archived", "published")

    def test_the_owners_are_told_why(self, app: Flask, owner: Actor) -> None:
        posted(owner, 1, kind="need", title="A well", deadline=date(2026, 12, 31))
        staleness.archive(letters(app), NIGHT)
        (letter,) = mail()
        assert letter.subject == "Archived: A well"
        assert "The deadline of this need has passed" in letter.text


class TestTheNight:
    def test_a_listing_that_nobody_confirms_goes_its_way_day_by_day(self, app: Flask, owner: Actor) -> None:
        start = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
        id = listing("published", owner, moment=start)
        seen = {}
        for day in range(400):
            staleness.keep_true(letters(app), datetime(2026, 3, 1, 2, day % 60, tzinfo=UTC) + timedelta(days=day))
            found = read(id)
            seen.setdefault("asked" if found.status == "published" and found.reminded_at else found.status, day)
        assert seen == {"published": 0, "asked": 166, "stale": 180, "archived": 360}

    def test_a_worker_that_was_away_for_years_hurries_nobody(self, app: Flask, owner: Actor) -> None:
        id = posted(owner, 900)
        seen = {}
        for day in range(250):
            staleness.keep_true(letters(app), NIGHT + timedelta(days=day))
            seen.setdefault(read(id).status, day)
        assert seen == {"published": 0, "stale": 14, "archived": 194}

    def test_imported_listings_are_left_alone(self, app: Flask, owner: Actor) -> None:
        given = {"source": "catalogue", "source_id": "7", "kind": "need", "deadline": date(2020, 1, 1)}
        posted(owner, 900, expires_at=ago(1), **given)
        assert set(staleness.keep_true(letters(app), NIGHT).values()) == {0}

    @pytest.mark.parametrize("status", ["draft", "submitted", "in_review", "rejected", "withdrawn", "archived"])
    def test_what_is_not_public_is_left_alone(self, app: Flask, owner: Actor, status: str) -> None:
        posted(owner, 900, status, expires_at=ago(1))
        assert set(staleness.keep_true(letters(app), NIGHT).values()) == {0}

    def test_a_listing_without_anybody_to_ask_grows_old_all_the_same(self, app: Flask) -> None:
        id = listing("published", moment=ago(170))
        for day in range(20):
            staleness.keep_true(letters(app), NIGHT + timedelta(days=day))
        assert read(id).status == "stale"


class TestTheLink:
    @pytest.fixture
    def asked(self, app: Flask, owner: Actor) -> int:
        id = listing("published", owner, moment=now() - timedelta(days=170))
        staleness.remind(letters(app), now())
        return id

    def test_it_confirms_without_a_sign_in(self, app: Flask, owner: Actor, asked: int) -> None:
        staleness.confirm(letters(app).links, token())
        found = read(asked)
        assert found.confirmed_at
        assert found.confirmed_at > now() - timedelta(minutes=1)
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry
        assert (entry.action, entry.actor_id) == ("listing.confirm", owner.user_id)

    def test_it_makes_a_stale_listing_current_again(self, app: Flask, asked: int) -> None:
        with transaction():
            read(asked).status = "stale"
        staleness.confirm(letters(app).links, token())
        assert read(asked).status == "published"

    def test_looking_at_it_confirms_nothing(self, app: Flask, asked: int) -> None:
        before = read(asked).version
        staleness.asked_about(letters(app).links, token())
        assert read(asked).version == before

    def test_it_works_once(self, app: Flask, asked: int) -> None:
        staleness.confirm(letters(app).links, token())
        with pytest.raises(Conflict, match="confirmed already"):
            staleness.confirm(letters(app).links, token())
        assert db.session.scalar(select(func.count()).where(AuditEntry.action == "listing.confirm")) == 1

    def test_it_works_no_more_once_the_listing_left_the_public(self, app: Flask, owner: Actor, asked: int) -> None:
        listings.withdraw(owner, asked)
        with pytest.raises(Conflict, match="not public any more"):
            staleness.confirm(letters(app).links, token())

    def test_it_works_no_more_for_who_left_the_organisation(self, app: Flask, owner: Actor, asked: int) -> None:
        with transaction():
            user = db.session.get_one(User, owner.user_id)
            user.owner, user.organisation_id = False, None
        with pytest.raises(NotFound):
            staleness.confirm(letters(app).links, token())

    @pytest.mark.parametrize("spoil", [lambda text: text[:-1], lambda text: "", lambda text: text.swapcase()])
    def test_a_changed_one_leads_nowhere(self, app: Flask, asked: int, spoil: object) -> None:
        with pytest.raises(NotFound, match="Copy the whole of it"):
            staleness.confirm(letters(app).links, spoil(token()))  # type: ignore[operator]

    def test_it_does_not_outlive_the_listing(self, app: Flask, asked: int) -> None:
        with transaction():
            db.session.execute(delete(Listing).where(Listing.id == asked))
        with pytest.raises(NotFound):
            staleness.confirm(letters(app).links, token())
