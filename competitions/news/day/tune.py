"""What `make tune-news` searches: the parameters of the ranker.

Studies see the training queries only, in an expanding window by the time of their visible clicks, a share of them where
these are many; the validation queries judge the result, by the score of a run.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from common.day.tuning.gbdt_task import Folds, thin_folds, tune_ranker
from common.day.tuning.task import Scores, Task
from common.engine.run import Run
from common.learning.dataset import cut_by_time
from common.learning.gbdt import fit, predict
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.news.config import MODEL, NewsConfig
from competitions.news.io import reader
from competitions.news.pipeline import Prepared, prepare
from competitions.news.ranking import CUTOFF, Labelled, make_recipe, rank_valid, score_valid

FOLDS = 3
Parameters = Mapping[str, Any]


def list_tasks(config: NewsConfig) -> list[str]:
    """Names of what can be tuned: the ranker."""
    return [MODEL]


def make_task(name: str, files: reader.RawFiles, config: NewsConfig, run: Run) -> Task:
    """The task of the ranker, on cached features."""
    ready = prepare(files, config, run)
    labelled = ready.labelled
    folds = run.step(cut_train, ready.rows, labelled.inputs.fold, labelled.candidates, name="tune.folds").value
    score, judge = partial(_score, config, folds), partial(_judge, config, ready, run)
    task = tune_ranker(name, f"rank.{name}", config.rank.lightgbm_lambdarank, f"MRR@{CUTOFF}", FOLDS, score, judge)
    return replace(task, weights=ready.rows.value.weights)


def cut_train(labelled: Labelled, fold: Fold, candidates: pl.DataFrame) -> Folds:
    """The training rows in an expanding window by time."""
    assert fold.answers is not None
    hits = candidates.join(fold.answers, on=["query", "item"], how="semi", maintain_order="left")
    queries = hits.join(fold.queries.filter(role="train"), on="query", maintain_order="left")
    return thin_folds(cut_by_time(labelled.train, queries["time"].to_numpy(), FOLDS))


def _score(config: NewsConfig, folds: Folds, parameters: Parameters, fold: int) -> Scores:
    train, valid = folds[fold]
    ranker = fit(make_recipe(config.rank, config.model_seed, parameters), train, valid)
    return reciprocal_ranks(predict(ranker, valid.names, valid.features), valid.labels, valid.group_sizes, CUTOFF)


def _judge(config: NewsConfig, ready: Prepared, run: Run, parameters: Parameters, number: int) -> Scores:
    recipe, rows = make_recipe(config.rank, config.of_fit(number).model_seed, parameters), ready.rows
    ranker = run.step(fit, recipe, rows.field("train"), rows.field("stop"), name=f"fit.{MODEL}").value
    return rank_valid(rows.value, score_valid(rows.value, ranker))
