"""Bringing listings in and taking them out, as a member and as staff do it in a browser without JavaScript."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from catalogue import fill
from flask import Flask
from people import Person, organisation, person
from spreadsheets import FORMATS, cells, written
from werkzeug.test import TestResponse

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import bulk, bulk_run, exporting, indexing, listings
from matchmaker.transaction import transaction

ATTACKS = ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "|x", "%x", "＝1", "＋1", "－1", "＠1")
FILE = b"title,summary,trl,category\r\nSolar still,Fresh water.,7,water\r\nBad,No.,17,water\r\nKiln,Lime.,,energy\r\n"


@pytest.fixture
def member(app: Flask) -> Person:
    with app.app_context():
        number = organisation()
    return person(app, organisation_id=number)


def send(who: Person, content: bytes = FILE, name: str = "a.csv", kind: str = "offer") -> TestResponse:
    return who.post("/my/imports/new", {"kind": kind, "file": (io.BytesIO(content), name)})


def text(answer: TestResponse) -> str:
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def work(app: Flask) -> None:
    with app.app_context():
        while bulk_run.run_next("tests"):
            pass


def test_a_file_is_sent_checked_started_run_and_undone(app: Flask, member: Person) -> None:
    assert "Bring many listings in at once" in text(member.get("/my/imports"))
    place = send(member).location
    page = text(member.get(place))
    assert "2 rows add a listing each" in page
    assert "1 row cannot be used" in page
    assert "Use a level from 1 to 9." in page
    assert b'"3"' not in member.get(f"{place}/problems.csv").data
    assert cells("csv", member.get(f"{place}/problems.csv").data)[1][:3] == ["3", "trl", "17"]
    assert member.post(f"{place}/start").location == place
    page = text(member.get(place))
    assert 'http-equiv="refresh"' in page
    assert '<progress max="3" value="0"' in page
    work(app)
    page = text(member.get(place))
    assert "refresh" not in page
    assert "2 listings added" in page
    assert re.search(r'href="/offers/\d+-solar-still"[^>]*>Solar still', page)
    assert "done" in text(member.get("/my/imports"))
    assert member.post(f"{place}/undo").location == place
    page = text(member.get(place))
    assert "2 listings were removed." in page
    assert "This import is undone." in page


def test_a_file_that_cannot_be_read_is_told_beside_the_form_which_keeps_its_choice(member: Person) -> None:
    answer = send(member, b"titel\nPump", kind="need")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "titel (did you mean title?)" in page
    assert re.search(r'value="need" required checked', page)


def test_a_form_that_lacks_something_says_so(member: Person) -> None:
    assert member.post("/my/imports/new").status_code == 422
    assert member.post("/my/imports/new", {"kind": "offer"}).status_code == 422
    assert send(member, kind="wish").status_code == 422


def test_a_file_is_discarded(member: Person) -> None:
    place = send(member).location
    assert "discarded" in text(member.post(f"{place}/discard", follow_redirects=True))
    assert member.get(place).status_code == 404


def test_a_second_start_is_refused_in_words(member: Person) -> None:
    place = send(member).location
    member.post(f"{place}/start")
    answer = member.post(f"{place}/start")
    assert answer.status_code == 409
    assert "started already" in answer.get_data(as_text=True)


def test_what_stays_after_undoing_is_listed_with_its_reason(app: Flask, member: Person) -> None:
    place = send(member).location
    member.post(f"{place}/start")
    work(app)
    with app.app_context(), transaction():
        (still,) = [one for one, _ in bulk.touched(bulk.latest(member.actor)[0]) if one.title == "Solar still"]
        still.summary = "Somebody was here."
    member.post(f"{place}/undo")
    page = text(member.get(place))
    assert "What stayed" in page
    assert "It has been changed since." in page


@pytest.mark.parametrize("kind", ["offers", "needs"])
@pytest.mark.parametrize("format", FORMATS)
def test_the_template_goes_in_as_it_is_once_it_has_a_row(member: Person, kind: str, format: str) -> None:
    answer = member.get(f"/my/imports/template-{kind}.{format}")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=matchmaker-template-{kind}.{format}"
    header, example = cells(format, answer.data)
    given = {"title": "Pump", "summary": "Lifts water.", "category": "water"}
    row = [given.get(name) for name in header]
    place = send(member, written(format, header, example, row), f"t.{format}", kind[:-1]).location
    assert "1 row adds a listing" in text(member.get(place))


def test_the_workbook_explains_its_columns_on_a_second_sheet(member: Person) -> None:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(member.get("/my/imports/template-offers.xlsx").data))
    assert book.sheetnames == ["Listings", "What the columns hold"]
    explained = {row[0]: row for row in book.worksheets[1].iter_rows(values_only=True)}
    assert "water (Water)" in str(explained["category"][2])
    assert "desalination (Water: Desalination)" in str(explained["subcategory"][2])


ADDRESSES = (
    "/my/imports",
    "/my/imports/new",
    "/my/imports/template-offers.csv",
    "/my/listings.csv",
    "/offers/results.csv",
)


@pytest.mark.parametrize("address", [*ADDRESSES, "/my/imports/1", "/my/imports/1/problems.csv"])
def test_visitors_are_asked_to_sign_in(app: Flask, address: str) -> None:
    answer = app.test_client().get(address)
    assert answer.status_code == 302
    assert "/account/sign-in" in answer.location


def test_others_find_nothing_of_an_import(app: Flask, member: Person) -> None:
    place = send(member).location
    with app.app_context():
        other = organisation("Others")
    for stranger in (person(app, organisation_id=other), person(app), person(app, "moderator")):
        assert stranger.get(place).status_code == 404
        assert stranger.get(f"{place}/problems.csv").status_code == 404
        for action in ("start", "discard", "undo"):
            assert stranger.post(f"{place}/{action}").status_code == 404
        assert "a.csv" not in text(stranger.get("/my/imports"))
    administrator = person(app, "administrator")
    assert "Start the import" not in text(administrator.get(place))
    assert administrator.post(f"{place}/start").status_code == 403


def test_somebody_without_an_organisation_is_told_what_to_do_first(app: Flask) -> None:
    alone = person(app)
    assert "Make yours, or ask a colleague" in text(alone.get("/my/imports"))
    assert "Make yours, or ask a colleague" in text(alone.get("/my/imports/new"))
    assert send(alone).status_code == 403
    assert alone.get("/my/listings.csv").status_code == 403


def test_a_form_without_its_token_does_nothing(member: Person) -> None:
    place = send(member).location
    assert member.client.post(f"{place}/start", buffered=True).status_code == 400


def hostile(app: Flask, organisation_id: int | None) -> dict[str, Any]:
    """A public listing that attacks in every one of its texts."""
    values = listing_schema("need").load(
        {
            "title": ATTACKS[0],
            "summary": ATTACKS[1],
            "description": ATTACKS[2],
            "keywords": list(ATTACKS),
            "ip_publications": [ATTACKS[3]],
            "benefits": [{"tag": "cost-saving", "quantity": -5, "unit": ATTACKS[0], "baseline": ATTACKS[0]}],
            "targets": [{"name": ATTACKS[0], "quantity": -5, "unit": ATTACKS[0]}],
            "problem": ATTACKS[6],
            "constraints": ATTACKS[7],
        }
    )
    with app.app_context(), transaction():
        listings.publish(SYSTEM, "need", values).organisation_id = organisation_id
    parts: Parts = app.extensions["matchmaker"]
    with app.app_context():
        indexing.drain(parts.engine, "tests")
    return dict(values)


@pytest.mark.parametrize("format", FORMATS)
def test_no_cell_of_my_listings_is_a_formula_and_all_of_it_goes_in_again(
    app: Flask, member: Person, format: str
) -> None:
    hostile(app, member.actor.organisation_id)
    content = member.get(f"/my/listings.{format}").data
    assert_harmless(format, content)
    place = send(member, content, f"a.{format}").location
    assert "1 row says what its listing says already" in text(member.get(place))


def assert_harmless(format: str, content: bytes) -> None:
    if format == "csv":
        assert content.startswith(b"\xef\xbb\xbf")
        assert content.endswith(b"\r\n")
        found = [cell for row in cells(format, content) for cell in row]
        assert any(cell == f"'{ATTACKS[0]}" for cell in found)
        assert [cell for cell in found if cell.startswith(tuple("=+-@|%\t\r＝＋－＠"))] == []
        return
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(content))
    attacks = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value == ATTACKS[0]]
    assert attacks
    assert all(cell.data_type == "s" and cell.quotePrefix for cell in attacks)
    assert {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row} <= {"s", "n", "d"}


@pytest.mark.parametrize("format", FORMATS)
def test_no_cell_of_search_results_is_a_formula(app: Flask, format: str) -> None:
    with app.app_context(), transaction():
        firm = listings.organisation_named("=cmd|' /C calc'!A0", None, None).id
    hostile(app, firm)
    content = person(app, "matchmaker").get(f"/needs/results.{format}").data
    assert_harmless(format, content)
    header, row = cells(format, content)
    assert "cmd" in str(row[header.index("organisation")])


@pytest.mark.parametrize("format", FORMATS)
def test_staff_take_the_results_of_a_search_along(app: Flask, format: str) -> None:
    fill(app)
    staff = person(app, "moderator")
    page = text(staff.get("/offers?q=salty+dye+bath&category=water"))
    address = re.search(rf'href="(/offers/results\.{format}[^"]+)"', page)
    assert address
    answer = staff.get(address[1].replace("&amp;", "&"))
    assert answer.headers["Cache-Control"] == "no-store"
    header, *rows = cells(format, answer.data)
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert str(found[0]["title"]).startswith("Brine recovery")
    assert found[0]["organisation"] == "Jua & Maji Works"
    assert {row["category"] for row in found} == {"Water"}
    assert "match" in str(found[0]["band"])
    assert float(found[0]["score"]) >= float(found[-1]["score"])
    assert "Fits: Same category: Water" in str(found[0]["reasons"])
    assert str(found[0]["address"]).startswith("http://127.0.0.1:8000/offers/")


@pytest.mark.parametrize("role", ["moderator", "matchmaker", "administrator"])
def test_an_exported_result_never_names_an_anonymous_organisation(app: Flask, role: str) -> None:
    fill(app)
    header, *rows = cells("csv", person(app, role).get("/offers/results.csv").data)
    (hidden,) = [row for row in rows if "onerror" in row[header.index("title")]]
    assert (hidden[header.index("organisation")], hidden[header.index("country")]) == ("", "")


def test_members_are_neither_offered_nor_given_results_as_a_file(member: Person) -> None:
    assert "results.csv" not in text(member.get("/offers"))
    assert member.get("/offers/results.csv").status_code == 403


def test_an_export_has_every_column_an_import_knows(member: Person) -> None:
    send(member)
    assert cells("csv", member.get("/my/listings.csv").data) == [list(exporting.COLUMNS)]
