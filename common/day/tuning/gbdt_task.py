"""Tuning one ranker of a competition: the parameters of its library, under their own names, on given folds."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common.day.tuning.search_space import DEFAULTS, space_of
from common.day.tuning.task import Scores, Task
from common.learning.dataset import RankingDataset, pick_queries

MOST_ROWS = 100_000  # of a fold's training rows, and of those it is judged by: a fit takes seconds
Fit = Callable[[Mapping[str, Any], int], Scores]  # parameters, fold -> the score of each of its queries
Judge = Callable[[Mapping[str, Any], int], Scores]  # parameters, fit -> the score of each unseen query


Folds = list[tuple[RankingDataset, RankingDataset]]  # the rows that a trial learns from, and those it is judged by


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
