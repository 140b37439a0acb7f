"""Bookings and the oracle by the chances of the choice model; tastes that drift as their formula says."""

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from common.arrays import Floats
from competitions.flight.simulator import choice_model, simulate
from competitions.flight.simulator.choice_model import HABIT_DAYS, TASTE_DAYS
from competitions.flight.simulator.search_sessions import SimulationState, draw_state

SEED, MANY = 5, 40_000


@pytest.fixture(scope="module")
def state() -> SimulationState:
    return draw_state(0.02, SEED)


@pytest.fixture(scope="module")
def choices(state: SimulationState) -> pl.DataFrame:
    """All of test and some of train."""
    parts = simulate.list_parts(state, test=True) + simulate.list_parts(state, test=False)[:1]
    return pl.concat(simulate.make_chunk(state, part) for part in parts)


def test_bookings_are_drawn_by_their_chances(choices: pl.DataFrame) -> None:
    probability, booked = choices["probability"].to_numpy(), choices["booked"].to_numpy()
    for low, high in pairwise([0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.01]):
        inside = (probability >= low) & (probability < high)
        expected, spread = probability[inside].sum(), math.sqrt((probability[inside] * (1 - probability[inside])).sum())
        assert expected > 10
        assert abs(booked[inside].sum() - expected) < 4 * spread


# --- the oracle ---


def test_long_lists_are_the_hardest(choices: pl.DataFrame) -> None:
    made = simulate.summarise_ranks(simulate.rank_sessions(choices))
    assert 0.58 < made.expected < 0.68
    small, middle, large = (made.details[f"hit_rate@3[{size}]"] for size in ("11-27", "28-160", "161+"))
    assert small > middle + 0.1 > large + 0.3


def test_ranks_and_hit_rates_by_hand() -> None:
    probability = [0.1, 0.3, 0.3, 0.2, 0.1, *[0.0] * 5, *[1 / 11] * 11, *(rest / 406 for rest in range(28, 0, -1))]
    session = np.repeat(np.arange(3), [10, 11, 28])
    choices = pl.DataFrame({"session": session, "search": session, "probability": probability}).with_columns(
        booked=pl.int_range(pl.len()).is_in([2, 10 + 3, 21])
    )
    ranks = simulate.rank_sessions(choices)
    assert ranks["rank"].to_list() == [2, 4, 1]  # ties in file order
    np.testing.assert_allclose(ranks["expected"], [0.8, 3 / 11, (28 + 27 + 26) / 406])
    made = simulate.summarise_ranks(ranks)
    assert made.queries == 2  # the first has too few options
    assert made.details == {
        **{"hit_rate@1": 0.5, "hit_rate@3": 0.5, "hit_rate@5": 1.0, "hit_rate@10": 1.0},
        **{"hit_rate@3[11-27]": 0.0, "hit_rate@3[28-160]": 1.0},
    }
    assert (made.score, made.error) == pytest.approx((0.5, 0.5 / 2**0.5))
    assert made.expected == pytest.approx((3 / 11 + (28 + 27 + 26) / 406) / 2)
    twins = simulate.summarise_ranks(ranks.with_columns(search=pl.Series([0, 1, 1])))
    assert twins.error == pytest.approx(0.0)  # one search, whose sessions' hits cancel out


# --- tastes ---


@pytest.mark.parametrize(("start", "later"), [(0.0, 20.0), (130.0, 20.0), (165.0, 60.0), (40.0, HABIT_DAYS)])
def test_tastes_drift_and_habits_are_redrawn_as_the_formulas_say(start: float, later: float) -> None:
    """On any day a taste is standard normal and a habit uniform; how alike two days are falls with those between."""

    def draw_tastes(day: float) -> Floats:
        return choice_model.drifting_normal(SEED, np.full(MANY, day), 7, np.arange(MANY))

    before, after = draw_tastes(start), draw_tastes(start + later)
    for values in (before, after):
        assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=0.03)
    assert abs(np.corrcoef(before, after)[0, 1] - math.exp(-((later / TASTE_DAYS) ** 2) / 2)) < 0.03
    assert np.abs(before - draw_tastes(start + 0.001)).max() < 0.001
    before, after = (
        choice_model.renewed(SEED, np.full(MANY, day), 7, np.arange(MANY)) for day in (start, start + later)
    )
    changed = before != after
    assert abs(1 - changed.mean() - max(1 - later / HABIT_DAYS, 0)) < 0.02
    assert abs(np.corrcoef(before[changed], after[changed])[0, 1]) < 4 / changed.sum() ** 0.5
    assert np.bincount((after * 10).astype(int)).min() > 0.09 * MANY
