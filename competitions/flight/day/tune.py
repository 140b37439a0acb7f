"""What `make tune-flight` searches: the parameters of each ranker.

Studies see the rows of the last fold's training sessions only, in an expanding window by the time of the search, with
one fit where a run averages several; the validation sessions of that fold measure the best settings. A study goes by
the log likelihood of the booked option, which moves with every session where HitRate@3 stands still.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from common.day.tuning.gbdt_task import Folds, thin_folds, tune_ranker
from common.day.tuning.task import Scores, Task
from common.engine.run import Run
from common.learning.dataset import RankingDataset, cut_by_time
from common.learning.fitters import Recipe
from common.learning.gbdt import fit, predict
from common.learning.listwise_softmax import fit_temperatures, log_likelihoods
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.metrics import LARGE
from competitions.flight.pipeline import prepare
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
    plan, data = prepared.plan, prepared.data
    folds = run.step(cut_train, data, prepared.train, name="tune.folds").value

    def score(parameters: Parameters, fold: int) -> Scores:
        """The log likelihood of each booking of a fold, by one fit with these parameters."""
        train, valid = folds[fold]
        recipe = make_recipe(config, plan, name, parameters)
        ranker = fit(replace(recipe, seeds=1), train, valid)
        return score_likelihood(predict(ranker, valid.names, valid.features), valid)

    def judge(parameters: Parameters, number: int) -> Scores:
        """The same of the scored validation sessions of the last fold, by the fit of that number."""
        recipe = make_recipe(config.of_fit(number), plan, name, parameters)
        scores = run.step(score_last, recipe, data, name=f"fit.{name}").value
        valid = data.value.folds[-1].valid
        return score_likelihood(scores, valid)[valid.group_sizes > LARGE]

    return tune_ranker(name, f"rank.{name}", plan.parameters[name], METRIC, FOLDS, score, judge)


def cut_train(data: TrainingData, train: Searches) -> Folds:
    """The last fold's training rows in an expanding window by time."""
    fold, times = data.folds[-1], train.sessions["time"].to_numpy()[data.sessions]
    judged = np.isin(data.sessions, fold.sessions)
    known = ~judged
    if known.sum() != len(fold.train.group_sizes):  # by time the fold trains on the sessions before it alone
        known = times < times[judged].min(initial=times.max() + 1)
    return thin_folds(cut_by_time(fold.train, times[known], FOLDS))


def score_likelihood(scores: Scores, rows: RankingDataset) -> Scores:
    """By query the log likelihood of its booking, at the temperature that suits the scores best.

    A pairwise loss leaves the scale of its scores to chance.
    """
    factor = fit_temperatures(scores[:, None], rows.labels, rows.group_sizes)[0]
    return log_likelihoods(np.ascontiguousarray(scores * factor), rows.labels, rows.group_sizes)


def score_last(recipe: Recipe, data: TrainingData) -> Scores:
    """A recipe's scores of the last fold's validation rows."""
    fold = data.folds[-1]
    return predict(fit(recipe, fold.train, fold.valid), fold.valid.names, fold.valid.features)
