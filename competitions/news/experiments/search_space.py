"""What `make tune-news` searches: the parameters of each ranker, and which rankers the blend takes.

Studies see the training queries only, in an expanding window by the time of their visible clicks; the validation
queries judge what was found.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from common.metrics import reciprocal_ranks
from common.pipeline.run import Run
from common.ranking.blending import search_weights
from common.ranking.dataset import RankingDataset, cut_by_time
from common.ranking.gbdt import Recipe, fit, predict
from common.split import Fold
from common.tuning import search_space
from common.tuning.gbdt_task import tune_ranker
from common.tuning.search_space import Settings
from common.tuning.task import Scores, Task
from competitions.news import ranking
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.pipeline import count_valid, fit_early, prepare
from competitions.news.ranking import Labelled
from competitions.news.reporting.summary import Prepared

FOLDS = 3
K = 5
BLEND = "blend"
Cut = list[tuple[RankingDataset, RankingDataset]]
Parameters = Mapping[str, Any]


def list_tasks(config: NewsConfig) -> list[str]:
    """Names of what can be tuned: every ranker of the settings, then the blend."""
    return [*config.rank.models, *([BLEND] if len(config.rank.models) > 1 else [])]


def make_task(name: str, files: reader.RawFiles, config: NewsConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    ready = prepare(files, config, run)
    cut = run.step(cut_train, ready.rows, ready.labelled, ready.candidates, name="tune.folds").value
    if name == BLEND:
        return _blend_task(ready, cut, config, run)
    return tune_ranker(
        name,
        f"rank.{name}",
        getattr(config.rank, name),
        "MRR@5",
        FOLDS,
        partial(_score, name, config, cut),
        partial(_judge, name, config, ready, run),
    )


def cut_train(labelled: Labelled, fold: Fold, candidates: pl.DataFrame) -> Cut:
    """The training rows in an expanding window by time."""
    assert fold.answers is not None
    found = candidates.join(fold.answers, on=["query", "item"], how="semi", maintain_order="left")
    asked = found.join(fold.queries.filter(role="train"), on="query", maintain_order="left")
    return cut_by_time(labelled.train, asked["time"].to_numpy(), FOLDS)


def _score(name: str, config: NewsConfig, cut: Cut, told: Parameters, fold: int) -> float:
    train, valid = cut[fold]
    limits = config.rank.rounds, config.rank.patience
    ranker = fit(Recipe(name, told, *limits, config.seed), train, valid)
    return float(reciprocal_ranks(predict(ranker, valid.features), valid.labels, valid.group_sizes, K).mean())


def _judge(name: str, config: NewsConfig, ready: Prepared, run: Run, told: Parameters) -> Scores:
    ranker = fit_early(run, ready.rows, config, name, dict(told))
    valid = ready.rows.value.valid
    return reciprocal_ranks(predict(ranker.value, valid.features), valid.labels, valid.group_sizes, K)


def _blend_task(ready: Prepared, cut: Cut, config: NewsConfig, run: Run) -> Task:
    models = tuple(config.rank.models)
    folds = run.step(cut_train, ready.rows, ready.labelled, ready.candidates, name="tune.folds")
    scores = run.step(score_folds, folds, models, config.rank, config.seed, name="tune.scores").value
    early = [fit_early(run, ready.rows, config, kind, getattr(config.rank, kind)) for kind in models]
    unseen = run.step(ranking.score_valid, ready.rows, early)
    answers = run.step(count_valid, ready.labelled).value
    key = "rank.models"

    def score(settings: Settings, fold: int) -> float:
        valid = cut[fold][1]
        found = _mix(scores[fold], models, settings[key], valid, len(valid.group_sizes), config)
        return float(found.mean())

    def judge(settings: Settings) -> Scores:
        return _mix(unseen.value, models, settings[key], ready.rows.value.valid, answers, config)

    return Task(
        BLEND,
        "MRR@5",
        {key: search_space.subsets(models)},
        {key: "+".join(models)},
        FOLDS,
        score,
        judge,
        lambda settings: {key: str(settings[key]).split("+")},
    )


def score_folds(cut: Cut, models: tuple[str, ...], settings: object, seed: int) -> list[Scores]:
    """Each model's scores of what every fold judges: (rows, models) by fold."""
    scored = []
    for train, valid in cut:
        limits = settings.rounds, settings.patience  # type: ignore[attr-defined]
        columns = [
            predict(fit(Recipe(kind, getattr(settings, kind), *limits, seed), train, valid), valid.features)
            for kind in models
        ]
        scored.append(np.column_stack(columns))
    return scored


def _mix(
    scores: Scores, models: tuple[str, ...], chosen: str, rows: RankingDataset, answers: int, config: NewsConfig
) -> Scores:
    """What each query earns when weights are found on the other half of the queries."""
    columns = [models.index(name) for name in chosen.split("+")]
    told = {"answers": answers, "trials": config.blend.trials, "seed": config.seed, "k": K}
    return search_weights(scores[:, columns], rows.labels, rows.group_sizes, **told).reciprocal
