"""From P(watch) and the distribution of the completion rate to one video and one number a device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.chain import Chain, Order, judge_chain, score_rule
from common.learning.listwise_softmax import find_starts
from competitions.mgtv.features.target_encoding import HALF_LIVES
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures

FALLBACK_GRID = 200
ANSWERS = ("p = 0", "p = 1", "mean", "median", "max E[s]")
PICKS = ("P(watch)", "P(watch) x E[s]")
EXPECTED, WATCH = "expected score", "P(watch)"  # what the video is picked by, and the stage before it
# Without a ranker: by the smoothed click rate of the video, or the first that is shown.
RULES: dict[str, Order] = {"popularity": (f"video_own_click_{HALF_LIVES[-1]:g}d", 1.0), "shown": None}


@dataclass(frozen=True)
class ExpectedReward:
    """For each row of a day: the best ``answer`` p*, its ``expected`` s; the ``mean`` and ``median`` of t."""

    answer: Floats
    expected: Floats
    mean: Floats
    median: Floats


@dataclass(frozen=True)
class Predictions:
    """What the models say of a ``day``: P(watch) of its rows, ``chances`` (rows,), and their ``rewards``."""

    day: DayFeatures
    chances: Floats
    rewards: ExpectedReward


def expect_rewards(day: DayFeatures, model: Completion, no_duration: str) -> ExpectedReward:
    """The reward of each row if its video were the right one.

    A video without a duration has no completion rate: with ``no_duration`` "nothing" its reward is 0.
    """
    parts = []
    for start in range(0, max(len(day.completions), 1), completion.SLICE_ROWS):
        rows = slice(start, start + completion.SLICE_ROWS)
        probabilities = completion.predict(model, day.rows.names, np.asarray(day.rows.features[rows]))
        best = completion.best_answers(probabilities, model.bins)
        parts.append(np.stack([*best, *completion.mean_and_median(probabilities, model.bins)]))
    answer, expected, mean, median = np.hstack(parts)
    if no_duration == "nothing":
        expected = np.where(day.scorable, expected, 0.0)
    return ExpectedReward(answer, expected, mean, median)


def decide(part: Predictions, answer: str = EXPECTED) -> NDArray[np.int64]:
    """The row that is answered of each slate: that with the largest P(watch) * E[s], or the first of another order."""
    return pick(order_videos(part, answer), part.day.rows.group_sizes)


def order_videos(part: Predictions, answer: str) -> Floats:
    """The values (rows,) whose largest is picked."""
    if answer in RULES:
        return score_rule(part.day.rows, RULES[answer])
    # Powers of E[s] other than 1 earned no more, see LOG.md.
    return part.chances if answer == WATCH else part.chances * part.rewards.expected


def find_stages(names: Sequence[str]) -> list[str]:
    """How a video can be picked with these features, the end of the chain first."""
    return [EXPECTED, WATCH, *(rule for rule, order in RULES.items() if order is None or order[0] in names)]


def judge_picks(valid: Sequence[Predictions], answer: str) -> Chain:
    """How the video is picked, by the scores of the ``valid`` days with the share that the run answers.

    A device is a cluster: on both days it likes the same.
    """
    scores, devices = {}, np.concatenate([part.day.devices for part in valid])
    for stage in find_stages(valid[0].day.rows.names):
        parts = [score_answers(part.day, decide(part, stage), part.rewards.answer)[1] for part in valid]
        scores[stage] = np.concatenate(parts)
    return judge_chain(("watch.answer", answer), scores, clusters=devices)


def pick(values: Floats, sizes: NDArray[np.int32]) -> NDArray[np.int64]:
    """The row with the largest value of each slate, the first of equals: one row number a slate.

    >>> pick(np.array([0.1, 0.7, 0.2, 0.5, 0.5]), np.array([3, 2], np.int32)).tolist()
    [1, 3]
    """
    slates = np.repeat(np.arange(len(sizes)), sizes)
    return np.lexsort((-values, slates))[find_starts(sizes)]


def find_fallback(log: pl.DataFrame, videos: pl.DataFrame) -> tuple[int, float]:
    """For a device that was shown nothing: the video with most clicks on the last day, and the best answer for it.

    Of videos with a duration, where there is one that was clicked; the answer is the best for its own plays of all
    days, or for all plays where it has none.
    """
    clicked = log.filter(pl.col("clicked"))
    measured = clicked.filter(videos["duration"].is_not_null().gather(clicked["video"]))
    counted = measured if measured.height else clicked
    counted = counted.filter(pl.col("day") == pl.col("day").max())
    ranked = counted.group_by("video").len().sort("len", "video", descending=[True, False])
    video = int(ranked["video"][0]) if ranked.height else 0
    played = log.filter(pl.col("t") > 0).select("video", pl.col("t").cast(pl.Float64))
    own = played.filter(video=video)["t"]
    completions = (own if len(own) else played["t"]).to_numpy()
    if not len(completions):
        return video, 1.0
    bins = completion.make_bins(completions, 1, FALLBACK_GRID)
    return video, float(bins.answers[completion.mean_scores(completions, bins.answers).argmax()])


def score_answers(day: DayFeatures, rows: NDArray[np.int64], answers: Floats) -> tuple[Floats, Floats]:
    """Per slate: 1 for a hit, and the s of the answer; ``rows`` are picked, ``answers`` (n,) for each row."""
    hit = day.rows.labels[rows] > 0
    return hit.astype(np.float64), np.where(hit, score_rates(day.completions[rows], answers[rows]), 0.0)


def climb(part: Predictions) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """The ladder of the decision layer: for every pick and every answer, hits and s of each slate."""
    count, rewards = len(part.chances), part.rewards
    answers = (np.zeros(count), np.ones(count), rewards.mean, rewards.median, rewards.answer)
    picks = decide(part, WATCH), decide(part)
    return {
        (picked, answered): score_answers(part.day, rows, tried)
        for picked, rows in zip(PICKS, picks, strict=True)
        for answered, tried in zip(ANSWERS, answers, strict=True)
    }
