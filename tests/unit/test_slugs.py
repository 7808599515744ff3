"""The words of a title in its listing's address."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.routing import Map, Rule

from matchmaker.schemas import clean
from matchmaker.web.addresses import LONGEST_SLUG, listing_name, number_in, slug
from matchmaker.web.converters import ListingName

TITLES = st.text(max_size=256).map(clean)
PLACES = Map([Rule("/offers/<name:name>", endpoint="show")], converters={"name": ListingName}).bind("localhost")


@dataclass(frozen=True)
class Titled:
    id: int
    title: str
    kind: str = "offer"


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Brine recovery from dye baths", "brine-recovery-from-dye-baths"),
        ("  Salt & <img src=x> filter / 50 %  ", "salt-img-src-x-filter-50"),
        ("A farmer's pump – 3 m³ a day", "a-farmers-pump-3-m3-a-day"),
        ("Récupération d’énergie", "récupération-dénergie"),
        ("مقطّر شمسي للمياه المالحة", "مقطّر-شمسي-للمياه-المالحة"),
        ("太阳能水泵（小型）", "太阳能水泵-小型"),
        ("हिन्दी में सौर पंप", "हिन्दी-में-सौर-पंप"),
        ("ＷＩＤＥ　ｌｅｔｔｅｒｓ", "wide-letters"),
        ("../../etc/passwd?a=b#c", "etc-passwd-a-b-c"),
        ("soft\u00adhyphen and \u202eturned", "softhyphen-and-turned"),
        ("??? !!!", ""),
        ("", ""),
    ],
)
def test_words_of_any_script_are_kept_as_they_are(title: str, words: str) -> None:
    assert slug(title) == words


def test_a_long_title_is_cut_at_a_word() -> None:
    assert slug("desalination " * 20) == "desalination-desalination-desalination-desalination"


def test_a_word_too_long_is_cut() -> None:
    assert slug("水" * 200) == "水" * LONGEST_SLUG


def test_a_title_without_words_gives_the_number_alone() -> None:
    assert listing_name(Titled(12, "???")) == "12"


@given(TITLES)
@example("İstanbul ǅ ﷺ ½ 1⃣")
@example("a\ud800b")
def test_a_slug_holds_letters_digits_and_single_hyphens_only(title: str) -> None:
    words = slug(title)
    assert len(words) <= LONGEST_SLUG
    assert all(word for word in words.split("-")) or not words
    assert {unicodedata.category(character)[0] for character in words.replace("-", "")} <= set("LMN")


@given(st.integers(1, 2**31 - 1), TITLES)
@example(1, "50% of /offers/ ? # \\ %2F")
def test_any_title_gives_an_address_that_leads_back_to_its_number(number: int, title: str) -> None:
    name = listing_name(Titled(number, title))
    address = PLACES.build("show", {"name": name})
    assert address.isascii()
    assert address.isprintable()
    parts = urlsplit(address)
    assert (parts.path, parts.path.count("/")) == (address, 2)
    _, values = PLACES.match(unquote(address))
    assert values == {"name": name}
    assert number_in(values["name"]) == number
