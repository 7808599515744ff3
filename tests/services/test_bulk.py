"""Imports through the browser, as services: checked, run by workers, undone; and what comes out goes in again."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import organisation
from spreadsheets import FORMATS, workbook, written
from sqlalchemy import func, select, update

from matchmaker import worker
from matchmaker.errors import Conflict, Forbidden, NotFound, UnusableFile
from matchmaker.policy import ANONYMOUS, SYSTEM, Actor
from matchmaker.schemas import listing_schema
from matchmaker.services import bulk, bulk_columns, bulk_run, bulk_undo, exporting, listings, outbox
from matchmaker.transaction import transaction
from models import AuditEntry, Image, Import, ImportChange, Listing, Match, User, db
from models.base import now
from models.taxonomy import BENEFITS, CATEGORIES, IP_KINDS, IP_STATUSES, PARTNERSHIPS, SDGS, SUBCATEGORIES

pytestmark = pytest.mark.usefixtures("app_context")


def member(organisation_id: int, name: str = "a") -> Actor:
    with transaction():
        user = User(email=f"{name}@example.org", organisation_id=organisation_id, confirmed_at=now())
        db.session.add(user)
        db.session.flush()
        return Actor("user", user.id, organisation_id)


@pytest.fixture
def actor(app_context: Flask) -> Actor:
    return member(organisation())


def csv(*rows: str, header: str = "number,title,summary,trl") -> bytes:
    """A file of the rows, each in the category of water unless the header names another column of that name."""
    before = ("", "") if "category" in header.split(",") else ("category,", "water,")
    return "\r\n".join([before[0] + header, *(before[1] + row for row in rows), ""]).encode()


def many(count: int) -> bytes:
    return csv(*(f",Pump of size {n},Good.,{n % 9 + 1}" for n in range(1, count + 1)))


def checked(actor: Actor, content: bytes, kind: str = "offer", name: str = "a.csv") -> Import:
    return bulk.check(actor, kind, name, content)


def run(actor: Actor, content: bytes, kind: str = "offer", name: str = "a.csv") -> Import:
    """An import that is done."""
    started = bulk.start(actor, checked(actor, content, kind, name).id)
    while bulk_run.run_next("tests"):
        pass
    db.session.refresh(started)
    return started


def all_listings() -> list[Listing]:
    return list(db.session.scalars(select(Listing).order_by(Listing.id).execution_options(populate_existing=True)))


def own(actor: Actor, **values: Any) -> Listing:
    """A published listing of the actor's organisation."""
    listing = listings.publish(SYSTEM, "offer", listing_schema("offer").load({"title": "Kiln", "trl": 5, **values}))
    with transaction():
        db.session.execute(
            update(Listing).values(organisation_id=actor.organisation_id).where(Listing.id == listing.id)
        )
    db.session.refresh(listing)
    return listing


# Checking


