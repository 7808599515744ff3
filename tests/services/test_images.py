"""Pictures: whose they are, who sees them, how many there are and in which order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from pictures import HOSTILE, picture
from sqlalchemy import select
from test_organisations import founded, post, somebody, stored

from matchmaker.errors import Busy, Conflict, Forbidden, Invalid, NotFound
from matchmaker.policy import ANONYMOUS, SYSTEM, Actor
from matchmaker.services import images, listings
from matchmaker.transaction import transaction
from models import AuditEntry, Image, Listing, OutboxItem, db

pytestmark = pytest.mark.usefixtures("app_context")


def keys(listing_id: int) -> list[str]:
    return [image.key for image in images.of_listing(listing_id)]


def last_entry() -> AuditEntry:
    return db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def drafted(organisation_id: int) -> int:
    return listings.draft(SYSTEM, "offer", {"title": "Draft"}, stored(organisation_id)).id


def test_a_picture_is_stored_as_we_encode_it() -> None:
    founder, organisation_id = founded()
    image = images.add(founder, post(organisation_id), picture("JPEG"), "A pump")
    assert (image.media_type, image.width, image.height, image.alternative) == ("image/webp", 60, 40, "A pump")
    assert image.content[:4] == b"RIFF"


def test_a_new_picture_is_a_new_version_of_what_others_may_have_seen() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    with transaction():
        db.session.query(OutboxItem).delete()
    image = images.add(founder, listing_id, picture(), "A pump")
    assert db.session.get_one(Listing, listing_id).version == 2
    assert list(db.session.scalars(select(OutboxItem.thing_id))) == [listing_id]
    entry = last_entry()
    assert (entry.action, entry.before, entry.after) == (
        "listing.add_image",
        {},
        {"image": image.key, "alternative": "A pump"},
    )


def test_a_draft_keeps_its_version_for_the_form_beside() -> None:
    founder, organisation_id = founded()
    listing_id = drafted(organisation_id)
    images.add(founder, listing_id, picture(), "")
    assert db.session.get_one(Listing, listing_id).version == 1
    assert last_entry().action == "listing.add_image"


def test_there_are_at_most_six() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    for _ in range(images.MOST):
        images.add(founder, listing_id, picture(), "")
    with pytest.raises(Conflict, match="at most 6"):
        images.add(founder, listing_id, picture(), "")
    assert len(keys(listing_id)) == 6


def test_pictures_are_put_in_order() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    first, second, third = (images.add(founder, listing_id, picture(), "") for _ in range(3))
    images.move(founder, listing_id, third.id, -1)
    assert keys(listing_id) == [first.key, third.key, second.key]
    images.move(founder, listing_id, first.id, 5)
    assert keys(listing_id) == [third.key, second.key, first.key]
    version = db.session.get_one(Listing, listing_id).version
    images.move(founder, listing_id, third.id, -1)
    assert keys(listing_id) == [third.key, second.key, first.key]
    assert db.session.get_one(Listing, listing_id).version == version


def test_a_picture_is_described_and_removed() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    image = images.add(founder, listing_id, picture(), "")
    images.describe(founder, listing_id, image.id, "A pump in a field")
    assert last_entry().before == {"image": image.key, "alternative": ""}
    key, id = image.key, image.id
    images.remove(founder, listing_id, id)
    assert last_entry().before == {"image": key, "alternative": "A pump in a field"}
    with pytest.raises(NotFound):
        images.find(founder, key)
    with pytest.raises(NotFound):
        images.remove(founder, listing_id, id)


def others() -> list[Actor]:
    """Everybody who must not touch the pictures of somebody else's listings."""
    return [ANONYMOUS, somebody(), founded(name="Blue Loop")[0], somebody(role="moderator")]


def test_only_its_own_side_touches_the_pictures_of_a_listing() -> None:
    _, organisation_id = founded()
    listing_id = post(organisation_id)
    image = images.add(somebody(organisation_id), listing_id, picture(), "")
    for actor in others():
        with pytest.raises(NotFound):
            images.add(actor, listing_id, picture(), "")
        with pytest.raises(NotFound):
            images.describe(actor, listing_id, image.id, "x")
        with pytest.raises(NotFound):
            images.move(actor, listing_id, image.id, 1)
        with pytest.raises(NotFound):
            images.remove(actor, listing_id, image.id)
    assert keys(listing_id) == [image.key]


def test_a_picture_of_another_listing_is_not_found() -> None:
    founder, organisation_id = founded()
    image = images.add(founder, post(organisation_id), picture(), "")
    with pytest.raises(NotFound):
        images.remove(founder, post(organisation_id), image.id)


