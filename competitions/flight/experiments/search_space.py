"""What `make tune-flight` searches: the parameters of each ranker, and which rankers the blend takes.

Studies see the training sessions only, in an expanding window by the time of the search; the validation sessions
measure the best settings. A study goes by MRR@10, which moves where HitRate@3 stands still.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks
from common.pipeline.run import Run, collect
from common.ranking.dataset import RankingDataset, cut_by_time
from common.ranking.gbdt import Recipe, fit, predict
from common.ranking.size_bucket_blending import BucketSearch, apply_buckets, search_buckets
from common.tuning import search_space
from common.tuning.gbdt_task import tune_ranker
from common.tuning.search_space import Settings
from common.tuning.task import Scores, Task
from competitions.flight.config import FlightConfig, SampleSettings
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Prepared, prepare
from competitions.flight.ranking.rankers import make_recipe, score_valid
from competitions.flight.ranking.training_data import plan_sessions
from competitions.flight.split import Split

FOLDS = 3
K = 10
BLEND = "blend"
METRIC = f"MRR@{K}"
Folds = list[tuple[RankingDataset, RankingDataset]]
Parameters = Mapping[str, Any]


def list_tasks(config: FlightConfig) -> list[str]:
    """Names of what can be tuned: every ranker of the settings, then the blend."""
    return [*config.rank.models, *([BLEND] if len(config.rank.models) > 1 else [])]


def make_task(name: str, files: RawFiles, config: FlightConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    prepared = prepare(files, config, run)
    rows, sample = prepared.data.train, config.rank.sample
    folds = run.step(cut_train, rows, prepared.train, prepared.split, sample, name="tune.folds")
    if name == BLEND:
        recipes = [make_recipe(config, kind) for kind in config.rank.models]
        scores = run.step(score_folds, folds, recipes, name="tune.scores")
        return _blend_task(prepared, folds.value, scores.value, config, run)
    return tune_ranker(
        name,
        f"rank.{name}",
        getattr(config.rank, name),
        METRIC,
        FOLDS,
        partial(_score_fold, name, config, folds.value),
        partial(_score_unseen, name, config, prepared, run),
    )


def cut_train(rows: RankingDataset, train: Searches, split: Split, sample: SampleSettings) -> Folds:
    """The training rows in an expanding window by time."""
    plan = plan_sessions(train.sessions, split, sample)
    times = train.sessions["time"].filter(plan["role"] == "train")
    return cut_by_time(rows, times.to_numpy(), FOLDS)


def _score_fold(name: str, config: FlightConfig, folds: Folds, parameters: Parameters, fold: int) -> float:
    train, valid = folds[fold]
    ranker = fit(make_recipe(config, name, parameters=parameters), train, valid)
    return float(_reciprocal_ranks(predict(ranker, valid.features), valid).mean())


def _score_unseen(name: str, config: FlightConfig, prepared: Prepared, run: Run, parameters: Parameters) -> Scores:
    data, recipe = prepared.data, make_recipe(config, name, parameters=parameters)
    ranker = run.step(fit, recipe, data.train, data.stop, name=f"fit.{name}").value
    valid = data.value.valid
    return _reciprocal_ranks(score_valid(valid, [ranker])[:, 0], valid)[valid.group_sizes > LARGE]


def _reciprocal_ranks(scores: Scores, rows: RankingDataset) -> Scores:
    return reciprocal_ranks(np.ascontiguousarray(scores), rows.labels, rows.group_sizes, K)


def score_folds(folds: Folds, recipes: Sequence[Recipe]) -> list[Scores]:
    """Each model's scores of every fold's validation rows: (rows, models) by fold."""
    scores = []
    for train, valid in folds:
        fits = [fit(recipe, train, valid) for recipe in recipes]
        scores.append(np.column_stack([predict(ranker, valid.features) for ranker in fits]))
    return scores


def _blend_task(prepared: Prepared, folds: Folds, scores: list[Scores], config: FlightConfig, run: Run) -> Task:
    data, models, key = prepared.data, tuple(config.rank.models), "rank.models"
    early = [run.step(fit, make_recipe(config, kind), data.train, data.stop, name=f"fit.{kind}") for kind in models]
    unseen = run.step(score_valid, data.valid, collect(early), name="tune.score_valid").value
    valid = data.value.valid

    def score(settings: Settings, fold: int) -> float:
        return float(_score_blend(scores[fold], models, settings[key], folds[fold][1], config).mean())

    def judge(settings: Settings) -> Scores:
        return _score_blend(unseen, models, settings[key], valid, config)[valid.group_sizes > LARGE]

    return Task(
        BLEND,
        METRIC,
        {key: search_space.subsets(models)},
        {key: "+".join(models)},
        FOLDS,
        score,
        judge,
        lambda settings: {key: str(settings[key]).split("+")},
    )


def _score_blend(
    scores: Scores, models: tuple[str, ...], chosen: str, rows: RankingDataset, config: FlightConfig
) -> Scores:
    """Each session's reciprocal rank when the blend is searched on the other half of the sessions."""
    columns = scores[:, [models.index(name) for name in chosen.split("+")]]
    half: NDArray[np.bool_] = np.arange(len(rows.group_sizes)) % 2 == 0
    ranks = np.zeros(len(rows.group_sizes))
    search = BucketSearch(config.blend.trials, config.seed, CUTOFF, config.blend.bucket_sessions, min_size=1)
    for part in (half, ~half):
        inside, outside = np.repeat(part, rows.group_sizes), np.repeat(~part, rows.group_sizes)
        blend = search_buckets(columns[inside], rows.labels[inside], rows.group_sizes[part], search)
        rest = RankingDataset(rows.names, rows.features[:0], rows.labels[outside], rows.group_sizes[~part])
        ranks[~part] = _reciprocal_ranks(apply_buckets(blend, columns[outside], rest.group_sizes), rest)
    return ranks