def test_a_check_counts_what_a_run_would_do_and_stores_no_listing(actor: Actor) -> None:
    kiln = own(actor)
    found = checked(actor, csv(",Pump,Good.,7", f"{kiln.id},Better kiln,,5", ",Bad,Good.,17", "example,Left out,,"))
    assert (found.status, found.total, found.added, found.changed, found.failed) == ("checked", 3, 1, 1, 1)
    assert [listing.title for listing in all_listings()] == ["Kiln"]


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        (",Pump,Good.,17", "trl", "Use a level from 1 to 9."),
        (",,A summary,", "title", "The row has no title."),
        (",---,Good.,", "title", "at least one letter or digit"),
        (",Pump,,", "summary", "The row has no summary."),
        ("99,Pump,,", "number", "has no listing with this number"),
        ("-1,Pump,,", "number", "has no listing with this number"),
        ("9999999999999999999999,Pump,,", "number", "has no listing with this number"),
        ("seven,Pump,,", "number", "has no listing with this number"),
        (f",{'x' * 257},,", "title", "at most 256 characters"),
        (",Pump,,7,8", "", "The row has 6 cells, but the header names 5 columns."),
        (',"Pump,,', "", "The row cannot be read"),
    ],
)
def test_a_problem_names_its_row_and_column_and_how_to_mend_it(actor: Actor, row: str, column: str, said: str) -> None:
    found = checked(actor, csv(",Good,Good.,", row))
    problem = found.problems[0]
    assert (problem["row"], problem["column"]) == (3, column)
    assert said in problem["problem"]
    assert problem["remedy"]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("category", "energetics", "is not a category. Use one of: buildings-construction"),
        ("subcategory", "solar", "does not belong to the category 'water'"),
        ("benefits", "energy-saving", "'energy-saving' is not written as tag|quantity|unit|baseline."),
        ("benefits", "energy-saving|lots", "item 1: quantity: Write a number in digits"),
        ("available_in", "KE; Kenia", "'Kenia' is not an ISO 3166-1 two-letter country code"),
        ("anonymous", "perhaps", "Not a valid boolean."),
        ("ip_as_of", "31.3.2027", "Write the day as year, month and day"),
        ("deadline", "2027-03-31", "A listing of kind offer has none."),
        ("kind", "wish", "There is no such kind."),
    ],
)
def test_a_cell_that_is_no_value_of_its_field_is_a_problem(actor: Actor, column: str, cell: str, said: str) -> None:
    found = checked(actor, csv(f",Pump,Good.,{cell}", header=f"number,title,summary,{column}"))
    assert [problem["column"] for problem in found.problems] == [column]
    assert said in found.problems[0]["problem"]


def test_a_number_that_stands_in_two_rows_is_a_problem_of_the_second(actor: Actor) -> None:
    kiln = own(actor)
    found = checked(actor, csv(f"{kiln.id},One,,", f"{kiln.id}.0,Two,,"))
    assert (found.changed, [p["problem"] for p in found.problems]) == (1, ["Row 2 has the same number."])


def test_a_listing_with_the_moderators_or_of_another_organisation_is_not_changed(actor: Actor) -> None:
    other = member(organisation("Others"), "other")
    mine, theirs = own(actor), own(other)
    with transaction():
        db.session.execute(update(Listing).values(status="in_review").where(Listing.id == mine.id))
    found = checked(actor, csv(f"{mine.id},New,,", f"{theirs.id},New,,"))
    assert [problem["problem"] for problem in found.problems] == [
        "This listing is with the moderators.",
        "Your organisation has no listing with this number.",
    ]


def test_only_a_member_of_an_organisation_sends_files(actor: Actor) -> None:
    for nobody in (ANONYMOUS, Actor("user", 1), Actor("staff", 1, role="administrator")):
        with pytest.raises(Forbidden):
            checked(nobody, csv(",Pump,Good.,"))


def test_an_import_is_found_by_its_own_organisation_and_administrators_only(actor: Actor) -> None:
    found = checked(actor, csv(",Pump,Good.,"))
    other = member(organisation("Others"), "other")
    assert bulk.find(member(actor.organisation_id or 0, "b"), found.id) is found
    assert bulk.find(Actor("staff", 1, role="administrator"), found.id) is found
    for stranger in (ANONYMOUS, other, Actor("user", 1), Actor("staff", 1, role="moderator")):
        with pytest.raises(NotFound):
            bulk.find(stranger, found.id)
    with pytest.raises(Forbidden):
        bulk.start(Actor("staff", 1, role="administrator"), found.id)


def test_files_pile_up_only_so_far(actor: Actor) -> None:
    for _ in range(bulk.MOST_UNSTARTED):
        checked(actor, csv(",Pump,Good.,"))
    with pytest.raises(Conflict, match="Start or discard"):
        checked(actor, csv(",Pump,Good.,"))


def test_a_discarded_file_is_gone_and_a_started_one_cannot_be_discarded(actor: Actor) -> None:
    bulk.cancel(actor, checked(actor, csv(",Pump,Good.,")).id)
    assert bulk.latest(actor) == []
    started = bulk.start(actor, checked(actor, csv(",Pump,Good.,")).id)
    with pytest.raises(Conflict):
        bulk.cancel(actor, started.id)


