"""The best answer anyone could give, as it knows the law: which video, and which completion rate.

A truth row is a device's first click where its duration is known. Given that, the first click is row j with the
chance of ``clicking`` over the rows of known duration, and its t follows ``watching``. The oracle answers the row and
the rate that maximise chance * E[s]; the rate is tried on a grid. The other rates are given for the same rows.
"""

from dataclasses import dataclass

import numpy as np

from competitions.mgtv.simulator.click_model import Clicks
from competitions.mgtv.simulator.constants import Bools, Floats, Ints, list_owners
from competitions.mgtv.simulator.slates import Lists, Scene
from competitions.mgtv.simulator.watch_time_model import GRID, find_forms, make_tables, part_weights, score

BLOCK = 50_000  # rows whose answers are tried at once
RATES = ("best", "median", "mean", "0", "1")


@dataclass(frozen=True)
class Verdict:
    """One entry a truth row. ``gain`` (rows, len(RATES)): s of a hit, else 0, by the rate answered."""

    hit: Bools
    gain: Floats
    expected: Floats
    expected_hit: Floats
    random_hit: Floats


@dataclass(frozen=True)
class Oracle:
    """Scores over the truth rows: realised, as the law expects, and with other rates on the same videos."""

    truths: int
    score: float
    standard_error: float
    expected: float
    hit_rate: float
    expected_hit_rate: float
    random_hit_rate: float  # of any shown video
    score_median: float
    score_mean: float
    score_0: float
    score_1: float


@dataclass(frozen=True)
class Asked:
    """Of some lists those asked about that have a truth row: the row clicked first, its t, whether they are given."""

    lists: Ints
    row: Ints
    completion: Floats
    given: Bools  # the shown rows stand in the host's file


def judge(scene: Scene, lists: Lists, clicks: Clicks, asked: Asked) -> Verdict:
    """Answer the asked lists and score the answers."""
    size = np.diff(lists.first)[asked.lists]
    bounds = np.append(0, np.cumsum(size))
    owner = list_owners(bounds)
    row = np.arange(bounds[-1]) - bounds[:-1][owner] + lists.first[asked.lists][owner]
    known = has_duration(scene, lists.video[row])
    chance = np.where(known, clicks.chance[row], 0.0)
    chance /= np.add.reduceat(chance, bounds[:-1])[owner] if len(owner) else 1.0
    gain, rates = best_rates(scene, lists.row_device[row], lists.video[row], lists.next[row])
    value = chance * gain
    order = np.lexsort((-value, owner))
    chosen = order[bounds[:-1]]
    hit = (row[chosen] == asked.row) & asked.given
    return Verdict(
        hit=hit,
        gain=score(asked.completion[:, None], rates[chosen]) * hit[:, None],
        expected=value[chosen] * asked.given,
        expected_hit=chance[chosen] * asked.given,
        random_hit=asked.given / size,
    )


def has_duration(scene: Scene, video: Ints) -> Bools:
    """Whether the table tells the duration."""
    return np.asarray((scene.catalogue.videos.told[video] > 0) & scene.catalogue.videos.listed[video])


def best_rates(scene: Scene, device: Ints, video: Ints, is_next: Bools) -> tuple[Floats, Floats]:
    """By row: E[s] of the best rate, and the rates (rows, len(RATES))."""
    tables = make_tables()
    gain, rates = np.empty(len(video)), np.empty((len(video), len(RATES)))
    weights, forms = part_weights(scene, device, video, is_next), find_forms(scene.catalogue, video)
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


def summarise(verdicts: list[Verdict]) -> Oracle:
    """Means over the truth rows."""
    gain = np.concatenate([verdict.gain for verdict in verdicts])
    count = max(len(gain), 1)
    totals = gain.sum(axis=0) / count
    spread = float(gain[:, 0].std(ddof=1)) if len(gain) > 1 else 0.0

    def mean(name: str) -> float:
        return float(np.concatenate([getattr(verdict, name) for verdict in verdicts]).sum() / count)

    return Oracle(
        truths=len(gain),
        score=float(totals[0]),
        standard_error=spread / count**0.5,
        expected=mean("expected"),
        hit_rate=mean("hit"),
        expected_hit_rate=mean("expected_hit"),
        random_hit_rate=mean("random_hit"),
        score_median=float(totals[1]),
        score_mean=float(totals[2]),
        score_0=float(totals[3]),
        score_1=float(totals[4]),
    )
