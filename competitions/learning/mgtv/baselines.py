"""Baselines that pick a video out of a slate: by its position, by what was watched together.

Each gives one score a row, (rows,), which ``scoring.mix_across`` calibrates.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.cooccurrence import count_covisits
from common.learning.listwise_softmax import find_starts
from common.retrieval.settings import CovisitSettings
from competitions.learning.mgtv.clicks import list_clicks, list_recent
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.split import Slates

NEVER_FADES = 1e9  # hours
REACH, NEIGHBOURS, LAST, FADE = 10, 200, 20, 0.9


def score_positions(before: Sequence[DayFeatures], day: DayFeatures, prior: float = 100.0) -> Floats:
    """The log of how often the row's position in its slate was the answer on the days ``before`` this one.

    A position beyond those seen counts as nearly never; ``prior`` rows of the mean share stand behind each position.
    """
    own, positions = _positions(day), np.concatenate([_positions(other) for other in before])
    labels = np.concatenate([other.rows.labels for other in before])
    width = max(positions.max(initial=0), own.max(initial=0)) + 1
    shown = np.bincount(positions, minlength=width)
    answered = np.bincount(positions, labels, minlength=width)
    share = (answered + prior * labels.mean()) / (shown + prior)
    return np.asarray(np.log(share[own]))


def _positions(day: DayFeatures) -> NDArray[np.int64]:
    """The position of each row in its slate, from 0."""
    return np.arange(len(day.completions)) - np.repeat(find_starts(day.rows.group_sizes), day.rows.group_sizes)


def score_neighbours(log: pl.DataFrame, slates: Slates) -> Floats:
    """Item-based collaborative filtering: how often the video was clicked near the device's last ones, by any device.

    The cosine of two videos over the devices that clicked both at most ``REACH`` clicks apart (Sarwar et al. 2001),
    summed over the last ``LAST`` clicks of the device, each ``FADE`` times as much as the one after it.
    """
    settings = CovisitSettings(
        reach=REACH, forward=1.0, reverse=1.0, decay=FADE, half_life_hours=NEVER_FADES, power=0.5, top=NEIGHBOURS
    )
    table = count_covisits(list_clicks(log, slates), settings)
    recent = list_recent(log, slates, LAST).select("query", item="video", trust=FADE ** pl.col("back"))
    rows = slates.rows.select("query", neighbour="video").with_row_index("row")
    pairs = rows.lazy().join(recent.lazy(), on="query").join(table.lazy(), on=["item", "neighbour"])
    score = pl.col("weight").cast(pl.Float64) * pl.col("trust")
    scored = pairs.select("row", score=score).sort("row", "score").collect()
    # Added up one after the other in a fixed order, so that the last bit does not depend on threads.
    scores = np.bincount(scored["row"].to_numpy(), scored["score"].to_numpy(), slates.rows.height)
    return np.asarray(np.log1p(scores))
