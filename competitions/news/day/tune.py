"""What `make tune-news` searches: the parameters of each ranker, and which rankers the blend takes.

Studies see the training queries only, in an expanding window by the time of their visible clicks, with fewer negatives
where these are many; the validation queries judge the result, by the score of a run.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from common.day.tuning import search_space
from common.day.tuning.gbdt_task import Folds, thin_folds, tune_ranker
from common.day.tuning.search_space import Settings
from common.day.tuning.task import Scores, Task
from common.engine.run import Run, collect
from common.learning.dataset import RankingDataset, cut_by_time
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, fit, predict
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.news import ranking
from competitions.news.blending import fit_blend
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.pipeline import Prepared, prepare
from competitions.news.ranking import CUTOFF, Labelled, make_recipe

FOLDS = 3
BLEND = "blend"
Parameters = Mapping[str, Any]


def list_tasks(config: NewsConfig) -> list[str]:
    """Names of what can be tuned: every ranker of the settings, then the blend."""
    return [*config.rank.models, *([BLEND] if len(config.rank.models) > 1 else [])]


def make_task(name: str, files: reader.RawFiles, config: NewsConfig, run: Run) -> Task:
    """The task of a name, on cached features."""
    ready = prepare(files, config, run)
    labelled = ready.labelled
    folds = run.step(cut_train, ready.rows, labelled.inputs.fold, labelled.candidates, name="tune.folds")
    if name == BLEND:
        recipes = [make_recipe(config.rank, kind, config.model_seed) for kind in config.rank.models]
        scores = run.step(score_folds, folds, recipes, name="tune.scores").value
        task = _blend_task(ready, folds.value, scores, config, run)
    else:
        task = tune_ranker(
            name,
            f"rank.{name}",
            getattr(config.rank, name),
            "MRR@5",
            FOLDS,
            partial(_score, name, config, folds.value),
            partial(_judge, name, config, ready, run),
        )
    return replace(task, weights=ready.rows.value.weights, rows=folds.value.rows)


def cut_train(labelled: Labelled, fold: Fold, candidates: pl.DataFrame) -> Folds:
    """The training rows in an expanding window by time."""
    assert fold.answers is not None
    hits = candidates.join(fold.answers, on=["query", "item"], how="semi", maintain_order="left")
    queries = hits.join(fold.queries.filter(role="train"), on="query", maintain_order="left")
    return thin_folds(cut_by_time(labelled.train, queries["time"].to_numpy(), FOLDS))


def score_folds(folds: Folds, recipes: list[Recipe]) -> list[Scores]:
    """Each model's scores of what every fold judges: (rows, models) by fold."""
    return [
        np.column_stack([predict(fit(recipe, train, valid), valid.features) for recipe in recipes])
        for train, valid in folds.pairs
    ]


def _reciprocal_ranks(ranker: Ranker, valid: RankingDataset) -> Scores:
    return reciprocal_ranks(predict(ranker, valid.features), valid.labels, valid.group_sizes, CUTOFF)


def _score(name: str, config: NewsConfig, folds: Folds, parameters: Parameters, fold: int) -> Scores:
    train, valid = folds.pairs[fold]
    ranker = fit(make_recipe(config.rank, name, config.model_seed, parameters), train, valid)
    return _reciprocal_ranks(ranker, valid)


def _judge(name: str, config: NewsConfig, ready: Prepared, run: Run, parameters: Parameters, number: int) -> Scores:
    recipe, rows = make_recipe(config.rank, name, config.of_fit(number).model_seed, parameters), ready.rows
    ranker = run.step(fit, recipe, rows.train, rows.stop, name=f"fit.{name}").value
    return _pad(_reciprocal_ranks(ranker, rows.value.valid), rows.value)


def _pad(reciprocal: Scores, rows: Labelled) -> Scores:
    """With a 0 for each validation query that has no candidate."""
    return np.pad(reciprocal, (0, len(rows.weights) - len(reciprocal)))


def _blend_task(ready: Prepared, folds: Folds, scores: list[Scores], config: NewsConfig, run: Run) -> Task:
    models, rows, key = tuple(config.rank.models), ready.rows, "rank.models"

    def score_unseen(seed: int) -> Scores:
        recipes = [make_recipe(config.rank, kind, seed) for kind in models]
        early = [run.step(fit, recipe, rows.train, rows.stop, name=f"fit.{recipe.kind}") for recipe in recipes]
        return run.step(ranking.score_valid, rows, collect(early)).value

    def blend(columns: Scores, chosen: object, valid: RankingDataset, answers: int) -> Scores:
        """The reciprocal rank of each query with weights fitted on the other half of the queries."""
        kept = columns[:, [models.index(name) for name in str(chosen).split("+")]]
        return fit_blend(kept, valid.labels, valid.group_sizes, answers=answers, k=CUTOFF).reciprocal

    def score(settings: Settings, fold: int) -> Scores:
        valid = folds.pairs[fold][1]
        return blend(scores[fold], settings[key], valid, len(valid.group_sizes))

    def judge(settings: Settings, number: int) -> Scores:
        unseen = score_unseen(config.of_fit(number).model_seed)
        return _pad(blend(unseen, settings[key], rows.value.valid, len(rows.value.weights)), rows.value)

    return Task(
        BLEND,
        "MRR@5",
        {key: search_space.subsets(models)},
        {key: "+".join(models)},
        FOLDS,
        score,
        judge,
        write=lambda settings: {key: str(settings[key]).split("+")},
    )
