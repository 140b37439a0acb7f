"""The best possible answer, by the distributions themselves: which video, and which completion rate.

A truth row is a device's first click where its duration is known. Given that, the first click is row j with the chance
of ``click_model`` over the rows of known duration, and its t follows ``watch_time_model``. The oracle answers the row
and the rate that maximise chance * E[s]; the rate is tried on a grid. The other rates are given for the same rows.
"""

from dataclasses import dataclass, fields

import numpy as np

from common.arrays import Bools, Floats, Ints
from common.simulation.oracle import Oracle, summarise
from competitions.mgtv.labels import score_rates
from competitions.mgtv.simulator.click_model import Clicks
from competitions.mgtv.simulator.constants import group_rows
from competitions.mgtv.simulator.slates import SimulationState, Slates
from competitions.mgtv.simulator.watch_time_model import GRID, find_forms, make_tables, part_weights

BLOCK = 50_000  # rows whose answers are tried at once
RATES = ("best", "median", "mean", "0", "1")


@dataclass(frozen=True)
class OracleScores:
    """One entry a truth row. ``gain`` (rows, len(RATES)): s of a hit, else 0, by the rate answered."""

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
    gain, rates = best_rates(state, slates.row_device[row], slates.video[row], slates.next[row])
    value = chance * gain
    order = np.lexsort((-value, owner))
    chosen = order[bounds[:-1]]
    hit = (row[chosen] == truth.row) & truth.given
    return OracleScores(
        hit=hit,
        gain=score_rates(truth.completion[:, None], rates[chosen]) * hit[:, None],
        expected=value[chosen] * truth.given,
        expected_hit=chance[chosen] * truth.given,
    )


def has_duration(state: SimulationState, video: Ints) -> Bools:
    """Whether the table has the duration."""
    return np.asarray((state.catalogue.videos.recorded[video] > 0) & state.catalogue.videos.listed[video])


def best_rates(state: SimulationState, device: Ints, video: Ints, is_next: Bools) -> tuple[Floats, Floats]:
    """By row: E[s] of the best rate, and the rates (rows, len(RATES))."""
    tables = make_tables()
    gain, rates = np.empty(len(video)), np.empty((len(video), len(RATES)))
    weights, forms = part_weights(state, device, video, is_next), find_forms(state.catalogue, video)
    rates[:, 2] = (weights * tables.mean[forms]).sum(axis=1)
    rates[:, 3:] = 0.0, 1.0
    for form in range(len(tables.mean)):
        rows = np.flatnonzero(forms == form)
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            expected = weights[some] @ tables.gain[form]
            best = expected.argmax(axis=1)
            gain[some] = expected[np.arange(len(some)), best]
            rates[some, 0] = GRID[best]
            rates[some, 1] = GRID[(weights[some] @ tables.below[form] >= 0.5).argmax(axis=1)]
    return gain, rates


def summarise_scores(scores: list[OracleScores]) -> Oracle:
    """The oracle of all slates; beside it its hits, and what other rates earn on its picks."""
    hit, gain, expected, expected_hit = (
        np.concatenate([getattr(score, field.name) for score in scores]) for field in fields(OracleScores)
    )
    rates = {"hit_rate": hit.astype(float), "expected_hit_rate": expected_hit}
    others = {f"score_{rate}": gain[:, at] for at, rate in enumerate(RATES) if at}
    return summarise(gain[:, 0], expected, rates | others)
