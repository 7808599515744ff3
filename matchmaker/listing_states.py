"""The states of a listing and what leads from one to another. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Conflict
from .messages import N_

#: Statuses in which its own side may change what the listing says.
EDITABLE = ("draft", "changes_requested", "published", "stale", "withdrawn", "archived")


@dataclass(frozen=True, slots=True)
class Step:
    """What an action starts from, where it leads, and what is said to whoever asks for it elsewhere."""

    sources: tuple[str, ...]
    target: str
    refusal: str


#: What is public or on its way there.
LIVE = ("submitted", "in_review", "changes_requested", "published", "stale")

STEPS = {
    "submit": Step(
        ("draft", "changes_requested", "withdrawn", "archived"), "submitted", N_("This listing has been sent already.")
    ),
    "take_back": Step(("submitted",), "draft", N_("Only what waits for the moderators can be taken back.")),
    "claim": Step(("submitted", "in_review"), "in_review", N_("This listing does not wait for moderators.")),
    "release": Step(("in_review",), "submitted", N_("No moderator holds this listing.")),
    "approve": Step(("submitted", "in_review", "published", "stale"), "published", N_("This cannot be approved now.")),
    "request_changes": Step(
        ("submitted", "in_review", "published", "stale"), "changes_requested", N_("Changes cannot be asked for now.")
    ),
    "reject": Step(("submitted", "in_review", "published", "stale"), "rejected", N_("This cannot be rejected now.")),
    "confirm": Step(("published", "stale"), "published", N_("Only a public listing can be confirmed.")),
    "publish": Step(("draft", "withdrawn"), "published", N_("Only a draft or a withdrawn listing can be published.")),
    "withdraw": Step(("draft", *LIVE), "withdrawn", N_("This listing is not in use any more.")),
    "go_stale": Step(("published",), "stale", N_("Only a current listing grows stale.")),
    "archive": Step(("published", "stale"), "archived", N_("Only a public listing is archived.")),
}


def after(action: str, status: str) -> str:
    """The status that the action leads to. Raises Conflict where it does not start from this one."""
    step = STEPS[action]
    if status not in step.sources:
        raise Conflict(N_("%(refusal)s Reload the page to see how it stands.", refusal=step.refusal))
    return step.target
