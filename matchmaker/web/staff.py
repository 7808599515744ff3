"""What staff see first: what waits, whether the work behind the pages is done, and every piece of the look."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, render_template

from ..policy import can
from ..services import moderation_queue, outbox
from . import findings, pieces
from .security import actor

staff = Blueprint("staff", __name__, url_prefix="/staff")


def only(action: str) -> Callable[[], None]:
    """To whoever may not do the action there is nothing at any address of a blueprint."""

    def check() -> None:
        if not can(actor(), action):
            abort(404)

    return check


staff.before_request(only("staff.see"))


@staff.get("")
def overview() -> str:
    """What waits for whom, and what is stuck."""
    oldest = moderation_queue.oldest()
    topics = outbox.depths()
    return render_template(
        "staff/overview.html",
        counts=moderation_queue.counts(),
        age=findings.age(oldest) if oldest else None,
        topics=topics,
        errors={topic: outbox.last_error(topic) for topic, depth in topics.items() if depth.waiting or depth.parked},
        parked={topic: outbox.parked(topic, 5) for topic, depth in topics.items() if depth.parked},
    )


@staff.get("/pieces")
def show_pieces() -> str:
    """Every piece of the look together, so that they stay few."""
    return render_template("staff/pieces.html", **pieces.samples())
