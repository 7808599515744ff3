"""Pages and API answer in the reader's language, and the reader can change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogue import Market
from databases import Database, application
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from flask_babel import force_locale
from people import organisation, person
from sqlalchemy import select

from matchmaker import wording
from matchmaker.messages import N_
from matchmaker.translations import LANGUAGES
from models import Mail, db

CHINESE = "zh-CN,zh;q=0.9,en;q=0.8"


def opening(market: Market, accepted: str, address: str = "/") -> str:
    """How the page in the language a browser accepts begins."""
    return market.ask(address, headers={"Accept-Language": accepted}).text.partition("<head>")[0]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", 'lang="en" dir="ltr"'),
        ("de", 'lang="en" dir="ltr"'),
        ("*", 'lang="en" dir="ltr"'),
        ("en-GB,zh;q=0.5", 'lang="en" dir="ltr"'),
        (CHINESE, 'lang="zh-Hans" dir="ltr"'),
        ("zh-Hans-SG", 'lang="zh-Hans" dir="ltr"'),
        ("de,AR-eg;q=0.9,en;q=0.8", 'lang="ar" dir="rtl"'),
        ("zh;q=0,ar;q=0.1", 'lang="ar" dir="rtl"'),
        ("\xff;;q=x,,", 'lang="en" dir="ltr"'),
    ],
)
def test_the_browser_says_which_language_is_read(market: Market, accepted: str, language: str) -> None:
    assert language in opening(market, accepted)


def test_a_page_is_chinese_throughout(market: Market) -> None:
    address = f"/needs/{market.numbers['dye house']}"
    page = market.ask(address, headers={"Accept-Language": CHINESE}, follow_redirects=True).text
    for text in (
        "需求",
        "2027年3月31日",
        "孟加拉国",
        "肯尼亚",
        "合作方式相同：销售",
        "可能匹配",
    ):
        assert text in page


def test_what_is_kept_of_a_page_is_kept_for_each_language(market: Market) -> None:
    address = f"/needs/{market.numbers['dye house']}"
    for language, said in (("zh", "合作方式相同"), ("en", "Same partnership"), ("ar", "الشراكة نفسها")):
        assert said in market.ask(address, headers={"Accept-Language": language}, follow_redirects=True).text


def test_arabic_says_numbers_in_its_own_plurals(market: Market) -> None:
    home = market.ask("/", headers={"Accept-Language": "ar"}).text
    assert "16 عرضًا" in home
    assert "احتياجان مفتوحان" in home


def test_an_error_page_is_in_the_language_read(market: Market) -> None:
    answer = market.ask("/offers/999999", headers={"Accept-Language": "zh"})
    assert answer.status_code == 404
    assert "没有这个条目，可能已被撤回。" in answer.text


def test_a_choice_outweighs_the_browser_and_leads_back(client: FlaskClient) -> None:
    answer = client.post("/language", data={"language": "ar", "next": "/offers?q=salt&trl=7"})
    assert (answer.status_code, answer.location) == (303, "/offers?q=salt&trl=7")
    assert 'lang="ar"' in client.get("/", headers={"Accept-Language": CHINESE}).text


def test_the_choice_of_somebody_signed_in_holds_in_their_other_browsers(app: Flask) -> None:
    reader = person(app)
    assert 'lang="en"' in reader.get("/").text
    reader.post("/language", {"language": "ar"})
    reader.client.delete_cookie("lang")
    assert 'lang="ar"' in reader.get("/", headers={"Accept-Language": CHINESE}).text
    reader.client.set_cookie("lang", "zh")
    assert 'lang="zh-Hans"' in reader.get("/").text


def test_a_letter_to_somebody_else_is_in_their_language(app: Flask) -> None:
    invited = person(app)
    owner = person(app, organisation_id=(firm := _firm(app)), owner=True)
    invited.post("/language", {"language": "zh"})
    owner.post(f"/organisations/{firm}/invitations", {"email": invited.email})
    with app.app_context():
        letter = db.session.scalars(select(Mail).where(Mail.recipient == invited.email)).one()
    assert letter.subject == "Jua & Maji Works邀请您加入 Matchmaker"


def _firm(app: Flask) -> int:
    with app.app_context():
        return organisation()


def test_the_choice_lasts_a_year_and_no_script_or_other_site_gets_it(client: FlaskClient) -> None:
    answer = client.post("/language", data={"language": "zh"})
    said = answer.headers["Set-Cookie"]
    for part in ("lang=zh", "Max-Age=31536000", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in said
    assert "Secure" not in said


def test_over_https_the_choice_travels_over_nothing_else(migrated: Database, tmp_path: Path) -> None:
    address = "https://market.example"
    with migrated.clone(tmp_path) as database, application(tmp_path, database.url, MATCHMAKER_URL=address) as app:
        answer = app.test_client().post("/language", data={"language": "zh"})
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "offers",
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "/offers\r\nSet-Cookie: a=b",
    ],
)
def test_the_way_back_never_leads_to_another_site(client: FlaskClient, address: str) -> None:
    assert client.post("/language", data={"language": "en", "next": address}).location == "/"


@pytest.mark.parametrize("data", [{}, {"language": "xx"}, {"language": "../zh"}])
def test_a_language_that_is_not_offered_is_refused_with_those_that_are(
    client: FlaskClient, data: dict[str, str]
) -> None:
    answer = client.post("/language", data=data)
    assert answer.status_code == 422
    assert "Use one of: en, zh, ar." in answer.text


def test_a_choice_of_language_makes_no_session(client: FlaskClient) -> None:
    assert "Set-Cookie" not in client.get("/").headers
    said = client.post("/language", data={"language": "zh"}).headers.getlist("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in said] == ["lang"]


def test_a_strange_cookie_means_nothing(client: FlaskClient) -> None:
    client.set_cookie("lang", "../../etc")
    assert 'lang="en"' in client.get("/").text


def test_every_page_offers_every_language_and_names_its_own_address(client: FlaskClient) -> None:
    page = client.get("/offers?q=salt&trl=7").text
    assert page.count('name="language"') == 3
    assert 'name="next" value="/offers?q=salt&amp;trl=7"' in page


def test_a_cache_keeps_an_answer_for_readers_of_its_language_only(client: FlaskClient) -> None:
    for address in ("/", "/nowhere", "/api/v1/search?wanted=offer&category=none"):
        answer = client.get(address, headers={"Accept-Language": "zh"})
        assert {"Accept-Language", "Cookie"} <= set(answer.vary)
        assert answer.headers["Content-Language"] == "zh-Hans"
    assert "Accept-Language" not in client.get("/static/app.css", buffered=True).vary


def test_the_api_speaks_english_unless_another_language_is_asked_for(market: Market) -> None:
    address = f"/api/v1/search?wanted=offer&listing={market.numbers['dye house']}"
    assert '"Same category: Water"' in market.ask(address).text
    chinese = market.ask(address, headers={"Accept-Language": "zh"}).json
    assert chinese is not None
    assert "类别相同：水" in [reason["text"] for reason in chinese["matches"][0]["reasons"]]


def test_the_api_says_what_is_wrong_with_a_field_in_the_language_asked_for(client: FlaskClient) -> None:
    answer = client.get("/api/v1/search?wanted=lamp", headers={"Accept-Language": "zh"})
    assert answer.json is not None
    assert answer.json["fields"]["wanted"] == ["请使用 offer 或 need。"]


def test_without_a_request_it_is_english(app_context: Flask) -> None:
    assert wording.band("strong") == "strong match"
    assert wording.country("KE") == "Kenya"


def test_a_message_is_translated_with_the_messages_in_it(app: Flask) -> None:
    said = N_("%(given)r is not %(what)s. Use one of: %(codes)s.", given="x", what=N_("a category"), codes="water")
    with app.test_request_context(headers={"Accept-Language": "zh"}):
        assert wording._(said) == "'x' 不是类别。请使用以下之一：water。"


def test_a_text_rendered_without_a_request_is_english(app_context: Flask) -> None:
    assert render_template_string("{{ page_language.tag }}: {{ _('Offers') }}") == "en: Offers"


def test_a_text_is_rendered_in_another_reader_s_language(app_context: Flask) -> None:
    with force_locale(str(LANGUAGES["zh"].locale)):
        assert render_template_string("{{ page_language.tag }}: {{ _('Offers') }}") == "zh-Hans: 供给"
