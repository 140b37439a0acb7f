"""The oracle of the MGTV simulator, computed again in another way."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator import oracle, simulate, users, watch_time_model
from competitions.mgtv.simulator.catalogue import make_catalogue, rate_day
from competitions.mgtv.simulator.constants import TEST_DAY
from competitions.mgtv.simulator.slates import SimulationState
from competitions.mgtv.simulator.watch_time_model import GRID, SHAPES


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_gains_are_the_integrals(shape: int) -> None:
    a, b, low, high = SHAPES[shape]
    gains = watch_time_model.make_gains()
    for rank in (0, 40, 480, 930, 1000):
        p = float(GRID[rank])

        def value(t: float, p: float = p) -> float:
            density = beta.pdf((t - low) / (high - low), a, b) / (high - low)
            return float(density / (1 + math.sqrt(abs(t - p) / t)))

        edges = sorted({low, high, *([p] if low < p < high else [])})
        whole = sum(quad(value, left, right, limit=200)[0] for left, right in pairwise(edges))
        assert gains[shape, rank] == pytest.approx(whole, abs=2e-3)


def test_the_oracle_is_the_best_of_all_answers() -> None:
    """On the last day, after five that left something to remember; everyone who clicks is asked."""
    catalogue, people = make_catalogue(0.004, 5), users.make_users(0.004, 5)
    history, everybody = users.init_history(catalogue, people, 5), np.arange(len(people.did))
    for day in range(TEST_DAY - 5, TEST_DAY):
        today = SimulationState(catalogue, people, history, rate_day(catalogue, day))
        slates, _, watched = simulate.simulate_day(today, everybody, np.random.default_rng(day))
        users.record_impressions(history, slates.row_device, slates.position, slates.video)
        users.record_clicks(catalogue, history, watched)
    state, rng = SimulationState(catalogue, people, history, rate_day(catalogue, TEST_DAY)), np.random.default_rng(7)
    slates, chance, watched = simulate.simulate_day(state, everybody, rng)
    first, completion = watched.row[watched.rank == 0], watched.completion[watched.rank == 0]
    scores = oracle.score_slates(state, slates, chance, first, completion)
    for at, row in enumerate(first[:40]):
        rows = np.flatnonzero(slates.owner == slates.owner[row])
        parts = watch_time_model.part_weights(state, slates.row_device[rows], slates.video[rows], slates.next[rows])
        values = chance[rows, None] * (parts @ watch_time_model.make_gains())
        best, rate = np.unravel_index(values.argmax(), values.shape)
        hit, gain = rows[best] == row, score_rates(completion[at], GRID[rate])
        assert scores["hit"][at] == hit
        assert scores["expected"][at] == pytest.approx(values.max())
        assert scores["gain"][at] == pytest.approx(gain if hit else 0.0)
