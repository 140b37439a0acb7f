"""What `make tune-mgtv` searches: the parameters of the watch model.

Studies see the training days only: each of the last of them is predicted by what was fitted on the latest days before
it. The validation days judge the best settings, fitted on all days. A study goes by the log likelihood of the answers,
which moves with every slate.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from common.arrays import Floats
from common.day.tuning.gbdt_task import MOST_ROWS, tune_ranker
from common.day.tuning.task import Task
from common.engine.run import Run
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit
from common.learning.listwise_softmax import log_likelihoods
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.models import click_ranker
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import fit_ranker, prepare

FOLDS = 3
Parameters = Mapping[str, Any]


def list_tasks(config: MgtvConfig) -> list[str]:
    """Names of what can be tuned: the watch model."""
    return [click_ranker.MODEL]


def make_task(name: str, files: reader.RawFiles, config: MgtvConfig, run: Run) -> Task:
    """The task of the watch model, on cached features.

    A fold is one of the last training days that have one before them, ``FOLDS`` at most.
    """
    ready = prepare(files, config, run)
    config, train, valid = ready.config, ready.plan.train, ready.plan.valid
    days = {number: day.value for number, day in ready.labelled.items()}
    folds = max(min(FOLDS, len(train) - 1), 1)
    scored = train[-folds:]

    def score(parameters: Parameters, fold: int) -> Floats:
        """The log likelihood of each answer of a day, by what these parameters make of the days before it."""
        rows = [day.rows for day in list_before(days, scored[fold])]
        ranker = fit(make_recipe(config, parameters), rows, days[scored[fold]].rows)
        return score_likelihood(ranker, days[scored[fold]])

    def judge(parameters: Parameters, number: int) -> Floats:
        """The same of the validation days, by the fit of that number."""
        ranker = fit_ranker(run, ready.labelled, make_recipe(config.of_fit(number), parameters), valid).value
        return np.concatenate([score_likelihood(ranker, days[day]) for day in valid])

    parameters = config.watch.lightgbm_softmax
    return tune_ranker(name, f"watch.{name}", parameters, "log likelihood", folds, score, judge)


def list_before(days: Mapping[int, DayFeatures], scored: int) -> list[DayFeatures]:
    """The latest labelled days before a day, up to about ``MOST_ROWS`` rows; the first one has only itself to learn
    from.
    """
    before = [days[day] for day in days if day < scored] or [days[scored]]
    rows = np.cumsum([len(one.rows.labels) for one in reversed(before)])
    return before[-max(int((rows <= MOST_ROWS).sum()), 1) :]


def make_recipe(config: MgtvConfig, parameters: Parameters) -> Recipe:
    """How the watch model is fitted with other parameters."""
    return replace(click_ranker.make_recipe(config.watch, config.model_seed), parameters=parameters)


def score_likelihood(ranker: Ranker, day: DayFeatures) -> Floats:
    """The log likelihood of each answer of a day."""
    return np.asarray(log_likelihoods(click_ranker.score(day, ranker), day.rows.labels, day.rows.group_sizes))
