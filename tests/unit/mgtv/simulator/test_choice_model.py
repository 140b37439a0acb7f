"""The oracle of the MGTV simulator, computed again in another way."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator import click_model, oracle, simulate, users, watch_time_model
from competitions.mgtv.simulator.catalogue import make_catalogue, rate_day
from competitions.mgtv.simulator.constants import TEST_DAY, measure_sizes
from competitions.mgtv.simulator.slates import SimulationState, draw_slates
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
    sizes = measure_sizes(0.004)
    catalogue, people = make_catalogue(sizes, 5), users.make_users(sizes.devices, 5)
    history, everybody = users.init_history(catalogue, people, 5), np.arange(sizes.devices)
    for day in range(TEST_DAY - 5, TEST_DAY):
        today = SimulationState(catalogue, people, history, rate_day(catalogue, day))
        slates, _, watched = simulate.simulate_day(today, everybody, np.random.default_rng(day))
        users.record_impressions(history, slates.row_device, slates.position, slates.video)
        users.record_clicks(catalogue, history, watched)
    state, rng = SimulationState(catalogue, people, history, rate_day(catalogue, TEST_DAY)), np.random.default_rng(7)
    slates = draw_slates(state, everybody, np.random.default_rng(1))
    clicks = click_model.draw_clicks(state, slates, rng)
    first = clicks.row[clicks.rank == 0]
    parts = watch_time_model.part_weights(state, slates.row_device[first], slates.video[first], slates.next[first])
    completion = watch_time_model.draw_completion(parts, rng)
    scores = oracle.score_slates(state, slates, clicks, first, completion)
    gains = watch_time_model.make_gains()
    for at in range(0, 40):
        owner = int(slates.owner[first[at]])
        best = (-1.0, -1, -1.0)
        for row in range(int(slates.first[owner]), int(slates.first[owner + 1])):
            one = np.array([row])
            weights = watch_time_model.part_weights(state, slates.row_device[one], slates.video[one], slates.next[one])
            values = float(clicks.chance[row]) * (weights[0] @ gains)
            best = max(best, (float(values.max()), row, float(GRID[values.argmax()])))
        hit = best[1] == first[at]
        assert scores.hit[at] == hit
        assert scores.expected[at] == pytest.approx(best[0])
        expected = float(score_rates(completion[at : at + 1], np.array([best[2]]))[0]) if hit else 0.0
        assert scores.gain[at] == pytest.approx(expected)
