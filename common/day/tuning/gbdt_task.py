"""Tuning one ranker of a competition: the parameters of its library, under their own names, on given folds; what may be
tried of each. What is particular to one competition is in its own day/tune.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from common.day.tuning.task import Scores, Task, TrialParams
from common.learning.dataset import RankingDataset, pick_queries

MOST_ROWS = 100_000  # of a fold's training rows, and of those it is judged by: a fit takes seconds
# Parameters, the number of a fold -> the score of each of its queries; or that of a fit -> of each unseen query.
Fit = Callable[[Mapping[str, Any], int], Scores]
Folds = list[tuple[RankingDataset, RankingDataset]]  # the rows that a trial learns from, and those it is judged by

# Of each library's parameters what may be tried, and what it takes where none is given.
RANKERS: Mapping[str, Mapping[str, tuple[FloatDistribution | IntDistribution, float]]] = {
    "lightgbm": {
        "learning_rate": (FloatDistribution(0.02, 0.3, log=True), 0.1),
        "num_leaves": (IntDistribution(4, 127, log=True), 31),
        "min_data_in_leaf": (IntDistribution(5, 500, log=True), 20),
        "feature_fraction": (FloatDistribution(0.1, 1.0), 1.0),
        "lambda_l2": (FloatDistribution(0.1, 100.0, log=True), 0.1),  # it takes 0, which a logarithm cannot reach
    },
    "xgboost": {
        "learning_rate": (FloatDistribution(0.02, 0.3, log=True), 0.3),
        "max_depth": (IntDistribution(3, 10), 6),
        "min_child_weight": (FloatDistribution(0.3, 100.0, log=True), 1.0),
        "colsample_bytree": (FloatDistribution(0.1, 1.0), 1.0),
        "subsample": (FloatDistribution(0.5, 1.0), 1.0),
        "reg_lambda": (FloatDistribution(0.1, 100.0, log=True), 1.0),
    },
    "catboost": {
        "learning_rate": (FloatDistribution(0.02, 0.4, log=True), 0.03),  # of a ranking loss
        "depth": (IntDistribution(3, 8), 6),
        "l2_leaf_reg": (FloatDistribution(0.3, 100.0, log=True), 3.0),
    },
}


def thin_folds(whole: Folds) -> Folds:
    """Folds of at most ``MOST_ROWS`` rows: a study of many cheap trials finds more than one of few whole ones.

    Its best settings are judged on all rows.
    """
    return [(thin(train), thin(valid)) for train, valid in whole]


def thin(rows: RankingDataset) -> RankingDataset:
    """Every second query, or third, .. of rows in the order of time: at most about ``MOST_ROWS`` rows."""
    every = -(-len(rows.labels) // MOST_ROWS)
    return rows if every <= 1 else pick_queries(rows, np.arange(len(rows.group_sizes)) % every == 0)


def tune_ranker(
    kind: str, table: str, parameters: Mapping[str, Any], metric: str, folds: int, score: Fit, judge: Fit
) -> Task:
    """The task for a ranker of ``kind`` whose ``parameters`` are in ``table`` of the configuration.

    ``score`` and ``judge`` get all of them, with those of the space replaced by the trial's; today's value of one that
    is not given is the library's.
    """
    family = next((family for family in RANKERS if kind.startswith(family)), None)
    if family is None:
        raise ValueError(f"there is no search space for the ranker {kind!r}")
    space = RANKERS[family]

    def merge(params: TrialParams) -> dict[str, Any]:
        return {**parameters, **{key.rpartition(".")[2]: value for key, value in params.items()}}

    return Task(
        kind if table.endswith(kind) else table,
        metric,
        {f"{table}.{key}": among for key, (among, _) in space.items()},
        {f"{table}.{key}": parameters.get(key, default) for key, (_, default) in space.items()},
        folds,
        lambda params, fold: score(merge(params), fold),
        lambda params, fit: judge(merge(params), fit),
    )
