"""From P(watch) and the distribution of the completion rate to one video and one number a device."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.ranking.listwise_softmax import find_starts
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import Served

FALLBACK_GRID = 200
ANSWERS = ("p = 0", "p = 1", "mean", "median", "max E[s]")
PICKS = ("random", "P(watch)", "P(watch) x E[s]")


@dataclass(frozen=True)
class Values:
    """For each row of a day: the best ``answer`` p* and its ``expected`` s, and the ``mean`` and ``median`` of t."""

    answer: Floats
    expected: Floats
    mean: Floats
    median: Floats


def value_rows(day: Served, model: Completion, no_duration: str) -> Values:
    """What each row would earn if its video were the right one.

    A video without a duration has no completion rate: with ``no_duration`` "nothing" it is worth nothing.
    """
    answer, expected = np.empty(len(day.rates)), np.empty(len(day.rates))
    mean, median = np.empty(len(day.rates)), np.empty(len(day.rates))
    columns = [day.rows.names.index(name) for name in model.names]
    for start in range(0, len(day.rates), completion.SLICE_ROWS):
        part = slice(start, start + completion.SLICE_ROWS)
        probabilities = completion.predict(model, np.asarray(day.rows.features[part][:, columns]))
        answer[part], expected[part] = completion.best_answers(probabilities, model.bins)
        mean[part], median[part] = completion.centre(probabilities, model.bins)
    if no_duration == "nothing":
        expected = np.where(day.scorable, expected, 0.0)
    return Values(answer, expected, mean, median)


def pick(worth: Floats, sizes: NDArray[np.int32]) -> NDArray[np.int64]:
    """The row with the largest worth of each list, the first of equals: one row number a list."""
    starts = find_starts(sizes)
    if not len(starts):
        return np.empty(0, np.int64)
    best = np.repeat(np.maximum.reduceat(worth, starts), sizes)
    rows = np.flatnonzero(worth == best)
    lists = np.repeat(np.arange(len(sizes)), sizes)[rows]
    return rows[np.unique(lists, return_index=True)[1]]


def weigh(probabilities: Floats, values: Values, power: float) -> Floats:
    """P(watch) * E[s]^power."""
    return np.asarray(probabilities * values.expected**power)


def find_fallback(log: pl.DataFrame, durations: pl.Series) -> tuple[int, float]:
    """For a device that was shown nothing: the video with most clicks on the last day, and the best answer for it.

    Of videos with a duration, where there is one that was clicked; the answer is the best for its own plays of all
    days, or for all plays where it has none.
    """
    clicked = log.filter(pl.col("clicked"))
    measured = clicked.filter(durations.is_not_null().gather(clicked["video"]))
    counted = measured if measured.height else clicked
    counted = counted.filter(pl.col("day") == pl.col("day").max())
    ranked = counted.group_by("video").len().sort("len", "video", descending=[True, False])
    video = int(ranked["video"][0]) if ranked.height else 0
    played = log.filter(pl.col("t") > 0).select("video", pl.col("t").cast(pl.Float64))
    own = played.filter(video=video)["t"]
    rates = (own if len(own) else played["t"]).to_numpy()
    if not len(rates):
        return video, 1.0
    bins = completion.make_bins(rates, 1, FALLBACK_GRID)
    return video, float(bins.answers[completion.mean_scores(rates, bins.answers).argmax()])


def earn(day: Served, rows: NDArray[np.int64], answers: Floats) -> tuple[Floats, Floats]:
    """Per list: 1 for a hit, and the s that the answer earns."""
    hit = day.rows.labels[rows] > 0
    return hit.astype(np.float64), np.where(hit, score_rates(day.rates[rows], answers[rows]), 0.0)


def climb(
    day: Served, probabilities: Floats, values: Values, seed: int
) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """The ladder of the decision layer: for every pick and every answer, hits and s of each list."""
    tried = {
        "p = 0": np.zeros(len(probabilities)),
        "p = 1": np.ones(len(probabilities)),
        "mean": values.mean,
        "median": values.median,
        "max E[s]": values.answer,
    }
    picks = {
        "random": pick(np.random.default_rng([seed, day.day]).random(len(probabilities)), day.rows.group_sizes),
        "P(watch)": pick(probabilities, day.rows.group_sizes),
        "P(watch) x E[s]": pick(weigh(probabilities, values, 1.0), day.rows.group_sizes),
    }
    return {
        (picked, answered): earn(day, rows, answers)
        for picked, rows in picks.items()
        for answered, answers in tried.items()
    }
