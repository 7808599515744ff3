"""Pictures as people add them and browsers get them."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from people import Person, organisation, person, token
from pictures import HOSTILE, SECRET, photograph, picture
from PIL import Image as Pillow
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, stream_encode_multipart

from matchmaker.policy import SYSTEM
from matchmaker.services import listings
from models import Organisation, db


@pytest.fixture
def owner(app: Flask) -> Person:
    """Somebody who looks after an organisation."""
    with app.app_context():
        number = organisation()
    return person(app, organisation_id=number, owner=True)


def post(app: Flask, whose: Person, **given: Any) -> int:
    with app.app_context():
        of = db.session.get_one(Organisation, whose.actor.organisation_id)
        return listings.publish(SYSTEM, "offer", {"title": "Solar pump", **given}, of).id


def draft(app: Flask, whose: Person) -> int:
    with app.app_context():
        of = db.session.get_one(Organisation, whose.actor.organisation_id)
        return listings.draft(SYSTEM, "offer", {"title": "Solar pump"}, of).id


def send(who: Person, address: str, file: bytes, name: str = "pump.png", **form: str) -> TestResponse:
    """Send the form with a file. In memory throughout: the test client leaves larger ones open on the disk."""
    fields = {"csrf_token": token(who.client), "file": FileStorage(io.BytesIO(file), name), **form}
    body, _, boundary = stream_encode_multipart(fields, threshold=1 << 30)
    kind = f"multipart/form-data; boundary={boundary}"
    return who.client.post(address, data=body.read(), content_type=kind, buffered=True)


def add(who: Person, listing_id: int, file: bytes | None = None, **form: str) -> str:
    """Add a picture; the address it has."""
    assert send(who, f"/offers/{listing_id}/images", file or picture(), **form).status_code == 302
    return str(shown(who.get(f"/offers/{listing_id}/images"))[-1])


def shown(page: TestResponse) -> list[str]:
    return re.findall(r'<img src="(/images/\w+)"', page.text)


def logo(page: TestResponse) -> list[str]:
    return re.findall(r'<img class="logo" src="(/images/\w+)"', page.text)


def test_a_picture_is_added_shown_and_described(app: Flask, owner: Person) -> None:
    listing = post(app, owner)
    address = add(owner, listing)
    assert "not described yet" in owner.get(f"/offers/{listing}/images").text
    number = re.search(r"/images/(\d+)/describe", owner.get(f"/offers/{listing}/images").text)
    assert number
    owner.post(f"/offers/{listing}/images/{number[1]}/describe", {"alternative": 'A "pump" <b>'})
    page = app.test_client().get(f"/offers/{listing}-solar-pump").text
    wanted = f'<img src="{address}" width="60" height="40" alt="A &#34;pump&#34; &lt;b&gt;" loading="lazy">'
    assert wanted in page


def test_pictures_are_put_in_order_and_removed(app: Flask, owner: Person) -> None:
    listing = post(app, owner)
    first, second = add(owner, listing), add(owner, listing)
    place = f"/offers/{listing}/images"
    numbers = re.findall(r"/images/(\d+)/describe", owner.get(place).text)
    owner.post(f"{place}/{numbers[1]}/move", {"where": "earlier"})
    assert shown(owner.get(place)) == [second, first]
    owner.post(f"{place}/{numbers[1]}/move", {"where": "later"})
    assert shown(owner.get(place)) == [first, second]
    owner.post(f"{place}/{numbers[0]}/remove")
    assert shown(owner.get(place)) == [second]
    assert app.test_client().get(first).status_code == 404


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_beside_its_field(app: Flask, owner: Person, name: str) -> None:
    listing = post(app, owner)
    answer = send(owner, f"/offers/{listing}/images", HOSTILE[name], alternative="Kept words")
    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert 'value="Kept words"' in answer.text
    assert shown(answer) == []


@pytest.mark.parametrize("name", ["x.svg", "../../etc/passwd", 'a"; filename=b.png', "x.html", "\u202egnp.exe", ""])
def test_what_the_file_is_called_does_not_matter(app: Flask, owner: Person, name: str) -> None:
    listing = post(app, owner)
    answer = send(owner, f"/offers/{listing}/images", picture(), name)
    # Without a name browsers mean that no file was chosen.
    assert answer.status_code == (302 if name else 422)


def test_no_file_is_asked_for(app: Flask, owner: Person) -> None:
    answer = owner.post(f"/offers/{post(app, owner)}/images", {"alternative": "A pump"})
    assert answer.status_code == 422
    assert "Choose a picture" in answer.text


def test_words_that_are_too_long_are_refused(app: Flask, owner: Person) -> None:
    listing = post(app, owner)
    assert send(owner, f"/offers/{listing}/images", picture(), alternative="x" * 300).status_code == 422
    add(owner, listing)
    number = re.search(r"/images/(\d+)/describe", owner.get(f"/offers/{listing}/images").text)
    assert number
    answer = owner.post(f"/offers/{listing}/images/{number[1]}/describe", {"alternative": "x" * 300})
    assert answer.status_code == 422
    assert "at most 256" in answer.text


def test_a_seventh_picture_is_refused(app: Flask, owner: Person) -> None:
    listing = post(app, owner)
    for _ in range(6):
        add(owner, listing)
    assert "Add a picture" not in owner.get(f"/offers/{listing}/images").text
    answer = send(owner, f"/offers/{listing}/images", picture())
    assert answer.status_code == 409
    assert "at most 6 pictures" in answer.text


def test_others_find_no_such_page(app: Flask, owner: Person) -> None:
    listing = post(app, owner)
    add(owner, listing)
    place = f"/offers/{listing}/images"
    number = re.search(r"/images/(\d+)/describe", owner.get(place).text)
    assert number
    with app.app_context():
        elsewhere = organisation("Blue Loop")
    for other in (person(app), person(app, organisation_id=elsewhere, owner=True), person(app, "administrator")):
        assert other.get(place).status_code == 404
        assert send(other, place, picture()).status_code == 404
        for deed in ("describe", "move", "remove"):
            assert other.post(f"{place}/{number[1]}/{deed}").status_code == 404
    assert app.test_client().get(place).location.startswith("/account/sign-in")
    assert owner.get(f"/needs/{listing}/images").status_code == 404


# How a picture is served


def test_a_picture_can_do_nothing_in_a_browser(app: Flask, owner: Person) -> None:
    answer = app.test_client().get(add(owner, post(app, owner)))
    assert answer.content_type == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert re.fullmatch(r'inline; filename="picture-\w{8}\.webp"', answer.headers["Content-Disposition"])


def test_it_carries_nothing_of_the_photograph_but_its_pixels(app: Flask, owner: Person) -> None:
    content = app.test_client().get(add(owner, post(app, owner), photograph())).data
    assert SECRET not in content
    with Pillow.open(io.BytesIO(content)) as image:
        assert image.size == (40, 60)
        assert not image.getexif()


def test_a_public_picture_is_kept_for_a_year_and_has_no_cookie(app: Flask, owner: Person) -> None:
    address = add(owner, post(app, owner))
    for answer in (app.test_client().get(address), owner.get(address)):
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_picture_that_is_there_already_is_not_sent_again(app: Flask, owner: Person) -> None:
    address = add(owner, post(app, owner))
    tag = app.test_client().get(address).headers["ETag"]
    again = app.test_client().get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_private_picture_is_for_its_own_side_and_kept_nowhere(app: Flask, owner: Person) -> None:
    address = add(owner, draft(app, owner))
    answer = owner.client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "ETag" not in answer.headers
    for reader in (app.test_client(), person(app).client, person(app, "moderator").client):
        answer = reader.get(address)
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("key", ["0" * 32, "x", "%00", "a" * 5000])
def test_a_guessed_address_is_not_found(app: Flask, key: str) -> None:
    assert app.test_client().get(f"/images/{key}").status_code == 404


# Logos


def test_a_logo_stands_on_the_page_and_beside_listings(app: Flask, owner: Person) -> None:
    place = f"/organisations/{owner.actor.organisation_id}"
    assert send(owner, f"{place}/logo", picture(size=(800, 400))).status_code == 302
    (address,) = logo(owner.get(place))
    listing = post(app, owner)
    assert logo(app.test_client().get(f"/offers/{listing}-solar-pump")) == [address]
    answer = app.test_client().get(address)
    assert "public" in answer.headers["Cache-Control"]
    with Pillow.open(io.BytesIO(answer.data)) as image:
        assert image.size == (400, 200)
    owner.post(f"{place}/logo/remove")
    assert logo(owner.get(place)) == []
    assert app.test_client().get(address).status_code == 404


def test_a_logo_never_stands_beside_an_anonymous_listing(app: Flask, owner: Person) -> None:
    send(owner, f"/organisations/{owner.actor.organisation_id}/logo", picture())
    listing = post(app, owner, anonymous=True)
    for reader in (app.test_client(), owner.client, person(app, "moderator").client):
        assert logo(reader.get(f"/offers/{listing}-solar-pump")) == []


@pytest.mark.parametrize("name", ["a page", "nothing", "a vector drawing"])
def test_a_hostile_logo_is_refused_beside_its_field(app: Flask, owner: Person, name: str) -> None:
    answer = send(owner, f"/organisations/{owner.actor.organisation_id}/logo", HOSTILE[name])
    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text


def test_static_files_never_carry_the_session(app: Flask, owner: Person) -> None:
    style = re.search(r'href="(/static/app\.css[^"]*)"', owner.get("/").text)
    assert style
    answer = owner.get(style[1])
    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
