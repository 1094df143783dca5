"""The screen is as watchful as the allowed false alarms permit, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.calibration import BUDGETS, FLOOR, thresholds
from assistant.screening import RAISED


def alarms(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (rows, len(RAISED)))


@given(ordinary=st.integers(1, 400), hard=st.integers(0, 200), seed=st.integers(0, 50))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_no_more_harmless_messages_are_raised_than_allowed(ordinary: int, hard: int, seed: int) -> None:
    scores = alarms(ordinary + hard, seed)
    difficult = [False] * ordinary + [True] * hard
    found = thresholds(scores, ["none"] * len(scores), difficult)
    for column, tier in enumerate(RAISED):
        for kind, share in ((False, BUDGETS[tier].ordinary), (True, BUDGETS[tier].hard)):
            group = np.array(difficult) == kind
            raised = (scores[group, column] >= found[tier]).sum()
            assert raised <= np.ceil(share * group.sum()), (tier, kind)


def test_the_threshold_is_no_higher_than_that() -> None:
    scores = np.tile(np.linspace(0, 1, 1001)[:, None], (1, len(RAISED)))
    found = thresholds(scores, ["none"] * 1001, [False] * 1001)
    for tier in RAISED:
        assert found[tier] == pytest.approx(1 - BUDGETS[tier].ordinary, abs=0.002)


def test_messages_that_are_not_harmless_do_not_move_a_threshold() -> None:
    calm = np.full((100, len(RAISED)), 0.2)
    loud = np.full((50, len(RAISED)), 0.99)
    alone = thresholds(calm, ["none"] * 100, [False] * 100)
    both = thresholds(np.vstack([calm, loud]), ["none"] * 100 + ["crisis"] * 50, [False] * 150)
    assert both == alone


def test_a_threshold_never_falls_to_where_everything_is_an_alarm() -> None:
    found = thresholds(np.zeros((20, len(RAISED))), ["none"] * 20, [False] * 20)
    assert all(FLOOR <= limit < FLOOR + 0.001 for limit in found.values())


def test_what_counts_more_messages_may_cost_more_false_alarms() -> None:
    by_urgency = [BUDGETS[tier] for tier in ("emergency", "crisis", "symptom", "advice")]
    assert [budget.ordinary for budget in by_urgency] == sorted(budget.ordinary for budget in by_urgency)
    assert [budget.hard for budget in by_urgency] == sorted(budget.hard for budget in by_urgency)
