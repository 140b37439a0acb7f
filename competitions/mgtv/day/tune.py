"""What `make tune-mgtv` searches: each watch model, the completion model, and which models the mix takes.

Studies see the training days only: each of the last of them is predicted by what was fitted on the days before it. The
validation days judge the best settings. Watch models go by the log likelihood of the answers, which moves with every
slate; the completion model by the score of the right videos' answers; the blend by the score itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from common.day.tuning import search_space
from common.day.tuning.gbdt_task import tune_ranker
from common.day.tuning.search_space import Settings
from common.day.tuning.task import Task
from common.engine.run import Run
from common.learning.gbdt import fit
from common.learning.listwise_softmax import log_likelihoods
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.models import click_ranker, completion, decision
from competitions.mgtv.pipeline import Prepared, fit_models, predict_day, prepare

FOLDS = 3
BLEND, COMPLETION = "blend", "completion"
Parameters = Mapping[str, Any]


def list_tasks(config: MgtvConfig) -> list[str]:
    """Names of what can be tuned."""
    return [*config.watch.models, COMPLETION, *([BLEND] if len(config.watch.models) > 1 else [])]


def make_task(name: str, files: reader.RawFiles, config: MgtvConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    ready = prepare(files, config, run)
    config = ready.config
    study = Study(ready, config)
    if name == BLEND:
        return _blend_task(study, run)
    return tune_ranker(
        "lightgbm" if name == COMPLETION else name,
        "completion.parameters" if name == COMPLETION else f"watch.{name}",
        config.completion.parameters if name == COMPLETION else getattr(config.watch, name),
        "s of the right video" if name == COMPLETION else "log likelihood",
        study.folds,
        lambda parameters, fold: float(study.score(name, parameters, study.days[fold]).mean()),
        lambda parameters: np.concatenate([study.score(name, parameters, day) for day in study.ready.plan.valid]),
    )


class Study:
    """The days with features, and which of the training days a study is scored on."""

    def __init__(self, ready: Prepared, config: MgtvConfig) -> None:
        """As many training days as have one before them, ``FOLDS`` at most."""
        self.ready, self.config = ready, config
        self.labelled = {number: day.value for number, day in ready.labelled.items()}
        self.folds = max(min(FOLDS, len(ready.plan.train) - 1), 1)
        self.days = ready.plan.train[-self.folds :]

    def score(self, name: str, parameters: Parameters, day: int) -> Floats:
        """What a model with these parameters scores on each slate of a day, fitted on the days before it.

        The first training day has only itself to learn from.
        """
        config, valid = self.config, self.labelled[day]
        train = [self.labelled[other] for other in self.ready.plan.days if other < day] or [valid]
        if name == COMPLETION:
            settings = msgspec.structs.replace(config.completion, parameters=dict(parameters))
            model = completion.fit_early(train, [valid], settings, config.seed)
            rewards = decision.expect_rewards(valid, model, config.truth.no_duration)
            right = (valid.rows.labels > 0) & (valid.rates > 0)
            return np.asarray(score_rates(valid.rates[right], rewards.rate[right]))
        recipe = replace(click_ranker.make_recipe(name, config.watch, config.seed), parameters=parameters)
        scores = click_ranker.score(valid, [fit(recipe, [part.rows for part in train], valid.rows)])
        return np.asarray(log_likelihoods(scores[:, 0], valid.rows.labels, valid.rows.group_sizes))


def _blend_task(study: Study, run: Run) -> Task:
    """The blend of a study's days is found on the other study days, that of the validation days likewise."""
    ready, config = study.ready, study.config
    models, predictions = config.watch.models, {}
    for day in (*study.days, *ready.plan.valid):
        fitted = fit_models(run, ready.labelled, config, [day])
        predictions[day] = predict_day(run, config, f"day{day:02d}", ready.labelled[day], fitted).value

    def score(settings: Settings, among: Sequence[int]) -> list[Floats]:
        chosen = [models.index(name) for name in str(settings["watch.models"]).split("+")]
        parts = [predictions[day] for day in among]
        days, scores = [part.day for part in parts], [part.scores[:, chosen] for part in parts]
        names, l2, power = [models[i] for i in chosen], settings["watch.blend_l2"], settings["decide.power"]
        scored = []
        for part, probabilities in zip(parts, click_ranker.mix_across(days, scores, names, l2), strict=True):
            rows = decision.decide(part.day, probabilities, part.rewards, power)
            scored.append(decision.score_answers(part.day, rows, part.rewards.rate)[1])
        return scored

    current = {
        "watch.models": "+".join(models),
        "watch.blend_l2": config.watch.blend_l2,
        "decide.power": config.decide.power,
    }
    return Task(
        BLEND,
        "score",
        {
            "watch.models": search_space.subsets(models),
            "watch.blend_l2": search_space.Floats(1e-4, 1.0, log=True),
            "decide.power": search_space.Floats(0.0, 2.0),
        },
        current,
        study.folds,
        lambda settings, fold: float(score(settings, study.days)[fold].mean()),
        lambda settings: np.concatenate(score(settings, ready.plan.valid)),
        lambda settings: {**settings, "watch.models": str(settings["watch.models"]).split("+")},
    )