def test_files_that_nobody_starts_are_forgotten_after_a_week(actor: Actor) -> None:
    old, new = checked(actor, csv(",Pump,Good.,")), checked(actor, csv(",Pump,Good.,"))
    with transaction():
        db.session.execute(update(Import).values(created_at=now() - timedelta(days=8)).where(Import.id == old.id))
    assert bulk.forget_unstarted() == 1
    assert [left.id for left in bulk.latest(actor)] == [new.id]


def test_a_file_of_nothing_but_the_example_says_so(actor: Actor) -> None:
    for kind in ("offer", "need"):
        for format in FORMATS:
            with pytest.raises(UnusableFile, match="holds only the example"):
                checked(actor, written(format, *bulk_columns.template(kind)), kind, f"t.{format}")


@pytest.mark.parametrize("kind", ["offer", "need"])
def test_the_example_of_the_template_is_a_good_row_itself(actor: Actor, kind: str) -> None:
    header, example = bulk_columns.template(kind)
    found = checked(actor, written("xlsx", header, [None, *example[1:]]), kind, "t.xlsx")
    assert (found.added, found.problems) == (1, [])


# Running


def test_new_rows_go_to_the_moderators_as_the_organisations_own(actor: Actor) -> None:
    done = run(actor, csv(",Pump,Lifts water.,7"))
    (listing,) = all_listings()
    assert (done.status, done.done, done.added, done.finished_at is not None) == ("done", 1, 1, True)
    assert (listing.title, listing.trl, listing.status) == ("Pump", 7, "submitted")
    assert (listing.organisation_id, listing.created_by_id) == (actor.organisation_id, actor.user_id)
    assert listing.import_id == done.id
    assert listing.submitted_at is not None


def test_a_row_with_a_number_changes_what_its_columns_say_and_nothing_else(actor: Actor) -> None:
    kiln = own(actor, description="Burns lime.", keywords=["lime"], anonymous=True)
    header = "number,summary,trl,keywords,anonymous,title"
    done = run(actor, csv(f"{kiln.id},Saves wood.,,,,", header=header))
    db.session.refresh(kiln)
    assert (done.changed, kiln.version, kiln.status) == (1, 2, "published")
    assert (kiln.summary, kiln.trl, kiln.keywords) == ("Saves wood.", None, [])
    # An empty cell clears neither a title nor a mask.
    assert (kiln.title, kiln.description, kiln.anonymous) == ("Kiln", "Burns lime.", True)


def test_what_was_good_is_stored_beside_what_was_not(actor: Actor) -> None:
    done = run(actor, csv(",Pump,Good.,", ",Bad,Good.,17", ",Kiln,Good.,"))
    assert (done.added, done.failed, done.done) == (2, 1, 3)
    assert done.problems[0]["row"] == 3


def test_one_file_may_hold_both_kinds(actor: Actor) -> None:
    header = "title,summary,kind,available_in,wanted_in"
    run(actor, csv("Pump,Good.,offer,KE,", "Dry well,Bad.,need,,KE", "Kiln,Hot.,,,", header=header))
    assert [(row.kind, row.available_in, row.wanted_in) for row in all_listings()] == [
        ("offer", ["KE"], []),
        ("need", [], ["KE"]),
        ("offer", [], []),
    ]


def test_the_file_is_forgotten_once_it_is_stored(actor: Actor) -> None:
    done = run(actor, csv(",Pump,Good.,"))
    assert db.session.scalar(select(Import.content).where(Import.id == done.id)) is None


def test_start_and_undo_stand_in_the_audit_trail(actor: Actor) -> None:
    done = run(actor, csv(",Pump,Good.,"))
    bulk_undo.undo(actor, done.id)
    said = select(AuditEntry.action, AuditEntry.actor_id).where(AuditEntry.thing_kind == "import")
    assert [tuple(row) for row in db.session.execute(said)] == [
        ("import.start", actor.user_id),
        ("import.undo", actor.user_id),
    ]


