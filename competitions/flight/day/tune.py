"""What `make tune-flight` searches: the parameters of each ranker.

Studies see the rows of the last fold's training sessions only, in an expanding window by the time of the search, with
one fit where a run averages several; the validation sessions of that fold measure the best settings. A study goes by
the log likelihood of the booked option, which moves with every session where HitRate@3 stands still.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from common.day.tuning.gbdt_task import Folds, thin_folds, tune_ranker
from common.day.tuning.task import Scores, Task
from common.engine.run import Run
from common.learning.dataset import RankingDataset, cut_by_time
from common.learning.fit_task import Recipe
from common.learning.gbdt import fit, score_rows
from common.learning.listwise_softmax import fit_temperatures, log_likelihoods
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.metrics import LARGE
from competitions.flight.pipeline import Prepared, prepare
from competitions.flight.ranking.rankers import make_recipe
from competitions.flight.ranking.training_data import TrainingData

FOLDS = 3
METRIC = "log likelihood"
Parameters = Mapping[str, Any]


def list_tasks(config: FlightConfig) -> list[str]:
    """Names of what can be tuned: every ranker of the settings."""
    return list(config.rank.models)


def make_task(name: str, files: RawFiles, config: FlightConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    prepared = prepare(files, config, run)
    folds = run.step(cut_train, prepared.data, prepared.train, name="tune.folds").value
    return tune_ranker(
        name,
        f"rank.{name}",
        prepared.plan.parameters[name],
        METRIC,
        FOLDS,
        partial(_score_fold, name, config, prepared, folds),
        partial(_score_unseen, name, config, prepared, run),
    )


def _make_recipe(name: str, prepared: Prepared, config: FlightConfig, parameters: Parameters | None = None) -> Recipe:
    return make_recipe(config, prepared.plan, name, prepared.choice.features, parameters)


def cut_train(data: TrainingData, train: Searches) -> Folds:
    """The last fold's training rows in an expanding window by time."""
    fold, times = data.folds[-1], train.sessions["time"].to_numpy()[data.sessions]
    judged = np.isin(data.sessions, fold.sessions)
    known = ~judged
    if known.sum() != len(fold.train.group_sizes):  # by time the fold trains on the sessions before it alone
        known = times < times[judged].min(initial=times.max() + 1)
    return thin_folds(cut_by_time(fold.train, times[known], FOLDS))


def _score_fold(
    name: str, config: FlightConfig, prepared: Prepared, folds: Folds, parameters: Parameters, fold: int
) -> Scores:
    train, valid = folds[fold]
    ranker = fit(replace(_make_recipe(name, prepared, config, parameters), seeds=1), train, valid)
    return score_likelihood(score_rows(valid.names, valid.features, [ranker])[:, 0], valid)


def score_likelihood(scores: Scores, rows: RankingDataset) -> Scores:
    """By query the log likelihood of its booking, at the temperature that suits the scores best.

    A pairwise loss leaves the scale of its scores to chance.
    """
    factor = fit_temperatures(scores[:, None], rows.labels, rows.group_sizes)[0]
    return log_likelihoods(np.ascontiguousarray(scores * factor), rows.labels, rows.group_sizes)


def _score_unseen(
    name: str, config: FlightConfig, prepared: Prepared, run: Run, parameters: Parameters, number: int
) -> Scores:
    recipe = _make_recipe(name, prepared, config.of_fit(number), parameters)
    scores = run.step(score_last, recipe, prepared.data, name=f"fit.{name}").value
    valid = prepared.data.value.folds[-1].valid
    return score_likelihood(scores, valid)[valid.group_sizes > LARGE]


def score_last(recipe: Recipe, data: TrainingData) -> Scores:
    """A recipe's scores of the last fold's validation rows."""
    fold = data.folds[-1]
    return score_rows(fold.valid.names, fold.valid.features, [fit(recipe, fold.train, fold.valid)])[:, 0]
