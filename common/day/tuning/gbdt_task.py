"""Tuning one ranker of a competition: the parameters of its library, under their own names, on given folds."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common.day.tuning.search_space import DEFAULTS, space_of
from common.day.tuning.task import Scores, Task
from common.learning.dataset import RankingDataset, gather, pick_queries

MOST_ROWS = 100_000  # of a fold's training rows, and of those it is judged by: a fit takes seconds
LEAST_NEGATIVES = 20  # a query: fewer make another task of it, so that queries are left out instead
Fit = Callable[[Mapping[str, Any], int], Scores]  # parameters, fold -> the score of each of its queries
Judge = Callable[[Mapping[str, Any], int], Scores]  # parameters, fit -> the score of each unseen query


Folds = list[tuple[RankingDataset, RankingDataset]]  # the rows that a trial learns from, and those it is judged by


def thin_folds(whole: Folds) -> Folds:
    """Folds of at most ``MOST_ROWS`` rows: a study of many cheap trials finds more than one of few whole ones.

    Its best settings are judged on all rows.
    """
    return [(thin_rows(train, MOST_ROWS), thin_queries(valid, MOST_ROWS)) for train, valid in whole]


def thin_rows(rows: RankingDataset, most: int) -> RankingDataset:
    """At most about ``most`` rows to learn from: fewer negatives, then fewer queries; all features.

    >>> rows = RankingDataset(("x",), np.zeros((90, 1), np.float32), np.eye(90)[0], np.array([60, 30]))
    >>> [thin_rows(rows, most).group_sizes.tolist() for most in (90, 70, 20)]
    [[60, 30], [35, 30], [21]]
    """
    if len(rows.labels) <= most:
        return rows
    negatives = max(most // len(rows.group_sizes) - 1, LEAST_NEGATIVES)
    return thin_queries(gather([rows], negatives=negatives), most)


def thin_queries(rows: RankingDataset, most: int) -> RankingDataset:
    """Every second query, or third, .. of rows in the order of time: at most about ``most`` rows."""
    every = -(-len(rows.labels) // most)
    return rows if every <= 1 else pick_queries(rows, np.arange(len(rows.group_sizes)) % every == 0)


def tune_ranker(
    kind: str, table: str, parameters: Mapping[str, Any], metric: str, folds: int, score: Fit, judge: Judge
) -> Task:
    """The task for a ranker of ``kind`` whose ``parameters`` are in ``table`` of the configuration.

    ``score`` and ``judge`` get all of them, with those of the space replaced by the trial's; today's value of one that
    is not given is the library's.
    """
    space = space_of(kind)

    def merge(settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**parameters, **{key.rpartition(".")[2]: value for key, value in settings.items()}}

    return Task(
        kind if table.endswith(kind) else table,
        metric,
        {f"{table}.{key}": among for key, among in space.items()},
        {f"{table}.{key}": parameters.get(key, DEFAULTS[key]) for key in space},
        folds,
        lambda settings, fold: score(merge(settings), fold),
        lambda settings, fit: judge(merge(settings), fit),
    )
