"""The pages."""

from __future__ import annotations

from flask import Flask
from flask_bootstrap import Bootstrap5

from models.taxonomy import CATEGORIES, MODERATION_REASONS, SUBCATEGORIES

from .. import wording
from ..services.explaining import mark
from . import (
    account,
    addresses,
    administration,
    confirming,
    delivery,
    errors,
    exports,
    feeds,
    fragments,
    health,
    images,
    imports,
    languages,
    limits,
    listings,
    members,
    moderation,
    observing,
    organisations,
    posting,
    public,
    security,
    sitemap,
    staff,
)
from .converters import Kind, ListingId, ListingName


def init_app(app: Flask, migrations: str) -> None:
    """Register the pages and what answers of every kind have in common; `migrations` is where they lie."""
    observing.init_app(app)
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    app.static_url_path = "/static"
    app.url_map.converters.update(kind=Kind, id=ListingId, name=ListingName)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.globals.update(
        wording=wording,
        mark=mark,
        categories=CATEGORIES,
        subcategories=SUBCATEGORIES,
        moderation_reasons=MODERATION_REASONS,
        listing_address=addresses.listing_address,
        short_address=addresses.short_address,
        public_address=addresses.public_address,
    )
    app.extensions["fragments"] = fragments.Fragments()
    languages.init_app(app)
    Bootstrap5(app)
    delivery.init_app(app)
    errors.init_app(app)
    security.init_app(app)
    # A choice of language harms nobody, and a token in the foot of every page would give every reader a session.
    app.extensions["csrf"].exempt(languages.languages)
    app.context_processor(lambda: {"actor": security.actor()})
    health.init_app(app, migrations)
    app.register_blueprint(public.public)
    app.register_blueprint(listings.listings)
    app.register_blueprint(feeds.feeds)
    app.register_blueprint(sitemap.sitemap)
    app.register_blueprint(account.account)
    app.register_blueprint(posting.post)
    app.register_blueprint(confirming.confirming)
    app.register_blueprint(staff.staff)
    app.register_blueprint(moderation.moderation)
    app.register_blueprint(administration.administration)
    app.register_blueprint(organisations.organisations)
    app.register_blueprint(members.members)
    app.register_blueprint(images.images)
    app.register_blueprint(imports.imports)
    app.register_blueprint(exports.exports)
    limits.init_app(app)
