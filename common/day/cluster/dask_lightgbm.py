"""A fit by LightGBM on the workers of a Dask cluster.

Gradients of a query need that query's rows only, which one worker has whole; histograms are summed over the workers.
LightGBM measures on each worker apart, so that each is given all of the validation rows: all find the same numbers for
the same trees, and stop at the same round.
"""

import inspect
import logging
from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from common.day.cluster.shards import THREADS, assign_partitions, split_queries
from common.learning.dataset import RankingDataset
from common.learning.fit_task import Fit, FitTask, read_curve
from common.learning.fitters import plan_lightgbm
from common.learning.listwise_softmax import log_likelihoods, softmax_gradients

# The estimator gives these values of its own, under names that compete with those of the settings.
OWN = {
    name: None
    for name in inspect.signature(lightgbm.DaskLGBMRanker).parameters
    if name not in ("client", "kwargs", "objective", "n_estimators", "importance_type")
}


def fit(client: Any, workers: Sequence[str], family: str, task: FitTask) -> Fit:
    """The same settings, loss and early stop as on one machine; the model comes back up to its best round alone."""
    lightgbm.register_logger(_quiet_logger())
    settings = {name: value for name, value in plan_lightgbm(task).items() if name not in THREADS}
    if family.endswith("_softmax"):
        settings["objective"] = _softmax_gradients
    likelihood = task.recipe.likelihood and task.valid is not None and family.endswith("_softmax")
    if likelihood:
        settings["metric"] = "none"
    eval_at = settings.pop("eval_at")
    features, labels, sizes, *margin = assign_partitions(
        client, workers, [_arrays(task, part) for part in split_queries(task.train, len(workers))]
    )
    arguments: dict[str, Any] = {
        "group": sizes,
        "init_score": margin[0] if margin else None,
        "feature_name": list(task.train.names),
        "eval_at": eval_at,
    }
    if task.valid is not None:
        held_features, held_labels, held_sizes, *held_margin = assign_partitions(
            client, workers, [_arrays(task, task.valid)] * len(workers)
        )
        arguments["eval_init_score"] = held_margin or None
        arguments |= {"eval_X": (held_features,), "eval_y": (held_labels,), "eval_group": [held_sizes]}
        arguments["eval_metric"] = _watch_likelihood if likelihood else None
        arguments["callbacks"] = [lightgbm.early_stopping(task.recipe.patience, verbose=False)]
    ranker = lightgbm.DaskLGBMRanker(client=client, n_estimators=task.recipe.rounds, **(OWN | settings))
    ranker.fit(features, labels, **arguments)
    model = ranker.booster_
    used = model.num_trees() if task.valid is None or task.whole else model.best_iteration
    return model, used, model.feature_importance("gain", used).tolist(), read_curve(ranker.evals_result_)


def _arrays(task: FitTask, rows: RankingDataset) -> tuple[NDArray[Any], ...]:
    margin = task.margin(rows)
    return rows.features, rows.labels, rows.group_sizes, *([] if margin is None else [margin])


def _softmax_gradients(
    labels: NDArray[np.float32], scores: NDArray[np.float64], _: Any, sizes: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return softmax_gradients(scores, labels, sizes)


def _watch_likelihood(
    labels: NDArray[np.float32], scores: NDArray[np.float64], _: Any, sizes: NDArray[np.int32]
) -> tuple[str, float, bool]:
    return "likelihood", float(log_likelihoods(scores, labels, sizes).mean()), True


def _quiet_logger() -> logging.Logger:
    """LightGBM prints what it does with ports and threads, whatever its verbosity is set to."""
    logger = logging.getLogger("lightgbm")
    logger.setLevel(logging.ERROR)
    return logger
