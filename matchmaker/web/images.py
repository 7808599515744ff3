"""Pictures: how they are served, and how a listing's own side adds, describes, orders and removes them."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_security import auth_required
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from models import Image, Listing

from ..errors import Invalid, NotFound
from ..imaging import LARGEST_FILE
from ..policy import ANONYMOUS, can
from ..schemas_people import AlternativeSchema
from ..services import images as service
from ..services import listings
from ..wording import _
from .forms import problems
from .security import actor

images = Blueprint("images", __name__)

_LISTING = "/<kind:kind>/<id:listing_id>/images"
_HOUR = 3600


@images.get("/images/<key>")
def show(key: str) -> Response:
    """A picture, for whoever may see what it belongs to. Its content never changes."""
    image, public = _found(key)
    response = Response(image.content, mimetype=image.media_type)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    ending = image.media_type.rpartition("/")[2]
    response.headers["Content-Disposition"] = f'inline; filename="picture-{image.key[:8]}.{ending}"'
    if not public:
        return response
    response.cache_control.public = True
    # A picture whose listing was withdrawn must not live on in caches.
    response.cache_control.max_age = _HOUR
    response.set_etag(image.key)
    response.make_conditional(request)
    return response


def _found(key: str) -> tuple[Image, bool]:
    """The picture, and whether everybody may see it; then nobody has to be looked up."""
    try:
        return service.find(ANONYMOUS, key), True
    except NotFound:
        return service.find(actor(), key), False


@images.after_request
def _keep_private(response: Response) -> Response:
    """What not everybody may see, be it that there is nothing, is kept nowhere."""
    if request.endpoint == "images.show" and not response.cache_control.public:
        response.headers["Cache-Control"] = "private, no-store"
    return response


@images.get(_LISTING)
@auth_required("session")
def manage(kind: str, listing_id: int) -> str:
    """The pictures of a listing, to be changed."""
    return _page(_own(kind, listing_id))


@images.post(_LISTING)
@auth_required("session")
def add(kind: str, listing_id: int) -> Redirect | tuple[str, int]:
    """Add a picture."""
    listing = _own(kind, listing_id)
    try:
        service.add(actor(), listing_id, sent_file(), _alternative())
    except ValidationError as error:
        return _page(listing, problems(error)), 422
    except Invalid as error:
        return _page(listing, {"file": [_(error.message)]}), error.status
    flash(_("The picture is stored."))
    return _back(kind, listing_id)


@images.post(f"{_LISTING}/<id:image_id>/describe")
@auth_required("session")
def describe(kind: str, listing_id: int, image_id: int) -> Redirect | tuple[str, int]:
    """Say what a picture shows."""
    listing = _own(kind, listing_id)
    try:
        service.describe(actor(), listing_id, image_id, _alternative())
    except ValidationError as error:
        return _page(listing, {f"alternative-{image_id}": problems(error)["alternative"]}), 422
    flash(_("The description is stored."))
    return _back(kind, listing_id)


@images.post(f"{_LISTING}/<id:image_id>/move")
@auth_required("session")
def move(kind: str, listing_id: int, image_id: int) -> Redirect:
    """Show a picture one place earlier or later."""
    _own(kind, listing_id)
    service.move(actor(), listing_id, image_id, -1 if request.form.get("where") == "earlier" else 1)
    return _back(kind, listing_id)


@images.post(f"{_LISTING}/<id:image_id>/remove")
@auth_required("session")
def remove(kind: str, listing_id: int, image_id: int) -> Redirect:
    """Delete a picture."""
    _own(kind, listing_id)
    service.remove(actor(), listing_id, image_id)
    flash(_("The picture is removed."))
    return _back(kind, listing_id)


def sent_file() -> bytes:
    """The file of this form; of one that is too large, enough to see that it is. Empty when none was chosen."""
    file = request.files.get("file")
    return file.read(LARGEST_FILE + 1) if file else b""


def _own(kind: str, listing_id: int) -> Listing:
    """The listing, for its own side."""
    listing = listings.find(actor(), listing_id, kind)
    if not can(actor(), "listing.edit", listing):
        raise NotFound(_("There is no such listing among yours."))
    return listing


def _alternative() -> str:
    alternative: str = AlternativeSchema().load(request.form.to_dict())["alternative"]
    return alternative


def _page(listing: Listing, told: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "listings/images.html",
        listing=listing,
        images=service.of_listing(listing.id),
        most=service.MOST,
        problems=told or {},
        alternative=request.form.get("alternative", ""),
    )


def _back(kind: str, listing_id: int) -> Redirect:
    return redirect(url_for("images.manage", kind=kind, listing_id=listing_id))