def test_what_moderators_look_at_stays_as_it_is() -> None:
    founder, organisation_id = founded()
    listing_id = drafted(organisation_id)
    with transaction():
        db.session.get_one(Listing, listing_id).status = "submitted"
    with pytest.raises(Conflict, match="with the moderators"):
        images.add(founder, listing_id, picture(), "")


def test_a_draft_s_picture_is_seen_by_whoever_sees_the_draft() -> None:
    founder, organisation_id = founded()
    key = images.add(founder, drafted(organisation_id), picture(), "").key
    for actor in (founder, somebody(organisation_id)):
        assert images.find(actor, key).content
    for actor in (ANONYMOUS, somebody(), somebody(role="moderator"), founded(name="Blue Loop")[0]):
        with pytest.raises(NotFound):
            images.find(actor, key)


def test_a_picture_leaves_the_public_with_its_listing() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    key = images.add(founder, listing_id, picture(), "").key
    assert images.find(ANONYMOUS, key)
    listings.withdraw(founder, listing_id)
    with pytest.raises(NotFound):
        images.find(ANONYMOUS, key)


def test_pictures_go_with_their_listing() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    key = images.add(founder, listing_id, picture(), "").key
    listings.delete(founder, listing_id, db.session.get_one(Listing, listing_id).version)
    with pytest.raises(NotFound):
        images.find(founder, key)


def test_a_list_of_pictures_does_not_load_them() -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    images.add(founder, listing_id, picture(), "")
    db.session.expunge_all()
    (image,) = images.of_listing(listing_id)
    assert "content" not in image.__dict__


def test_an_organisation_has_one_logo() -> None:
    founder, organisation_id = founded()
    first = images.set_logo(founder, organisation_id, picture(size=(900, 300))).key
    second = images.set_logo(founder, organisation_id, picture(size=(300, 900)))
    logo = images.logo_of(organisation_id)
    assert logo is second
    assert (logo.width, logo.height) == (133, 400)
    assert last_entry().before["image"] == first
    with pytest.raises(NotFound):
        images.find(ANONYMOUS, first)
    images.remove_logo(founder, organisation_id)
    assert images.logo_of(organisation_id) is None
    assert last_entry().action == "organisation.remove_logo"


def test_only_owners_give_a_logo() -> None:
    _, organisation_id = founded()
    with pytest.raises(Forbidden):
        images.set_logo(somebody(organisation_id), organisation_id, picture())
    for actor in (ANONYMOUS, somebody(), founded(name="Blue Loop")[0]):
        with pytest.raises(NotFound):
            images.set_logo(actor, organisation_id, picture())
        with pytest.raises(NotFound):
            images.remove_logo(actor, organisation_id)


@pytest.mark.parametrize("name", ["a page", "a PNG with an archive behind it", "thirty thousand pixels a side"])
def test_a_hostile_file_leaves_nothing_behind(name: str) -> None:
    founder, organisation_id = founded()
    listing_id = post(organisation_id)
    with pytest.raises(Invalid):
        images.add(founder, listing_id, HOSTILE[name], "")
    assert db.session.scalars(select(Image)).all() == []
    assert db.session.get_one(Listing, listing_id).version == 1


def test_a_file_is_not_even_read_for_somebody_who_may_not() -> None:
    _, organisation_id = founded()
    with pytest.raises(NotFound):
        images.add(somebody(), post(organisation_id), HOSTILE["noise"], "")


def test_many_large_pictures_are_read_one_after_the_other(app_context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    founder, organisation_id = founded()
    large = picture("JPEG", (4000, 4000))
    ids = [post(organisation_id, f"Pump {number}") for number in range(4)]
    db.session.commit()
    reading, most, prepared = [0], [0], images.imaging.prepared

    def counted(file: bytes, longest: int) -> object:
        reading[0] += 1
        most[0] = max(most[0], reading[0])
        try:
            return prepared(file, longest)
        finally:
            reading[0] -= 1

    monkeypatch.setattr(images.imaging, "prepared", counted)

    def add(listing_id: int) -> str:
        with app_context.app_context():
            return images.add(founder, listing_id, large, "").key

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(add, ids))) == 4
    assert most == [1]


def test_whoever_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    founder, organisation_id = founded()
    taken = threading.Lock()
    taken.acquire()
    monkeypatch.setattr(images, "_READING", taken)
    monkeypatch.setattr(images, "_PATIENCE", 0.01)
    with pytest.raises(Busy, match="Wait a minute"):
        images.add(founder, post(organisation_id), picture(), "")
