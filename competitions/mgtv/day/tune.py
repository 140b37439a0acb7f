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

from common.day.tuning.gbdt_task import MOST_ROWS, tune_ranker
from common.day.tuning.task import Task
from common.engine.run import Run
from common.learning.gbdt import fit
from common.learning.listwise_softmax import log_likelihoods
from competitions.mgtv.config import MODELS, MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.models import click_ranker, completion, decision
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import Prepared, prepare

FOLDS = 3
COMPLETION = "completion"
Parameters = Mapping[str, Any]


def list_tasks(config: MgtvConfig) -> list[str]:
    """Names of what can be tuned."""
    return [*MODELS, COMPLETION]


def make_task(name: str, files: reader.RawFiles, config: MgtvConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    study = Study(prepare(files, config, run))
    config = study.config
    kind, table, parameters, metric = (
        ("lightgbm", "completion.parameters", config.completion.parameters, "s of the right video")
        if name == COMPLETION
        else (name, f"watch.{name}", config.watch.lightgbm_softmax, "log likelihood")
    )
    score = study.score_completion if name == COMPLETION else study.score_watch
    task = tune_ranker(
        kind,
        table,
        parameters,
        metric,
        study.folds,
        lambda tried, fold: score(tried, study.days[fold], MOST_ROWS),
        lambda tried: np.concatenate([score(tried, day, None) for day in study.valid]),
    )
    return replace(task, rows=study.describe_rows())


class Study:
    """The days with features, and which of the training days a study is scored on."""

    def __init__(self, ready: Prepared) -> None:
        """As many training days as have one before them, ``FOLDS`` at most."""
        self.config, self.valid = ready.config, ready.plan.valid
        self.labelled = {number: day.value for number, day in ready.labelled.items()}
        self.folds = max(min(FOLDS, len(ready.plan.train) - 1), 1)
        self.days = ready.plan.train[-self.folds :]

    def before(self, day: int, most: int | None = None) -> list[DayFeatures]:
        """The labelled days before a day, the latest of them up to about ``most`` rows; the first training day has only
        itself to learn from.
        """
        days = [self.labelled[other] for other in self.labelled if other < day] or [self.labelled[day]]
        rows = np.cumsum([len(one.rows.labels) for one in reversed(days)])
        kept = len(days) if most is None else max(int((rows <= most).sum()), 1)
        return days[-kept:]

    def describe_rows(self) -> str:
        """What a trial learns from, in words, going by the last fold."""
        there, kept = (len(self.before(self.days[-1], most)) for most in (None, MOST_ROWS))
        return f"the last {kept} of {there} days" if kept < there else f"all {there} days before a day"

    def score_completion(self, parameters: Parameters, day: int, most: int | None) -> Floats:
        """s of the right videos of a day, answered by what these parameters make of ``most`` rows before it."""
        config, valid = self.config, self.labelled[day]
        settings = msgspec.structs.replace(config.completion, parameters=dict(parameters))
        model = completion.fit_early(self.before(day, most), [valid], settings, config.seed)
        rewards = decision.expect_rewards(valid, model, config.truth.no_duration)
        right = (valid.rows.labels > 0) & (valid.rates > 0)
        return np.asarray(score_rates(valid.rates[right], rewards.rate[right]))

    def score_watch(self, parameters: Parameters, day: int, most: int | None) -> Floats:
        """The log likelihood of each answer of a day, likewise."""
        valid, recipe = self.labelled[day], click_ranker.make_recipe(self.config.watch, self.config.seed)
        parts = [part.rows for part in self.before(day, most)]
        ranker = fit(replace(recipe, parameters=parameters), parts, valid.rows)
        scores = click_ranker.score(valid, [ranker])
        return np.asarray(log_likelihoods(scores[:, 0], valid.rows.labels, valid.rows.group_sizes))
