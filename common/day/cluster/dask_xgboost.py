"""A fit by XGBoost on the workers of a Dask cluster.

Gradients of a query need that query's rows only, which one worker has whole; histograms are summed over the workers.
What stops the fit is a mean over the queries of all workers, so that all of them stop at the same round.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xgboost
from numpy.typing import NDArray
from xgboost import dask as xgboost_dask

from common.arrays import Floats
from common.day.cluster.shards import THREADS, assign_partitions, split_queries
from common.learning.dataset import Matrix, RankingDataset
from common.learning.fit_task import Fit, FitTask
from common.learning.fitters import keep_xgboost, plan_xgboost
from common.learning.listwise_softmax import log_likelihoods, softmax_gradients
from common.learning.metrics import reciprocal_ranks

QueryMetric = Callable[[Floats, NDArray[np.float32], NDArray[np.int32]], Floats]


def fit(client: Any, workers: Sequence[str], family: str, task: FitTask) -> Fit:
    """The same settings, loss and early stop as on one machine."""
    softmax = family.endswith("_softmax")
    settings = {name: value for name, value in plan_xgboost(task).items() if name not in THREADS}
    share = _Sharing(client, workers, task, settings.get("max_bin", 256))
    train = _quantise(share, task.train, None)
    held, callbacks, watch = [], [], None
    if task.valid is not None:
        held = [(_quantise(share, task.valid, train), "valid")]
        callbacks = [xgboost.callback.EarlyStopping(rounds=task.recipe.patience, maximize=True)]
        watch = functools.partial(_watch_mrr, task.recipe.cutoff)
        if task.recipe.likelihood and softmax:
            watch = functools.partial(_watch, "likelihood", log_likelihoods)
    trained = xgboost_dask.train(
        client,
        settings,
        train,
        task.recipe.rounds,
        evals=held,
        obj=_softmax_gradients if softmax else None,
        custom_metric=watch,
        callbacks=callbacks,
        verbose_eval=False,
    )
    model: xgboost.Booster = trained["booster"]
    used = model.num_boosted_rounds() if task.valid is None or task.whole else model.best_iteration + 1
    return keep_xgboost(model, used, task.train.names, trained["history"])


class _Sharing(NamedTuple):
    """How rows are spread: over which workers, for which task, in how many bins a feature."""

    client: Any
    workers: Sequence[str]
    task: FitTask
    bins: int


def _quantise(share: _Sharing, rows: RankingDataset, reference: Any) -> Any:
    parts: list[tuple[NDArray[Any], ...]] = []
    for part in split_queries(rows, len(share.workers)):
        margin = share.task.margin(part)
        parts.append((part.features, part.labels, part.query_numbers, *([] if margin is None else [margin])))
    features, labels, queries, *margins = assign_partitions(share.client, share.workers, parts)
    return xgboost_dask.DaskQuantileDMatrix(
        share.client,
        features,
        labels,
        qid=queries,
        base_margin=margins[0] if margins else None,
        feature_names=list(rows.names),
        max_bin=share.bins,
        ref=reference,
    )


def _softmax_gradients(scores: Matrix, data: Any) -> tuple[Floats, Floats]:
    return softmax_gradients(scores.astype(np.float64), data.get_label(), data.get_group().astype(np.int32))


def _watch_mrr(cutoff: int, scores: Matrix, data: Any) -> tuple[str, float]:
    return _watch(f"mrr@{cutoff}", functools.partial(reciprocal_ranks, k=cutoff), scores, data)


def _watch(name: str, metric: QueryMetric, scores: Matrix, data: Any) -> tuple[str, float]:
    """The mean of a metric over the queries of all workers."""
    values = metric(scores.astype(np.float64), data.get_label(), data.get_group().astype(np.int32))
    own = np.array([values.sum(), len(values)], np.float64)
    total, count = xgboost.collective.allreduce(own, xgboost.collective.Op.SUM)
    return name, float(total / count)
