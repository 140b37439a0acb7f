"""What `make tune-mgtv` searches: each watch model, the completion model, and which models the mix takes.

Studies see the training days only: each of the last of them is predicted by what was fitted on the days before it. The
validation days judge what was found. Watch models go by the log likelihood of the answers, which moves with every list;
the completion model by what the right videos' answers earn; the mix by the score itself.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from common.pipeline.run import Run
from common.ranking.listwise_softmax import log_likelihoods
from common.tuning import search_space
from common.tuning.gbdt_task import tune_ranker
from common.tuning.search_space import Settings
from common.tuning.task import Scores, Task
from competitions.mgtv.config import CompletionSettings, MgtvConfig
from competitions.mgtv.io import reader
from competitions.mgtv.labels import Floats, score_rates
from competitions.mgtv.models import click_ranker, completion_training, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import Served
from competitions.mgtv.pipeline import fit_completion, fit_watch, prepare
from competitions.mgtv.reporting.summary import Prepared

FOLDS = 3
BLEND, COMPLETION = "blend", "completion"
Parameters = Mapping[str, Any]


def list_tasks(config: MgtvConfig) -> list[str]:
    """Names of what can be tuned."""
    return [*config.watch.models, COMPLETION, *([BLEND] if len(config.watch.models) > 1 else [])]


def make_task(name: str, files: reader.RawFiles, config: MgtvConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    ready = prepare(files, config, run)
    days = {number: served.value for number, served in ready.labelled.items()}
    if name == BLEND:
        return _blend_task(ready, days, config, run)
    if name == COMPLETION:
        return _completion_task(ready, days, config)
    return tune_ranker(
        name,
        f"watch.{name}",
        getattr(config.watch, name),
        "log likelihood",
        count_folds(ready),
        partial(_score_watch, name, ready, days, config),
        partial(_judge_watch, name, ready, days, config),
    )


def count_folds(ready: Prepared) -> int:
    """As many training days as have one before them, ``FOLDS`` at most."""
    return max(min(FOLDS, len(ready.plan.train) - 1), 1)


def _take(ready: Prepared, days: Mapping[int, Served], day: int) -> tuple[list[Served], Served]:
    """The served days before a day, and the day; the first training day has only itself to learn from."""
    before = [days[other] for other in ready.plan.days if other < day]
    return before or [days[day]], days[day]


def _study_day(ready: Prepared, fold: int) -> int:
    return ready.plan.train[-count_folds(ready) + fold]


def _likelihoods(
    name: str, ready: Prepared, days: Mapping[int, Served], config: MgtvConfig, told: Parameters, day: int
) -> Floats:
    before, held = _take(ready, days, day)
    settings = config.watch
    limits = tuple(settings.blocks), settings.rounds, settings.patience, config.seed
    scores = click_ranker.score(held, [click_ranker.fit_early(before, held, name, told, *limits)])
    return np.asarray(log_likelihoods(scores[:, 0], held.rows.labels, held.rows.group_sizes))


def _score_watch(
    name: str, ready: Prepared, days: Mapping[int, Served], config: MgtvConfig, told: Parameters, fold: int
) -> float:
    return float(_likelihoods(name, ready, days, config, told, _study_day(ready, fold)).mean())


def _judge_watch(
    name: str, ready: Prepared, days: Mapping[int, Served], config: MgtvConfig, told: Parameters
) -> Scores:
    return np.concatenate([_likelihoods(name, ready, days, config, told, day) for day in ready.plan.valid])


def _completion_task(ready: Prepared, days: Mapping[int, Served], config: MgtvConfig) -> Task:
    def earn(told: Parameters, day: int) -> Floats:
        before, held = _take(ready, days, day)
        settings: CompletionSettings = msgspec.structs.replace(config.completion, parameters=dict(told))
        model = completion_training.fit_early(before, held, settings, config.seed)
        values = decision.value_rows(held, model, config.truth.no_duration)
        right = (held.rows.labels > 0) & (held.rates > 0)
        return np.asarray(score_rates(held.rates[right], values.answer[right]))

    return tune_ranker(
        "lightgbm",
        "completion.parameters",
        config.completion.parameters,
        "s of the right video",
        count_folds(ready),
        lambda told, fold: float(earn(told, _study_day(ready, fold)).mean()),
        lambda told: np.concatenate([earn(told, day) for day in ready.plan.valid]),
    )


def _blend_task(ready: Prepared, days: Mapping[int, Served], config: MgtvConfig, run: Run) -> Task:
    """The mix of a study's days is found on the other study days, that of the validation days likewise."""
    models, settings = tuple(config.watch.models), config.watch
    study = [_study_day(ready, fold) for fold in range(count_folds(ready))]
    scored: dict[int, Floats] = {}
    completions: dict[int, Completion] = {}
    for day in (*study, *ready.plan.valid):
        fits = [fit_watch(run, ready, config, day, kind, settings.blocks) for kind in models]
        scored[day] = run.step(click_ranker.score, ready.labelled[day], fits, name=f"day{day:02d}.score").value
        completions[day] = fit_completion(run, ready, config, day).value
    values = {
        day: decision.value_rows(days[day], found, config.truth.no_duration) for day, found in completions.items()
    }

    def earn(told: Settings, among: Sequence[int]) -> list[Floats]:
        chosen = [models.index(name) for name in str(told["watch.models"]).split("+")]
        names = [models[place] for place in chosen]
        served, scores = [days[day] for day in among], [scored[day][:, chosen] for day in among]
        mixed = click_ranker.mix_across(served, scores, names, told["watch.blend_l2"])
        earned = []
        for day, probabilities in zip(among, mixed, strict=True):
            worth = decision.weigh(probabilities, values[day], told["decide.power"])
            rows = decision.pick(worth, days[day].rows.group_sizes)
            earned.append(decision.earn(days[day], rows, values[day].answer)[1])
        return earned

    current = {
        "watch.models": "+".join(models),
        "watch.blend_l2": settings.blend_l2,
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
        len(study),
        lambda told, fold: float(earn(told, study)[fold].mean()),
        lambda told: np.concatenate(earn(told, ready.plan.valid)),
        lambda told: {**told, "watch.models": str(told["watch.models"]).split("+")},
    )
