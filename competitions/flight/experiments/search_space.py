"""What `make tune-flight` searches: the parameters of each ranker, and which rankers the blend takes.

Studies see the training sessions only, in an expanding window by the time of the search; the validation sessions judge
what was found. A study goes by MRR@10, which moves where HitRate@3 stands still.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks
from common.pipeline.run import Run
from common.ranking.dataset import RankingDataset, cut_by_time
from common.ranking.gbdt import Recipe, fit, predict
from common.ranking.size_bucket_blending import apply_buckets, search_buckets
from common.tuning import search_space
from common.tuning.gbdt_task import tune_ranker
from common.tuning.search_space import Settings
from common.tuning.task import Scores, Task
from competitions.flight.config import FlightConfig, SampleSettings
from competitions.flight.io import reader
from competitions.flight.io.reader import Searches
from competitions.flight.pipeline import Prepared, fit_early, prepare
from competitions.flight.ranking import rankers
from competitions.flight.ranking.rankers import CUTOFF
from competitions.flight.ranking.training_data import Labelled, plan_sessions
from competitions.flight.split import LARGE, Split

FOLDS = 3
K = 10
BLEND = "blend"
METRIC = f"MRR@{K}"
Cut = list[tuple[RankingDataset, RankingDataset]]
Parameters = Mapping[str, Any]


def list_tasks(config: FlightConfig) -> list[str]:
    """Names of what can be tuned: every ranker of the settings, then the blend."""
    return [*config.rank.models, *([BLEND] if len(config.rank.models) > 1 else [])]


def make_task(name: str, files: reader.RawFiles, config: FlightConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    ready = prepare(files, config, run)
    folds = run.step(cut_train, ready.labelled, ready.train, ready.split, config.rank.sample, name="tune.folds")
    if name == BLEND:
        models = tuple(config.rank.models)
        scored = run.step(score_folds, folds, models, config.rank, config.seed, name="tune.scores")
        return _blend_task(ready, folds.value, scored.value, config, run)
    return tune_ranker(
        name,
        f"rank.{name}",
        getattr(config.rank, name),
        METRIC,
        FOLDS,
        partial(_score, name, config, folds.value),
        partial(_judge, name, config, ready, run),
    )


def cut_train(labelled: Labelled, train: Searches, split: Split, sample: SampleSettings) -> Cut:
    """The training rows in an expanding window by time."""
    plan = plan_sessions(train.sessions, split, sample)
    times = train.sessions["time"].filter(plan["role"] == "train")
    return cut_by_time(labelled.train, times.to_numpy(), FOLDS)


def _score(name: str, config: FlightConfig, cut: Cut, told: Parameters, fold: int) -> float:
    train, valid = cut[fold]
    settings = config.rank
    ranker = fit(Recipe(name, told, settings.rounds, settings.patience, config.seed, CUTOFF), train, valid)
    return float(_earn(predict(ranker, valid.features), valid).mean())


def _judge(name: str, config: FlightConfig, ready: Prepared, run: Run, told: Parameters) -> Scores:
    ranker = fit_early(run, ready.labelled, config, name, name, config.rank.blocks, told).value
    valid = ready.labelled.value.valid
    return _earn(rankers.score_valid(ready.labelled.value, [ranker])[:, 0], valid)[valid.group_sizes > LARGE]


def _earn(scores: Scores, rows: RankingDataset) -> Scores:
    return reciprocal_ranks(np.ascontiguousarray(scores), rows.labels, rows.group_sizes, K)


def score_folds(cut: Cut, models: tuple[str, ...], settings: Any, seed: int) -> list[Scores]:
    """Each model's scores of what every fold judges: (rows, models) by fold."""
    scored = []
    for train, valid in cut:
        limits = settings.rounds, settings.patience, seed
        fits = [fit(Recipe(kind, getattr(settings, kind), *limits, CUTOFF), train, valid) for kind in models]
        scored.append(np.column_stack([predict(ranker, valid.features) for ranker in fits]))
    return scored


def _blend_task(ready: Prepared, cut: Cut, scored: list[Scores], config: FlightConfig, run: Run) -> Task:
    models, key = tuple(config.rank.models), "rank.models"
    early = [fit_early(run, ready.labelled, config, kind, kind, config.rank.blocks) for kind in models]
    unseen = run.step(rankers.score_valid, ready.labelled, early, name="tune.score_valid").value
    valid = ready.labelled.value.valid

    def score(settings: Settings, fold: int) -> float:
        rows = cut[fold][1]
        return float(_mix(scored[fold], models, settings[key], rows, config).mean())

    def judge(settings: Settings) -> Scores:
        return _mix(unseen, models, settings[key], valid, config)[valid.group_sizes > LARGE]

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


def _mix(scores: Scores, models: tuple[str, ...], chosen: str, rows: RankingDataset, config: FlightConfig) -> Scores:
    """What each session earns when the blend is found on the other half of the sessions."""
    columns = scores[:, [models.index(name) for name in chosen.split("+")]]
    half: NDArray[np.bool_] = np.arange(len(rows.group_sizes)) % 2 == 0
    earned = np.zeros(len(rows.group_sizes))
    for part in (half, ~half):
        inside, outside = np.repeat(part, rows.group_sizes), np.repeat(~part, rows.group_sizes)
        told = {"trials": config.blend.trials, "seed": config.seed, "k": CUTOFF, "min_size": 1}
        blend = search_buckets(
            columns[inside],
            rows.labels[inside],
            rows.group_sizes[part],
            bucket_queries=config.blend.bucket_sessions,
            **told,
        )
        rest = RankingDataset(rows.names, rows.features[:0], rows.labels[outside], rows.group_sizes[~part])
        earned[~part] = _earn(apply_buckets(blend, columns[outside], rest.group_sizes), rest)
    return earned