def test_an_import_is_started_once_and_one_at_a_time(actor: Actor) -> None:
    first, second = checked(actor, csv(",Pump,Good.,")), checked(actor, csv(",Kiln,Good.,"))
    bulk.start(actor, first.id)
    with pytest.raises(Conflict, match="started already"):
        bulk.start(actor, first.id)
    with pytest.raises(Conflict, match="under way"):
        bulk.start(actor, second.id)
    bulk_run.run_next("tests")
    assert bulk.start(actor, second.id).status == "waiting"


def test_a_file_of_bad_rows_only_is_not_started(actor: Actor) -> None:
    with pytest.raises(Conflict, match="No row of this file"):
        bulk.start(actor, checked(actor, csv(",Bad,Good.,17")).id)


def stopping_after(batches: int) -> Any:
    """Tells a worker to stop once it has stored so many batches."""
    looks = iter(range(batches + 1))
    return lambda: next(looks) >= batches


def test_a_stopped_run_goes_on_behind_its_last_batch(actor: Actor) -> None:
    started = bulk.start(actor, checked(actor, many(250)).id)
    bulk_run.run_next("first", stopping_after(1))
    db.session.refresh(started)
    assert (started.status, started.done, len(all_listings())) == ("running", 100, 100)
    bulk_run.run_next("second")
    db.session.refresh(started)
    assert (started.status, started.done, started.added) == ("done", 250, 250)
    assert [listing.title for listing in all_listings()] == [f"Pump of size {n}" for n in range(1, 251)]


