"""The pages around the marketplace: home, about, and what machines ask for."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, url_for

from ..services import listings, matching
from . import linked_data
from .addresses import public_address
from .security import actor

public = Blueprint("public", __name__, static_folder="static", static_url_path="/static")

_NEWEST = 3


@public.get("/")
def home() -> str:
    """One question, how much there is, and what came in last."""
    newest = {
        kind: [matching.view_of(listing, actor()) for listing in listings.newest(kind, _NEWEST)]
        for kind in ("offer", "need")
    }
    return render_template(
        "public/home.html", totals=listings.totals(), newest=newest, linked_data=linked_data.of_site()
    )


@public.get("/about")
def about() -> str:
    """What the marketplace does and what its words mean."""
    return render_template("public/about.html")


@public.get("/robots.txt")
def robots() -> Response:
    """Listings may be indexed with all that draws them; endless combinations of filters need not be."""
    rules = (
        "User-agent: *",
        "Allow: /static/",
        "Allow: /bootstrap/static/",
        "Disallow: /api/",
        "Disallow: /*?",
        "",
        f"Sitemap: {public_address(url_for('sitemap.index'))}",
    )
    return Response("\n".join(rules) + "\n", mimetype="text/plain")


@public.get("/favicon.svg")
def favicon() -> Response:
    """The mark."""
    return public.send_static_file("favicon.svg")
