"""What `make tune-mgtv` searches: the parameters of the watch model, and those of the completion model.

Studies see the training days only: each of the last of them is predicted by what was fitted on the latest days before
it. The validation days judge the best settings, fitted on all days. The watch model goes by the log likelihood of the
answers, which moves with every slate; the completion model by the score of the right videos' answers.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from common.arrays import Floats
from common.day.tuning.gbdt_task import MOST_ROWS, tune_ranker
from common.day.tuning.task import Task
from common.engine.run import Run
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit
from common.learning.listwise_softmax import log_likelihoods
from competitions.mgtv.config import CompletionSettings, MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import click_ranker, completion, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import Prepared, fit_completion, fit_ranker, prepare

FOLDS = 3
COMPLETION = "completion"
Parameters = Mapping[str, Any]


def list_tasks(config: MgtvConfig) -> list[str]:
    """Names of what can be tuned."""
    return [click_ranker.MODEL, COMPLETION]


def make_task(name: str, files: reader.RawFiles, config: MgtvConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    study = Study(prepare(files, config, run), run)
    config = study.config
    if name == COMPLETION:
        parameters, metric = config.completion.parameters, "s of the right video"
        judges = study.score_completion, study.judge_completion
        return tune_ranker("lightgbm", "completion.parameters", parameters, metric, study.folds, *judges)
    parameters, judges = config.watch.lightgbm_softmax, (study.score_watch, study.judge_watch)
    return tune_ranker(name, f"watch.{name}", parameters, "log likelihood", study.folds, *judges)


class Study:
    """The days with features, and which of the training days a study is scored on. A fold is one of these, fitted on
    the latest days before it; the validation days judge what is fitted as in a run.
    """

    def __init__(self, ready: Prepared, run: Run) -> None:
        """As many training days as have one before them, ``FOLDS`` at most."""
        self.config, self.valid, self.days, self.run = ready.config, ready.plan.valid, ready.labelled, run
        self.labelled = {number: day.value for number, day in ready.labelled.items()}
        self.folds = max(min(FOLDS, len(ready.plan.train) - 1), 1)
        self.scored = ready.plan.train[-self.folds :]

    def before(self, fold: int) -> list[DayFeatures]:
        """The latest labelled days before a fold's, up to about ``MOST_ROWS`` rows; the first training day has only
        itself to learn from.
        """
        day = self.scored[fold]
        days = [self.labelled[other] for other in self.labelled if other < day] or [self.labelled[day]]
        rows = np.cumsum([len(one.rows.labels) for one in reversed(days)])
        return days[-max(int((rows <= MOST_ROWS).sum()), 1) :]

    def score_completion(self, parameters: Parameters, fold: int) -> Floats:
        """s of the right videos of a day, answered by what these parameters make of the days before it."""
        valid, settings = self.labelled[self.scored[fold]], self.change_completion(parameters)
        return self.score_answers(
            completion.fit_early(self.before(fold), [valid], settings, self.config.model_seed), valid
        )

    def judge_completion(self, parameters: Parameters, number: int) -> Floats:
        """The same of the validation days, by the fit of that number."""
        config = msgspec.structs.replace(self.config.of_fit(number), completion=self.change_completion(parameters))
        model = fit_completion(self.run, self.days, config, self.valid).value
        return np.concatenate([self.score_answers(model, self.labelled[day]) for day in self.valid])

    def change_completion(self, parameters: Parameters) -> CompletionSettings:
        """The settings of the completion model with other parameters."""
        return msgspec.structs.replace(self.config.completion, parameters=dict(parameters))

    def score_answers(self, model: Completion, day: DayFeatures) -> Floats:
        """s of the right videos of a day."""
        rewards = decision.expect_rewards(day, model, self.config.truth.no_duration)
        right = (day.rows.labels > 0) & (day.rates > 0)
        return np.asarray(score_rates(day.rates[right], rewards.rate[right]))

    def score_watch(self, parameters: Parameters, fold: int) -> Floats:
        """The log likelihood of each answer of a day, likewise."""
        valid = self.labelled[self.scored[fold]]
        ranker = fit(self.make_recipe(parameters), [part.rows for part in self.before(fold)], valid.rows)
        return score_likelihood(ranker, valid)

    def judge_watch(self, parameters: Parameters, number: int) -> Floats:
        """The same of the validation days, by the fit of that number."""
        ranker = fit_ranker(self.run, self.days, self.make_recipe(parameters, number), self.valid).value
        return np.concatenate([score_likelihood(ranker, self.labelled[day]) for day in self.valid])

    def make_recipe(self, parameters: Parameters, number: int = 0) -> Recipe:
        """How the watch model is fitted with other parameters."""
        seed = self.config.of_fit(number).model_seed
        return replace(click_ranker.make_recipe(self.config.watch, seed), parameters=parameters)


def score_likelihood(ranker: Ranker, day: DayFeatures) -> Floats:
    """The log likelihood of each answer of a day."""
    return np.asarray(log_likelihoods(click_ranker.score(day, ranker), day.rows.labels, day.rows.group_sizes))