def test_a_run_that_is_killed_inside_a_batch_doubles_nothing(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    started = bulk.start(actor, checked(actor, many(250)).id)
    submitted = bulk_run.after
    left = iter(range(150))

    class Killed(BaseException):
        """What nothing in the product handles."""

    def dying(action: str, status: str) -> str:
        if next(left, None) is None:
            raise Killed
        return submitted(action, status)

    monkeypatch.setattr(bulk_run, "after", dying)
    with pytest.raises(Killed):
        bulk_run.run_next("first")
    monkeypatch.undo()
    db.session.refresh(started)
    assert started.done == len(all_listings()) == 100
    bulk_run.run_next("second")
    assert [listing.title for listing in all_listings()] == [f"Pump of size {n}" for n in range(1, 251)]


def test_a_long_import_lets_the_worker_see_to_other_work_in_between(actor: Actor) -> None:
    started = bulk.start(actor, checked(actor, many(1_001)).id)
    assert bulk_run.run_next("tests") == 1
    db.session.refresh(started)
    assert (started.status, started.done) == ("running", 1_000)
    assert outbox.depth("import").leased == 0
    bulk_run.run_next("tests")
    db.session.refresh(started)
    assert started.status == "done"
    assert outbox.depth("import").waiting == 0


def test_two_workers_with_the_same_import_never_double_a_row(app_context: Flask, actor: Actor) -> None:
    started = bulk.start(actor, checked(actor, many(300)).id)
    number = started.id
    ready = threading.Barrier(2)

    def work() -> None:
        with app_context.app_context():
            ready.wait()
            # What both would do when the lease of one ran out.
            bulk_run._run(number, lambda: False)
            db.session.remove()

    threads = [threading.Thread(target=work) for _ in range(2)]
    db.session.commit()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bulk_run._run(number, lambda: False)
    db.session.refresh(started)
    assert (started.status, started.added) == ("done", 300)
    assert len(all_listings()) == 300


def test_the_worker_runs_imports(app_context: Flask, actor: Actor) -> None:
    started = bulk.start(actor, checked(actor, csv(",Pump,Good.,")).id)
    db.session.commit()

    class Once(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    worker.run(app_context, Once())
    db.session.refresh(started)
    assert started.status == "done"


def test_a_row_whose_listing_changed_hands_since_the_check_is_left_out(actor: Actor) -> None:
    kiln = own(actor)
    started = bulk.start(actor, checked(actor, csv(f"{kiln.id},Better,,", ",Pump,Good.,")).id)
    with transaction():
        db.session.execute(update(Listing).values(status="submitted").where(Listing.id == kiln.id))
    bulk_run.run_next("tests")
    db.session.refresh(started)
    assert (started.added, started.changed, started.failed) == (1, 0, 1)
    assert "with the moderators" in started.problems[0]["problem"]


def test_an_import_of_somebody_who_left_stops_and_says_why(actor: Actor) -> None:
    started = bulk.start(actor, checked(actor, csv(",Pump,Good.,")).id)
    with transaction():
        db.session.execute(update(User).values(organisation_id=None))
    bulk_run.run_next("tests")
    db.session.refresh(started)
    assert (started.status, all_listings()) == ("failed", [])
    assert "has left the organisation" in (started.error or "")


def test_an_import_that_fails_ten_times_makes_way_for_the_next(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    started = bulk.start(actor, checked(actor, csv(",Pump,Good.,")).id)

    def broken(*_: object) -> bool:
        raise ValueError("the moon")

    monkeypatch.setattr(bulk_run, "_run", broken)
    monkeypatch.setattr(outbox, "_wait", lambda _: timedelta(0))
    for _ in range(outbox.MOST_ATTEMPTS):
        bulk_run.run_next("tests")
    db.session.refresh(started)
    assert started.status == "failed"
    assert "can be undone" in (started.error or "")


# Undoing


def test_undoing_removes_what_was_made_and_restores_what_was_changed(actor: Actor) -> None:
    kiln = own(actor, keywords=["lime"])
    done = run(actor, csv(",Pump,Good.,7", f"{kiln.id},Better kiln,New.,9"))
    assert bulk_undo.undo(actor, done.id) == bulk_undo.Undone(removed=1, restored=1, kept=0)
    (left,) = all_listings()
    assert (left.title, left.summary, left.trl, left.keywords, left.status) == ("Kiln", "", 5, ["lime"], "published")
    assert done.status == "undone"


def test_values_of_every_kind_come_back(actor: Actor) -> None:
    said = {"title": "Well", "summary": "Dry.", "category": "water", "deadline": "2027-03-31", "sdgs": [6]}
    need = listing_schema("need").load({**said, "budget_amount": "12.50", "budget_currency": "EUR"})
    made = run(actor, written("csv", list(need), [bulk_columns.cell_of(n, v) for n, v in need.items()]), "need")
    before = listings.content_of(all_listings()[0])
    with transaction():
        db.session.execute(update(Listing).values(status="published", published_at=now()))
    header = "number,budget_amount,budget_currency,deadline,sdgs"
    done = run(actor, csv(f"{all_listings()[0].id},,,,", header=header), "need")
    assert listings.content_of(all_listings()[0]) != before
    bulk_undo.undo(actor, done.id)
    assert listings.content_of(all_listings()[0]) == before
    assert bulk_undo.undo(replace(actor, owner=True), made.id).removed == 1


def published(actor: Actor) -> Import:
    """An import whose one listing moderators have approved."""
    done = run(actor, csv(",Pump,Good.,"))
    with transaction():
        db.session.execute(update(Listing).values(status="published", published_at=now(), version=5))
    return done


def test_a_published_listing_nobody_touched_is_removed_by_an_owner(actor: Actor) -> None:
    done = published(actor)
    assert bulk_undo.undo(replace(actor, owner=True), done.id).removed == 1
    assert outbox.depth("index").waiting


def test_a_published_listing_is_not_removed_by_a_member(actor: Actor) -> None:
    done = published(actor)
    assert bulk_undo.undo(actor, done.id) == bulk_undo.Undone(removed=0, restored=0, kept=1)
    assert "only owners" in bulk_undo.kept(actor, done)[0].why


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"summary": "Touched."}, "It has been changed since."),
        ({"status": "in_review"}, "A moderator is reading it."),
        ({"status": "rejected"}, "The moderators have rejected it; that stays on record."),
    ],
)
def test_what_somebody_touched_stays_and_says_why(actor: Actor, values: dict[str, str], why: str) -> None:
    done = run(actor, csv(",Pump,Good.,", ",Kiln,Good.,"))
    with transaction():
        db.session.execute(update(Listing).values(**values).where(Listing.title == "Pump"))
    assert bulk_undo.undo(actor, done.id) == bulk_undo.Undone(removed=1, restored=0, kept=1)
    assert [(one.listing.title, one.why) for one in bulk_undo.kept(actor, done)] == [("Pump", why)]


