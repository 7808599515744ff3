"""Who may do what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from matchmaker.policy import ANONYMOUS, SYSTEM, Actor, can
from models.taxonomy import PUBLIC_STATUSES, STATUSES

STAFF = Actor("staff", 1, role="moderator")
OWNER = Actor("user", 2, organisation_id=7)
OTHER = Actor("user", 3, organisation_id=8)
ALONE = Actor("user", 4)


@dataclass
class Thing:
    status: str = "published"
    anonymous: bool = False
    organisation_id: int | None = 7
    published_at: datetime | None = None


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("actor", [STAFF, SYSTEM, OWNER])
def test_staff_the_system_and_the_owner_see_every_status(actor: Actor, status: str) -> None:
    assert can(actor, "listing.see", Thing(status))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("actor", [ANONYMOUS, OTHER, ALONE])
def test_everybody_else_sees_public_listings_only(actor: Actor, status: str) -> None:
    assert can(actor, "listing.see", Thing(status)) == (status in PUBLIC_STATUSES)


@pytest.mark.parametrize(
    ("actor", "may"), [(STAFF, True), (SYSTEM, True), (OWNER, True), (OTHER, False), (ANONYMOUS, False)]
)
def test_the_organisation_of_an_anonymous_listing_is_hidden_from_others(actor: Actor, may: bool) -> None:
    assert can(actor, "listing.see_organisation", Thing(anonymous=True)) is may


@pytest.mark.parametrize("actor", [STAFF, SYSTEM, OWNER, OTHER, ANONYMOUS])
def test_the_organisation_of_an_open_listing_is_shown(actor: Actor) -> None:
    assert can(actor, "listing.see_organisation", Thing())


@pytest.mark.parametrize(
    ("actor", "may"), [(STAFF, False), (SYSTEM, True), (OWNER, True), (OTHER, False), (ANONYMOUS, False)]
)
def test_only_its_own_side_edits_a_listing(actor: Actor, may: bool) -> None:
    assert can(actor, "listing.edit", Thing()) is may


@pytest.mark.parametrize("actor", [ANONYMOUS, ALONE])
def test_somebody_without_an_organisation_owns_no_listing_without_one(actor: Actor) -> None:
    assert not can(actor, "listing.edit", Thing(organisation_id=None))
