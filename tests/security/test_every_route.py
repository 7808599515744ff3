"""Every route and every role, at an object of one's own and of others: who gets in; refusal changes nothing.

A route that is not declared here fails the test of the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import pytest
from databases import Database, counted_queries
from objects import FORMAT, STAFF, Town, address, inhabited
from people import Person, person, token
from werkzeug.test import TestResponse

#: A visitor; people without an organisation, of the one that owns the object, and of another; staff.
OWN = frozenset({"member", "owner"})
ORGANISED = OWN | {"other member", "other owner"}
PEOPLE = ORGANISED | STAFF | {"loner"}
EVERYBODY = PEOPLE | {"visitor"}
#: Whoever is half-way through signing in or setting something up; what others meet there is said by other tests.
ON_THE_WAY = frozenset[str]()


@dataclass(frozen=True)
class Route:
    """Who gets in, and what fills the form of whoever sends one."""

    may: frozenset[str]
    form: dict[str, str] = field(default_factory=dict)


def _get(may: frozenset[str], *rules: str) -> dict[tuple[str, str], Route]:
    return {("GET", rule): Route(may) for rule in rules}


def _post(may: frozenset[str], *rules: str, **form: str) -> dict[tuple[str, str], Route]:
    return {("POST", rule): Route(may, form) for rule in rules}


_LISTING = "/<kind:kind>/<id:listing_id>"
_IMPORT = "/my/imports/<id:import_id>"
_FIRM = "/organisations/<id:organisation_id>"
_LOOKS_AFTER = frozenset({"owner", "administrator"})
_MODERATORS = frozenset({"moderator", "administrator"})
_ADMINISTRATORS = frozenset({"administrator"})
#: Of every rule and method; HEAD and OPTIONS go with GET.
ROUTES: dict[tuple[str, str], Route] = {
    **_get(
        EVERYBODY,
        "/",
        "/about",
        "/robots.txt",
        "/favicon.svg",
        "/sitemap.xml",
        "/sitemap-<id:number>.xml",
        "/healthz",
        "/readyz",
        "/<kind:kind>",
        "/<kind:kind>.atom",
        "/<kind:kind>/<name:name>",
        f"{_LISTING}/<kind:wanted>",
        "/api/v1/search",
        "/api/v1/completions",
        "/api/v1/openapi.json",
        "/static/<path:filename>",
        "/bootstrap/static/<path:filename>",
        "/account/check-mail",
    ),
    # To whoever holds the token only, which no role does.
    **_get(frozenset(), "/metrics"),
    **_get(
        PEOPLE,
        "/account",
        "/account/delete",
        "/account/everything.json",
        "/account/password",
        "/account/email",
        "/account/again",
        "/account/second-factor",
        "/account/second-factor/done",
        "/account/recovery-codes",
        "/my/listings",
        "/post/<kind:kind>",
    ),
    **_post(
        PEOPLE,
        "/account/sessions/end",
        "/account/sessions/<id:session_id>/end",
        "/account/password",
        "/account/email",
        "/account/again",
        "/account/second-factor",
        "/account/recovery-codes",
        "/account/delete",
        "/post/<kind:kind>",
        title="A pump",
    ),
    **_post(EVERYBODY, "/account/sign-out"),
    **_post(EVERYBODY, "/language", language="en"),
    **_get(
        ON_THE_WAY,
        "/account/register",
        "/account/sign-in",
        "/account/reset",
        "/account/reset/<token>",
        "/account/confirm",
        "/account/confirm/<token>",
        "/account/email/<token>",
        "/account/code",
        "/account/recovery",
        "/account/choose-factor",
        "/account/lost-device",
    ),
    **_post(
        ON_THE_WAY,
        "/account/register",
        "/account/sign-in",
        "/account/reset",
        "/account/reset/<token>",
        "/account/confirm",
        "/account/confirm/<token>",
        "/account/code",
        "/account/recovery",
        "/account/choose-factor",
        "/account/lost-device",
        "/account/second-factor/<token>",
    ),
    **_get(
        PEOPLE,
        "/my/imports",
        "/my/imports/new",
        f"/my/imports/template-<kind:kind>.{FORMAT}",
    ),
    **_get(ORGANISED, f"/my/listings.{FORMAT}"),
    **_get(STAFF, f"/<kind:kind>/results.{FORMAT}"),
    **_get(OWN | {"administrator"}, f"{_IMPORT}", f"{_IMPORT}/problems.csv"),
    **_post(ORGANISED, "/my/imports/new", kind="offer"),
    **_post(OWN, f"{_IMPORT}/start", f"{_IMPORT}/discard", f"{_IMPORT}/undo"),
    **_get(OWN, f"{_LISTING}/edit", f"{_LISTING}/edit/<page>", f"{_LISTING}/check"),
    **_get(OWN | STAFF, f"{_LISTING}/versions", f"{_LISTING}/versions/<int:version>"),
    **_post(
        OWN,
        f"{_LISTING}/edit/<page>",
        f"{_LISTING}/submit",
        f"{_LISTING}/take-back",
        f"{_LISTING}/confirm",
        f"{_LISTING}/withdraw",
        version="3",
        title="A pump",
    ),
    **_post(frozenset({"owner"}), f"{_LISTING}/delete", version="3"),
    **_get(OWN, f"{_LISTING}/images"),
    **_post(
        OWN,
        f"{_LISTING}/images",
        f"{_LISTING}/images/<id:image_id>/describe",
        f"{_LISTING}/images/<id:image_id>/move",
        f"{_LISTING}/images/<id:image_id>/remove",
        alternative="A pump",
        direction="up",
    ),
    **_get(EVERYBODY, f"{_FIRM}", "/images/<key>", "/invitations/<key>"),
    **_get(PEOPLE, "/organisation"),
    # Whoever belongs to one is told so.
    **_get(PEOPLE, "/organisation/new"),
    **_post(PEOPLE, "/organisation/new", name="Red Loop"),
    **_get(OWN | STAFF, f"{_FIRM}/members"),
    **_get(_LOOKS_AFTER, f"{_FIRM}/edit"),
    **_post(
        _LOOKS_AFTER,
        f"{_FIRM}/edit",
        f"{_FIRM}/logo",
        f"{_FIRM}/logo/remove",
        f"{_FIRM}/invitations",
        f"{_FIRM}/invitations/<id:invitation_id>/resend",
        f"{_FIRM}/invitations/<id:invitation_id>/revoke",
        f"{_FIRM}/members/<id:user_id>/owner",
        f"{_FIRM}/members/<id:user_id>/remove",
        name="Blue Loop",
        version="1",
        email="new@example.org",
        owner="yes",
    ),
    **_post(OWN, f"{_FIRM}/leave"),
    **_post(STAFF, f"{_FIRM}/verification", f"{_FIRM}/verification/end", checks="website", version="1"),
    **_get(STAFF, "/staff", "/staff/pieces"),
    **_get(_MODERATORS, "/staff/moderation", "/staff/moderation/<id:listing_id>"),
    **_post(
        _MODERATORS,
        "/staff/moderation/<id:listing_id>/claim",
        "/staff/moderation/<id:listing_id>/release",
        "/staff/moderation/<id:listing_id>/decide",
        "/staff/moderation/decide",
        "/staff/moderation/decisions/<id:decision_id>/undo",
        version="3",
        verdict="approve",
    ),
    **_get(_ADMINISTRATORS, "/staff/audit", "/staff/audit.csv", "/staff/users", "/staff/users/<id:user_id>"),
    **_post(_ADMINISTRATORS, "/staff/users/<id:user_id>", role="moderator"),
    # Whoever holds the link of a reminder.
    **_get(ON_THE_WAY, "/still-valid/<token>"),
    **_post(ON_THE_WAY, "/still-valid/<token>"),
    # The address it was sent to decides; the tests of organisations say how.
    **_post(ON_THE_WAY, "/invitations/<key>"),
}


@contextmanager
def changing_nothing(town: Town) -> Iterator[None]:
    """Fails when anything is written meanwhile but when people were seen."""
    with counted_queries(town.market.app) as statements:
        yield
    written = [one for one in statements if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [one for one in written if "user_session" not in one] == []


@pytest.fixture(scope="module")
def town(sqlite: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """On one database: permissions are decided before any is asked."""
    with inhabited(sqlite, tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture(autouse=True)
def _unlimited(town: Town) -> None:
    """Limits on tries have tests of their own."""
    for limiter in town.market.app.extensions["limiter"]:
        limiter.reset()


def fresh(town: Town, role: str) -> Person:
    """Somebody in the role whom no test before has signed out or deleted."""
    known = town.people[role]
    if role == "visitor":
        return Person(0, "", known.actor, town.market.app.test_client())
    return person(town.market.app, known.actor.role, known.actor.organisation_id, owner=known.actor.owner)


def turned_away(answer: TestResponse) -> bool:
    """Whether somebody was refused, or is led to sign in first."""
    to_sign_in = answer.status_code == 302 and answer.location.startswith("/account/sign-in")
    return to_sign_in or answer.status_code in (401, 403, 404)


def test_every_route_is_declared(town: Town) -> None:
    rules = {
        (method, rule.rule)
        for rule in town.market.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert rules == set(ROUTES)


CASES = [(method, rule, role) for method, rule in ROUTES for role in sorted(EVERYBODY)]


@pytest.mark.parametrize(("method", "rule", "role"), CASES, ids=[" ".join(case) for case in CASES])
def test_the_roles_that_may_get_in_and_nobody_else_does(town: Town, method: str, rule: str, role: str) -> None:
    route = ROUTES[method, rule]
    # Reading leaves everybody as they are, but for what ends a half-done sign-in.
    who = town.people[role] if method == "GET" and route.may is not ON_THE_WAY else fresh(town, role)
    target = address(town, rule, who)
    form = {"csrf_token": token(who.client), **route.form} if method == "POST" else None
    refused = route.may is not ON_THE_WAY and role not in route.may
    with changing_nothing(town) if refused else nullcontext():
        answer = who.client.open(target, method=method, data=form, buffered=True)
    assert answer.status_code < 500
    if route.may is not ON_THE_WAY:
        assert turned_away(answer) is refused, answer.status


#: It sets a cookie of the browser that sends it, and nothing else.
WITHOUT_TOKEN = {"/language"}
POSTS = [rule for method, rule in ROUTES if method == "POST" and rule not in WITHOUT_TOKEN]


def refusal(rule: str) -> int:
    """How a form without its token is answered: whoever wants to sign out is asked to confirm it."""
    return 200 if rule == "/account/sign-out" else 400


@pytest.mark.parametrize("rule", POSTS)
def test_a_form_without_a_token_is_refused_and_changes_nothing(town: Town, rule: str) -> None:
    who = fresh(town, "owner")
    target = address(town, rule, who)
    with changing_nothing(town):
        answer = who.client.post(target, data=ROUTES["POST", rule].form, buffered=True)
    assert answer.status_code == refusal(rule)


@pytest.mark.parametrize("rule", POSTS)
def test_a_form_with_the_token_of_another_session_is_refused_and_changes_nothing(town: Town, rule: str) -> None:
    who, stranger = fresh(town, "owner"), fresh(town, "other owner")
    target = address(town, rule, who)
    form = ROUTES["POST", rule].form | {"csrf_token": token(stranger.client)}
    with changing_nothing(town):
        answer = who.client.post(target, data=form, buffered=True)
    assert answer.status_code == refusal(rule)


@pytest.mark.parametrize("rule", sorted({rule for _, rule in ROUTES}))
def test_methods_that_are_not_declared_are_refused(town: Town, rule: str) -> None:
    target = address(town, rule, town.people["owner"])
    for method in ("PUT", "PATCH", "DELETE"):
        assert town.market.ask(target, method).status_code in (404, 405)
