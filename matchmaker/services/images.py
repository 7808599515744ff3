"""Pictures of listings and logos of organisations: read one at a time, stored as we encode them, shown to whom may."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import undefer

from models import Image, Listing, db
from models.base import LARGEST_ID

from .. import imaging
from ..errors import Busy, Conflict, NotFound
from ..messages import N_
from ..policy import Actor, can
from ..transaction import transaction
from . import auditing, listings, organisations

MOST = 6
#: Pixels of the longer side.
LONGEST, LONGEST_LOGO = 1600, 400

_KEY = re.compile("[0-9a-f]{32}")

#: A large picture takes a few hundred megabytes while it is read, so they are read one after the other.
_READING = threading.Lock()
#: Seconds to wait for those before.
_PATIENCE = 15


def of_listing(listing_id: int) -> list[Image]:
    """The pictures of a listing in their order, without their content."""
    return list(db.session.scalars(select(Image).where(Image.listing_id == listing_id).order_by(Image.position)))


def logo_of(organisation_id: int) -> Image | None:
    """The logo of an organisation, without its content."""
    return db.session.scalar(select(Image).where(Image.organisation_id == organisation_id))


def find(actor: Actor, key: str) -> Image:
    """The picture at an address, with its content. Raises NotFound unless the actor may see what it belongs to."""
    query = select(Image, Listing).outerjoin(Listing, Listing.id == Image.listing_id).where(Image.key == key)
    found = db.session.execute(query.options(undefer(Image.content))).first() if _KEY.fullmatch(key) else None
    if found is None or (found.Listing is not None and not can(actor, "listing.see", found.Listing)):
        raise NotFound(N_("There is no such picture."))
    image: Image = found.Image
    return image


def add(actor: Actor, listing_id: int, file: bytes, alternative: str) -> Image:
    """Put a picture behind the others of a listing. Raises NotFound, Conflict, Busy, and Invalid for a file that is no
    picture. `alternative` says what it shows."""
    # Nothing is read for somebody who may not, nor while a transaction is open.
    with transaction():
        _check_room(listings.revisable(actor, listing_id))
    picture = _read(file, LONGEST)
    with transaction():
        listing = listings.revisable(actor, listing_id)
        _check_room(listing)
        position = max((image.position for image in of_listing(listing.id)), default=-1) + 1
        image = _stored(picture, alternative, listing_id=listing.id, position=position)
        _tell(actor, listing, "listing.add_image", {}, _told(image))
        return image


def remove(actor: Actor, listing_id: int, image_id: int) -> None:
    """Delete a picture of a listing. Raises NotFound and Conflict."""
    with transaction():
        listing = listings.revisable(actor, listing_id)
        image = _one(image_id, Image.listing_id == listing.id)
        _tell(actor, listing, "listing.remove_image", _told(image), {})
        db.session.delete(image)


def describe(actor: Actor, listing_id: int, image_id: int, alternative: str) -> Image:
    """Say what a picture shows, for those who cannot see it. Raises NotFound and Conflict."""
    with transaction():
        listing = listings.revisable(actor, listing_id)
        image = _one(image_id, Image.listing_id == listing.id)
        if image.alternative != alternative:
            before = _told(image)
            image.alternative = alternative
            _tell(actor, listing, "listing.describe_image", before, _told(image))
        return image


def move(actor: Actor, listing_id: int, image_id: int, places: int) -> None:
    """Show a picture so many places later, or earlier when negative. Raises NotFound and Conflict."""
    with transaction():
        listing = listings.revisable(actor, listing_id)
        image = _one(image_id, Image.listing_id == listing.id)
        before = of_listing(listing.id)
        after = [other for other in before if other is not image]
        after.insert(max(0, before.index(image) + places), image)
        if after != before:
            for position, other in enumerate(after):
                other.position = position
            orders = [{"order": [other.key for other in order]} for order in (before, after)]
            _tell(actor, listing, "listing.move_image", *orders)


def set_logo(actor: Actor, organisation_id: int, file: bytes) -> Image:
    """Give an organisation a logo in place of the one before. Raises NotFound, Forbidden, Busy and Invalid."""
    with transaction():
        organisations.allowed(actor, organisation_id, "organisation.edit")
    picture = _read(file, LONGEST_LOGO)
    with transaction():
        organisation = organisations.allowed(actor, organisation_id, "organisation.edit")
        before = _without_logo(organisation.id)
        image = _stored(picture, "", organisation_id=organisation.id)
        auditing.record(actor, "organisation.set_logo", "organisation", organisation.id, before, _told(image))
        return image


def remove_logo(actor: Actor, organisation_id: int) -> None:
    """Take an organisation's logo away. Raises NotFound and Forbidden."""
    with transaction():
        organisation = organisations.allowed(actor, organisation_id, "organisation.edit")
        if before := _without_logo(organisation.id):
            auditing.record(actor, "organisation.remove_logo", "organisation", organisation.id, before, {})


def _read(file: bytes, longest: int) -> imaging.Picture:
    if not _READING.acquire(timeout=_PATIENCE):
        raise Busy(N_("Other pictures are being read just now. Wait a minute, then send yours again."))
    try:
        return imaging.prepared(file, longest)
    finally:
        _READING.release()


def _stored(picture: imaging.Picture, alternative: str, **owner: Any) -> Image:
    image = Image(
        key=secrets.token_hex(16),
        alternative=alternative,
        media_type=picture.media_type,
        width=picture.width,
        height=picture.height,
        content=picture.content,
        **owner,
    )
    db.session.add(image)
    db.session.flush()
    return image


def _check_room(listing: Listing) -> None:
    if len(of_listing(listing.id)) >= MOST:
        raise Conflict(N_("A listing shows at most %(most)s pictures. Remove one before you add another.", most=MOST))


def _one(image_id: int, owned: ColumnElement[bool]) -> Image:
    query = select(Image).where(Image.id == image_id, owned)
    image: Image | None = db.session.scalar(query) if 0 < image_id <= LARGEST_ID else None
    if image is None:
        raise NotFound(N_("There is no such picture. It may have been removed."))
    return image


def _without_logo(organisation_id: int) -> dict[str, Any]:
    """What the audit says of the logo that was."""
    image = logo_of(organisation_id)
    if image is None:
        return {}
    db.session.delete(image)
    # Before another one takes its place.
    db.session.flush()
    return _told(image)


def _told(image: Image) -> dict[str, Any]:
    return {"image": image.key, "alternative": image.alternative}


def _tell(actor: Actor, listing: Listing, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What others may have seen is read by the moderators again; a draft nobody has seen keeps its version."""
    if listing.status == "draft" and listing.published_at is None:
        auditing.record(actor, action, "listing", listing.id, before, after)
    else:
        listings.renew(actor, listing, action, dict(before), dict(after))
