"""Tastes: stationary, and drifting as their formula says."""

import math

import numpy as np
import pytest

from common.arrays import Floats
from competitions.flight.simulator import choice_model as tastes

SEED, MANY = 5, 40_000


def normals_on(day: float) -> Floats:
    return tastes.drifting_normal(SEED, np.full(MANY, day), 7, np.arange(MANY))


def habits_on(day: float) -> Floats:
    return tastes.renewed(SEED, np.full(MANY, day), 7, np.arange(MANY))


@pytest.mark.parametrize(("start", "later"), [(0.0, 20.0), (0.0, 60.0), (130.0, 20.0), (165.0, 60.0)])
def test_a_taste_drifts_as_the_formula_says(start: float, later: float) -> None:
    """Standard normal on any day; the correlation of two days falls with the days between them, whenever they are."""
    before, after = normals_on(start), normals_on(start + later)
    for values in (before, after):
        assert abs(values.mean()) < 0.03
        assert abs(values.std() - 1) < 0.03
    assert abs(np.corrcoef(before, after)[0, 1] - math.exp(-((later / tastes.TASTE_DAYS) ** 2) / 2)) < 0.03


def test_a_taste_moves_smoothly() -> None:
    assert np.abs(normals_on(100.0) - normals_on(100.001)).max() < 0.001
    assert np.array_equal(normals_on(100.0), normals_on(100.0))


@pytest.mark.parametrize(("start", "later"), [(0.0, 20.0), (100.0, 60.0), (40.0, tastes.HABIT_DAYS)])
def test_habits_are_redrawn_each_at_a_date_of_its_own(start: float, later: float) -> None:
    before, after = habits_on(start), habits_on(start + later)
    assert abs((before == after).mean() - max(1 - later / tastes.HABIT_DAYS, 0)) < 0.02
    changed = before != after
    assert abs(np.corrcoef(before[changed], after[changed])[0, 1]) < 0.03
    assert np.bincount((after * 10).astype(int)).min() > 0.09 * MANY  # uniform on any day
