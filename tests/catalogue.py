"""A small catalogue for tests of pages and API, published and indexed as the product does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from databases import Database, application
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.schemas import listing_schema
from matchmaker.services import indexing, listings
from matchmaker.services.listings import Imported, Origin
from matchmaker.transaction import transaction
from matchmaker.web.addresses import listing_address

BRINE = "Our dye house discharges salty coloured water every day. We want to reuse the salt and the dye bath."
#: Where the first offer stands.
BRINE_PAGE = "/offers/1-brine-recovery-from-dye-baths-by-loose-nanofiltration"

_OFFERS: dict[str, dict[str, Any]] = {
    "brine": {
        "title": "Brine recovery from dye baths by loose nanofiltration",
        "summary": "Salt and water of a dye bath go back to the next bath; the colour stays behind.",
        "description": "# How it works\n\nA **membrane** holds the colour back. <script>alert(1)</script>\n\n"
        "[Field report](https://example.org/report) and [a trap](javascript:alert(1))",
        "language": "en",
        "category": "water",
        "subcategory": "wastewater",
        "keywords": ["dye bath", "salt"],
        "sdgs": [6, 12],
        "benefits": [{"tag": "water-saving", "quantity": 60, "unit": "%", "baseline": "conventional dyeing"}],
        "trl": 8,
        "partnerships": ["sale", "pilot"],
        "available_in": ["KE", "BD"],
        "deployed_in": ["BD"],
    },
    "arabic": {
        "title": "مقطّر شمسي للمياه المالحة",
        "summary": "ينتج ماء عذبا من مياه الآبار المالحة بالشمس وحدها.",
        "language": "ar",
        "category": "water",
        "benefits": [{"tag": "energy-saving", "quantity": 90, "unit": "٪", "baseline": "التناضح العكسي"}],
        "available_in": ["EG"],
    },
    "hostile": {
        "title": 'Salt & <img src=x onerror="alert(1)"> dye filter',
        "summary": "A dye filter whose text is full of <b>markup</b> & quotation marks \" '.",
        "language": "und",
        "anonymous": True,
    },
}
# Each its own words, or all but one would be folded as near-duplicates.
_PUMPS = (
    "Lifts water from shallow wells with the sun.",
    "Carried by one person between two gardens.",
    "Runs on panels that a school already has.",
    "Made of parts that any bicycle shop keeps.",
    "Draws from rivers that carry much sand.",
    "Rented by the day through a village shop.",
    "Fills a tank at noon for the evening.",
    "Reports its own hours by text message.",
    "Starts slowly, so small panels are enough.",
    "Floats on ponds whose banks are steep.",
    "Paid for from the harvest of onions.",
    "Kept safe from thieves inside the borehole.",
)
_OFFERS |= {
    f"pump {number}": {
        "title": f"Solar pump of size {number} for smallholders",
        "summary": _PUMPS[number - 1],
        "language": "en",
        "category": "farming-forestry",
        "trl": 5 + number % 5,
        "available_in": ["KE", "TZ"],
    }
    for number in range(1, 13)
}
_NEEDS: dict[str, dict[str, Any]] = {
    "dye house": {
        "title": "A dye house wants its salt back",
        "summary": BRINE,
        "language": "en",
        "category": "water",
        "trl": 7,
        "partnerships": ["sale"],
        "wanted_in": ["BD"],
        "problem": "The river takes no more salt.",
        "targets": [{"name": "salt in the effluent", "quantity": 2, "unit": "g/l"}],
        "budget_amount": "165000.50",
        "budget_currency": "USD",
        "deadline": "2027-03-31",
    },
    "well": {"title": "بئر مالحة تحتاج إلى تحلية", "summary": "ماء البئر مالح.", "language": "ar", "wanted_in": ["EG"]},
}


@dataclass(frozen=True)
class Market:
    """A filled marketplace: its application, and the number of each listing by its short name."""

    app: Flask
    numbers: dict[str, int]

    @property
    def client(self) -> FlaskClient:
        """A browser without JavaScript."""
        return self.app.test_client()

    def address(self, name: str) -> str:
        """The path of a listing's page, by its short name."""
        with self.app.test_request_context():
            return listing_address(listings.find(SYSTEM, self.numbers[name]))

    def ask(self, address: str, method: str = "GET", **options: Any) -> TestResponse:
        """The whole answer to a request, with nothing left open."""
        return self.client.open(address, method=method, buffered=True, **options)


@contextmanager
def opened(migrated: Database, folder: Path) -> Iterator[Market]:
    """A filled marketplace in the folder, from an empty, migrated database."""
    with migrated.clone(folder) as database, application(folder, database.url) as app:
        yield Market(app, fill(app))


def fill(app: Flask) -> dict[str, int]:
    """Publish and index the catalogue. Returns the number of each listing by its short name."""
    numbers: dict[str, int] = {}
    parts: Parts = app.extensions["matchmaker"]
    with app.app_context():
        with transaction():
            firm = listings.organisation_named("Jua & Maji Works", "sme", "KE")
            for kind, examples in (("offer", _OFFERS), ("need", _NEEDS)):
                for name, given in examples.items():
                    numbers[name] = listings.publish(SYSTEM, kind, listing_schema(kind).load(given), firm).id
        imported = listing_schema("offer").load({"title": "Rice husk press", "language": "en"})
        origin = Origin("open-catalogue", "7", "https://example.org/7", "CC BY 4.0", "h", sample=True)
        listings.put_imported(SYSTEM, "offer", origin.source, [Imported(imported, None, origin)])
        numbers["imported"] = max(numbers.values()) + 1
        indexing.drain(parts.engine, "tests")
    return numbers
