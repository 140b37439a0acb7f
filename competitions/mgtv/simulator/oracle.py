"""The best possible answer, by the distributions themselves: which video, and which completion rate.

A truth row is a device's first click where its duration is known. Given that, the first click is row j with the chance
of ``click_model`` over the rows of known duration, and its t follows ``watch_time_model``. The oracle answers the row
and the rate that maximise chance * E[s]; the rate is tried on a grid.
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Bools, Floats, Ints, join
from common.simulation.oracle import Oracle, summarise
from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator.click_model import Clicks
from competitions.mgtv.simulator.constants import group_rows
from competitions.mgtv.simulator.slates import SimulationState, Slates
from competitions.mgtv.simulator.watch_time_model import GRID, find_forms, make_gains, part_weights

BLOCK = 50_000  # rows whose answers are tried at once


@dataclass(frozen=True)
class OracleScores:
    """One entry a truth row: whether the oracle's video is right, its s, and what it expected of both."""

    hit: Bools
    gain: Floats
    expected: Floats
    expected_hit: Floats


@dataclass(frozen=True)
class TruthRows:
    """Of some slates those that have a truth row: the row clicked first, its t, whether they are given."""

    slates: Ints
    row: Ints
    completion: Floats
    given: Bools  # the shown rows stand in the host's file


def score_slates(state: SimulationState, slates: Slates, clicks: Clicks, truth: TruthRows) -> OracleScores:
    """Answer the slates that have a truth row and score the answers."""
    size = np.diff(slates.first)[truth.slates]
    bounds = np.append(0, np.cumsum(size))
    owner = group_rows(bounds)
    row = np.arange(bounds[-1]) - bounds[:-1][owner] + slates.first[truth.slates][owner]
    known = has_duration(state, slates.video[row])
    chance = np.where(known, clicks.chance[row], 0.0)
    chance /= np.add.reduceat(chance, bounds[:-1])[owner] if len(owner) else 1.0
    expected, rates = best_rates(state, slates.row_device[row], slates.video[row], slates.next[row])
    value = chance * expected
    order = np.lexsort((-value, owner))
    chosen = order[bounds[:-1]]
    hit = (row[chosen] == truth.row) & truth.given
    return OracleScores(
        hit=hit,
        gain=score_rates(truth.completion, rates[chosen]) * hit,
        expected=value[chosen] * truth.given,
        expected_hit=chance[chosen] * truth.given,
    )


def has_duration(state: SimulationState, video: Ints) -> Bools:
    """Whether the table has the duration."""
    return np.asarray((state.catalogue.videos.recorded[video] > 0) & state.catalogue.videos.listed[video])


def best_rates(state: SimulationState, device: Ints, video: Ints, is_next: Bools) -> tuple[Floats, Floats]:
    """By row: E[s] of the best rate, and that rate."""
    gains, expected, rates = make_gains(), np.empty(len(video)), np.empty(len(video))
    weights, forms = part_weights(state, device, video, is_next), find_forms(state.catalogue, video)
    for form in range(len(gains)):
        rows = np.flatnonzero(forms == form)
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            tried = weights[some] @ gains[form]
            best = tried.argmax(axis=1)
            expected[some], rates[some] = tried[np.arange(len(some)), best], GRID[best]
    return expected, rates


def summarise_scores(scores: list[OracleScores]) -> Oracle:
    """The oracle of all slates; beside it its hits."""
    every = join(scores)
    details = {"hit_rate": every.hit.astype(float), "expected_hit_rate": every.expected_hit}
    return summarise(every.gain, every.expected, details)