def test_a_changed_listing_that_was_changed_again_stays(actor: Actor) -> None:
    kiln = own(actor)
    done = run(actor, csv(f"{kiln.id},Better,,"))
    db.session.refresh(kiln)
    listings.revise(SYSTEM, kiln.id, kiln.version, {"summary": "Later."})
    assert bulk_undo.undo(actor, done.id) == bulk_undo.Undone(removed=0, restored=0, kept=1)
    assert kiln.title == "Better"


def test_listings_with_pictures_or_in_an_introduction_stay(actor: Actor) -> None:
    done = run(actor, csv(",Pump,Good.,", ",Kiln,Good.,", ",Still,Good.,"))
    need = listings.publish(SYSTEM, "need", {"title": "Dry well"})
    pump, kiln, _still, _need = all_listings()
    with transaction():
        db.session.add(Image(key="k", listing_id=pump.id, media_type="image/png", width=1, height=1, content=b"p"))
        pair = {"need_version": 1, "offer_version": 1, "score": 0.5, "model": "m", "ranker": "r"}
        db.session.add(Match(need_id=need.id, offer_id=kiln.id, status="introduced", **pair))
    assert bulk_undo.undo(actor, done.id) == bulk_undo.Undone(removed=1, restored=0, kept=2)
    assert [one.why for one in bulk_undo.kept(actor, done)] == [
        "It has pictures now.",
        "It has been brought together with another one.",
    ]


def test_an_import_is_undone_once_and_by_its_own_organisation(actor: Actor) -> None:
    done = run(actor, many(201))
    with pytest.raises(NotFound):
        bulk_undo.undo(member(organisation("Others"), "other"), done.id)
    with pytest.raises(Forbidden):
        bulk_undo.undo(Actor("staff", 1, role="administrator"), done.id)
    assert bulk_undo.undo(member(actor.organisation_id or 0, "b"), done.id).removed == 201
    with pytest.raises(Conflict):
        bulk_undo.undo(actor, done.id)


def test_what_is_not_done_cannot_be_undone(actor: Actor) -> None:
    with pytest.raises(Conflict):
        bulk_undo.undo(actor, checked(actor, csv(",Pump,Good.,")).id)


# Out and in again

_TEXT = st.text(st.sampled_from("aé=+-@|%;\\'\" \n\t，＝ضع字") | st.characters(exclude_categories=["Cs"]), max_size=30)
_COUNTRIES = st.lists(st.sampled_from(["KE", "TZ", "EG", "NA", "NO"]), max_size=4)
_QUANTITIES = st.floats(-1e15, 1e15)
_DAYS = st.dates().map(str)


def _both(kind: str) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "title": _TEXT.map(lambda text: f"{text}a"),
        "summary": _TEXT,
        "description": _TEXT,
        "language": st.sampled_from(["und", "en", "zh-Hans"]),
        "keywords": st.lists(_TEXT, max_size=5),
        "sdgs": st.lists(st.sampled_from(list(SDGS)), max_size=5),
        "benefits": st.lists(
            st.fixed_dictionaries(
                {"tag": st.sampled_from(list(BENEFITS)), "quantity": _QUANTITIES},
                optional={"unit": _TEXT, "baseline": _TEXT},
            ),
            max_size=3,
        ),
        "trl": st.none() | st.integers(1, 9),
        "partnerships": st.lists(st.sampled_from(list(PARTNERSHIPS))),
        "ip_kind": st.sampled_from(list(IP_KINDS)),
        "ip_status": st.sampled_from(list(IP_STATUSES)),
        "ip_publications": st.lists(_TEXT, max_size=3),
        "ip_countries": _COUNTRIES,
        "ip_as_of": st.none() | _DAYS,
        "open_to_interest": st.booleans(),
        "anonymous": st.booleans(),
    }


