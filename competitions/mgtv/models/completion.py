"""How much of a video will be watched: a distribution of the completion rate, and the answer that scores best under it.

The metric gives s(t, p) = 1 / (1 + sqrt(|t - p| / t)). It has a cusp at p = t, and p = 0 scores 1/2 whatever t is. So
the mean of t is a bad answer: with half of the devices leaving at once and half staying to the end it is worth less
than either. What counts is

    p* = argmax_p E[s(t, p)]

under the distribution of t given (device, video). The distribution is a vector of probabilities over bins; within a bin
t is distributed as the training plays that fell into it, so that E[s] = probabilities @ table, the table holding the
mean of s(t, p) over the plays of a bin for every p of a grid.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.dataset import Matrix, check_columns, find_columns, take_columns
from common.learning.gbdt import PickledModel, explain_refusal
from competitions.mgtv.config import CompletionSettings
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.dataset import DayFeatures

SLICE_ROWS = 100_000
GRID = 241  # answers that are tried
MOST_PLAYS = 400_000  # to fit on, the latest
SAMPLE = 4_000  # plays of a bin that its row of the table averages over
FIXED: Mapping[str, Any] = {
    "objective": "multiclass",
    "metric": "multi_logloss",
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
POINT_SHARE = 0.02  # a value that holds so many of the plays gets a bin of its own


@dataclass(frozen=True)
class Bins:
    """``edges`` (bins - 1,): t falls into the number of edges at or below it. ``answers`` (grid,) that are tried,
    ``table`` (bins, grid): the mean of s over the plays of the bin, and ``means`` (bins,): their mean rate.
    """

    edges: Floats
    answers: Floats
    table: Floats
    means: Floats

    def index(self, completions: Floats) -> NDArray[np.int64]:
        """The bin of each completion rate."""
        return np.searchsorted(self.edges, completions, "right")


@dataclass(frozen=True)
class Plays:
    """Rows to learn from: the features' names, the features (n, d), and the completion rates (n,), all above 0."""

    names: tuple[str, ...]
    features: Matrix
    completions: Floats


@dataclass(frozen=True)
class Completion(PickledModel):
    """A fitted model: bins, LightGBM's booster over them (pickled), its features and their blocks, its rounds."""

    bins: Bins
    pickled: bytes | None
    names: tuple[str, ...]
    blocks: tuple[str, ...]
    rounds: int


