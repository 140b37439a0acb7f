"""The best possible answer, by the distributions themselves: which video, and which completion rate.

A truth row is a device's first click. Given that there is one, it is row j with the chance of ``click_model``, and its
t follows ``watch_time_model``. The oracle answers the row and the rate that maximise chance * E[s]; the rate is tried
on a grid.
"""

import numpy as np
import polars as pl

from common.arrays import Bools, Floats, Ints
from common.simulation.oracle import Oracle, summarise
from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator.slates import SimulationState, Slates
from competitions.mgtv.simulator.watch_time_model import GRID, make_gains, part_weights

BLOCK = 50_000  # rows whose answers are tried at once


def score_slates(state: SimulationState, slates: Slates, chance: Floats, row: Ints, completion: Floats) -> pl.DataFrame:
    """Answer the slates of the truth's rows, of which ``row`` was clicked first and played to ``completion``; by the
    ``chance`` of every row to be it.

    One row a truth row: whether the oracle's video is right (``hit``), its s (``gain``), and what it ``expected`` of
    them (``expected_hit``).
    """
    asked = slates.owner[row]
    size = np.diff(slates.first)[asked]
    owner, first = np.repeat(np.arange(len(size)), size), np.cumsum(size) - size
    rows = np.arange(len(owner)) + (slates.first[asked] - first)[owner]
    chance = chance[rows]
    expected, rates = best_rates(state, slates.row_device[rows], slates.video[rows], slates.next[rows])
    value = chance * expected
    chosen = np.lexsort((-value, owner))[first]
    hit = rows[chosen] == row
    gain = score_rates(completion, rates[chosen]) * hit
    return pl.DataFrame({"hit": hit, "gain": gain, "expected": value[chosen], "expected_hit": chance[chosen]})


def best_rates(state: SimulationState, device: Ints, video: Ints, is_next: Bools) -> tuple[Floats, Floats]:
    """By row: E[s] of the best rate, and that rate."""
    expected, rates = np.empty(len(video)), np.empty(len(video))
    weights, gains = part_weights(state, device, video, is_next), make_gains()
    for start in range(0, len(video), BLOCK):
        some = slice(start, start + BLOCK)
        tried = weights[some] @ gains
        expected[some], rates[some] = tried.max(axis=1), GRID[tried.argmax(axis=1)]
    return expected, rates


def summarise_scores(scores: pl.DataFrame) -> Oracle:
    """The oracle of all slates; beside it its hits."""
    hit, gain, expected, expected_hit = (column.cast(pl.Float64).to_numpy() for column in scores)
    return summarise(gain, expected, {"hit_rate": hit, "expected_hit_rate": expected_hit})