@st.composite
def contents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A valid listing of either kind with any of its fields."""
    kind = draw(st.sampled_from(["offer", "need"]))
    fields = _both(kind)
    if kind == "offer":
        fields |= dict.fromkeys(["developed_in", "deployed_in", "available_in"], _COUNTRIES)
    else:
        fields |= {
            "wanted_in": _COUNTRIES,
            "problem": _TEXT,
            "constraints": _TEXT,
            "deadline": st.none() | _DAYS,
            "targets": st.lists(
                st.fixed_dictionaries(
                    {"name": _TEXT.map(lambda text: f"{text}a"), "quantity": _QUANTITIES}, optional={"unit": _TEXT}
                ),
                max_size=3,
            ),
        }
    given = draw(st.fixed_dictionaries({"title": fields.pop("title")}, optional=fields))
    if category := draw(st.none() | st.sampled_from(list(CATEGORIES))):
        given |= {"category": category, "subcategory": draw(st.none() | st.sampled_from(list(SUBCATEGORIES[category])))}
    if kind == "need" and draw(st.booleans()):
        amount = draw(st.decimals(0, 10**13, places=2))
        given |= {"budget_amount": amount, "budget_currency": draw(st.sampled_from(["EUR", "KES"]))}
    return kind, dict(listing_schema(kind).load(given))


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(catalogue=st.lists(contents(), min_size=1, max_size=4))
def test_an_export_that_is_imported_changes_nothing(
    actor: Actor, format: str, catalogue: list[tuple[str, dict[str, Any]]]
) -> None:
    with transaction():
        for listing in all_listings():
            db.session.delete(listing)
        for listing in db.session.scalars(select(Import)):
            db.session.delete(listing)
        db.session.add_all(
            Listing(kind=kind, organisation_id=actor.organisation_id, **values) for kind, values in catalogue
        )
    content = written(format, exporting.COLUMNS, *exporting.own_listings(actor))
    found = checked(actor, content, name=f"a.{format}")
    assert found.problems == []
    assert (found.total, found.added, found.changed) == (len(catalogue), 0, 0)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(catalogue=st.lists(contents(), min_size=1, max_size=4))
def test_rows_without_numbers_bring_every_field_back(
    actor: Actor, format: str, catalogue: list[tuple[str, dict[str, Any]]]
) -> None:
    for _, values in catalogue:
        values |= {"summary": values["summary"] or "-", "category": values["category"] or "water"}
    made = [Listing(kind=kind, **values) for kind, values in catalogue]
    rows = [[bulk_columns.cells_of(one).get(name) for name in exporting.COLUMNS] for one in made]
    with transaction():
        for listing in all_listings():
            db.session.delete(listing)
    run(actor, written(format, exporting.COLUMNS, *rows), name=f"a.{format}")
    plain = [{name: getattr(one, name) for name in bulk_columns.FIELDS[one.kind]} for one in all_listings()]
    assert plain == [values for _, values in catalogue]


def test_own_listings_are_all_of_them_and_nobody_elses(actor: Actor) -> None:
    mine, other = own(actor), member(organisation("Others"), "other")
    own(other)
    run(actor, many(250))
    assert next(row[0] for row in exporting.own_listings(actor)) == mine.id
    assert len(list(exporting.own_listings(actor))) == 251
    for nobody in (ANONYMOUS, Actor("user", 1), Actor("staff", 1, role="administrator")):
        with pytest.raises(Forbidden):
            exporting.own_listings(nobody)


def test_a_workbook_of_somebody_elses_program_is_read(actor: Actor) -> None:
    header, good = ["Title", "Summary", "Category", "TRL"], ["Pump", "Good.", "Water"]
    found = checked(actor, workbook(header, [*good, 7], [None], [*good, 11]), name="a.xlsx")
    assert (found.added, [problem["row"] for problem in found.problems]) == (1, [4])


def test_unfinished_imports_of_a_removed_listing_leave_no_trace(actor: Actor) -> None:
    run(actor, csv(",Pump,Good.,"))
    (pump,) = all_listings()
    listings.delete(SYSTEM, pump.id, pump.version)
    assert db.session.scalar(select(func.count()).select_from(ImportChange)) == 0
