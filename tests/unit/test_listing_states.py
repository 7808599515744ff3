"""Which action leads a listing from where to where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.errors import Conflict
from matchmaker.listing_states import EDITABLE, STEPS, after
from models.taxonomy import PUBLIC_STATUSES, STATUSES


@pytest.mark.parametrize("action", STEPS)
def test_every_step_joins_statuses_there_are(action: str) -> None:
    step = STEPS[action]
    assert {*step.sources, step.target} <= set(STATUSES)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", STEPS)
def test_an_action_leads_on_from_its_sources_only(action: str, status: str) -> None:
    if status in STEPS[action].sources:
        assert after(action, status) == STEPS[action].target
    else:
        with pytest.raises(Conflict, match="Reload the page"):
            after(action, status)


@given(st.lists(st.sampled_from([action for action in STEPS if action not in ("approve", "publish")]), max_size=20))
def test_nothing_gets_public_without_approval(actions: list[str]) -> None:
    status = "draft"
    for action in actions:
        if status in STEPS[action].sources:
            status = after(action, status)
    assert status not in PUBLIC_STATUSES


@given(st.lists(st.sampled_from(list(STEPS)), max_size=30))
def test_what_is_rejected_stays_so(actions: list[str]) -> None:
    status = "rejected"
    for action in actions:
        if status in STEPS[action].sources:
            status = after(action, status)
    assert status == "rejected"


@pytest.mark.parametrize("status", ["submitted", "in_review", "rejected"])
def test_what_moderators_hold_or_refused_is_not_changed_by_its_side(status: str) -> None:
    assert status not in EDITABLE