def make_bins(completions: Floats, bins: int, grid: int = GRID) -> Bins:
    """Bins with about as many of the ``completions`` (n,), all above 0, in each; a frequent value has a bin of its own.

    The answers tried are quantiles of the completions and an even grid up to their 99.5 %, half of each.
    """
    values, counts = np.unique(completions, return_counts=True)
    points = values[counts >= max(POINT_SHARE * len(completions), 2)]
    others = completions[~np.isin(completions, points)]
    cuts = np.quantile(others, np.linspace(0, 1, bins + 1)[1:-1]) if len(others) else np.empty(0)
    edges = np.unique(np.concatenate([cuts, points, np.nextafter(points, np.inf)]))
    occupied = np.unique(np.searchsorted(edges, completions, "right"))
    edges = edges[occupied[1:] - 1]  # no bin without a play: each begins at the edge before its own first play
    top = float(np.quantile(completions, 0.995))
    even, quantiles = np.linspace(0, top, grid // 2), np.quantile(completions, np.linspace(0, 0.995, grid // 2))
    answers = np.unique(np.concatenate([[0.0], points, even, quantiles]))
    index = np.searchsorted(edges, completions, "right")
    groups = [completions[index == k] for k in range(len(edges) + 1)]
    table = np.stack([mean_scores(group, answers) for group in groups])
    return Bins(edges, answers, table, np.array([group.mean() for group in groups]))


def mean_scores(completions: Floats, answers: Floats) -> Floats:
    """Mean of s over ``completions`` for each answer; of many evenly spread quantiles stand for all."""
    if len(completions) > SAMPLE:
        completions = np.quantile(completions, (np.arange(SAMPLE) + 0.5) / SAMPLE)
    return np.asarray(score_rates(completions[:, None], answers[None, :]).mean(axis=0))


def best_answers(probabilities: Floats, bins: Bins) -> tuple[Floats, Floats]:
    """For distributions over the bins (n, bins): the answer with the highest expected s, and that expectation."""
    scores = probabilities @ bins.table
    best = scores.argmax(axis=1)
    return bins.answers[best], scores[np.arange(len(best)), best]


def mean_and_median(probabilities: Floats, bins: Bins) -> tuple[Floats, Floats]:
    """Mean and median of the same distributions: the answers that the ladder compares with.

    >>> bins = Bins(np.array([0.5]), np.zeros(1), np.zeros((2, 1)), np.array([0.25, 0.75]))
    >>> [value.tolist() for value in mean_and_median(np.array([[0.5, 0.5], [0.0, 0.48]]), bins)]  # .48: rounded off
    [[0.5, 0.36], [0.25, 0.75]]
    """
    mean = probabilities @ bins.means
    middle = (np.cumsum(probabilities, axis=1) < 0.5).sum(axis=1)
    return mean, bins.means[np.minimum(middle, len(bins.means) - 1)]


def take_plays(day: DayFeatures, blocks: Sequence[str], answers: bool = False) -> Plays:
    """The clicked rows of a day with a known rate above 0, or of its ``answers`` alone; the features of ``blocks``."""
    rows = np.flatnonzero(((day.rows.labels > 0) if answers else day.clicked) & (day.completions > 0))
    columns = find_columns(day.rows.names, blocks)
    names = tuple(day.rows.names[column] for column in columns)
    return Plays(names, np.asarray(day.rows.features[rows][:, columns]), day.completions[rows])


def join_plays(days: Sequence[Plays]) -> Plays:
    """The plays of all days, which have the same columns: of more than ``MOST_PLAYS`` the latest."""
    for day in days:
        check_columns(days[0].names, day.names, "A day of plays")
    features = np.concatenate([day.features for day in days])
    completions = np.concatenate([day.completions for day in days])
    return Plays(days[0].names, features[-MOST_PLAYS:], completions[-MOST_PLAYS:])


def refit(days: Sequence[Plays], early: Completion, settings: CompletionSettings, seed: int) -> Completion:
    """Fit on all days, for the rounds that the early stop found."""
    return fit(days, [], msgspec.structs.replace(settings, rounds=max(early.rounds, 1)), seed)


def fit(days: Sequence[Plays], valid: Sequence[Plays], settings: CompletionSettings, seed: int) -> Completion:
    """Fit the probabilities of the bins of the plays of some days.

    With plays of ``valid`` days, their answers', the fit ends where their likelihood has not risen for ``patience``
    rounds.
    """
    import lightgbm

    train = join_plays(days)
    bins, names, blocks = make_bins(train.completions, settings.bins), train.names, tuple(settings.blocks)
    if len(bins.table) == 1:
        return Completion(bins, None, names, blocks, 0)
    parameters = {**FIXED, "num_class": len(bins.table), "seed": seed, **settings.parameters}
    data = lightgbm.Dataset(train.features, bins.index(train.completions), feature_name=list(names))
    held: list[lightgbm.Dataset] = []
    callbacks: list[Any] = []
    if valid:
        last = join_plays(valid)
        check_columns(names, last.names, "The plays of validation")
        held = [lightgbm.Dataset(last.features, bins.index(last.completions), reference=data)]
        callbacks = [lightgbm.early_stopping(settings.patience, verbose=False)]
    try:
        model = lightgbm.train(parameters, data, settings.rounds, held, callbacks=callbacks)
    except lightgbm.basic.LightGBMError as error:
        raise explain_refusal("completion", error) from error
    pickled = pickle.dumps(model, pickle.HIGHEST_PROTOCOL)
    return Completion(bins, pickled, names, blocks, model.best_iteration if held else settings.rounds)


def predict(completion: Completion, names: Sequence[str], features: Matrix) -> Floats:
    """Probabilities of the bins for rows (n, d) of these ``names``: (n, bins).

    Of the model's blocks, other columns than those of its fit are refused by a ``ColumnsError``.
    """
    features = take_columns(
        names, features, completion.names, completion.blocks, "What the completion model is to score"
    )
    if completion.model is None:
        return np.ones((len(features), 1))
    probabilities = completion.model.predict(features, num_iteration=completion.rounds)
    return np.asarray(probabilities, dtype=np.float64).reshape(len(features), -1)
