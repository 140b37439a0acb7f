"""Tuning one ranker of a competition: the parameters of its library, under their own names, on given folds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.day.tuning.search_space import DEFAULTS, space_of
from common.day.tuning.task import Scores, Task
from common.learning.dataset import RankingDataset, gather, pick_queries

MOST_ROWS = 100_000  # of a fold's training rows, and of those it is judged by: a fit takes seconds
LEAST_NEGATIVES = 20  # a query: fewer make another task of it, so that queries are left out instead
Fit = Callable[[Mapping[str, Any], int], Scores]  # parameters, fold -> the score of each of its queries
Judge = Callable[[Mapping[str, Any], int], Scores]  # parameters, fit -> the score of each unseen query


@dataclass(frozen=True)
class Folds:
    """What a study learns from and is judged by: (training, validation) rows; ``rows``: how many of all, in words."""

    pairs: list[tuple[RankingDataset, RankingDataset]]
    rows: str


def thin_folds(whole: Sequence[tuple[RankingDataset, RankingDataset]], most: int = MOST_ROWS) -> Folds:
    """Folds of at most so many rows each: a study of many cheap trials finds more than one of few whole ones.

    Its best settings are judged on all rows.
    """
    pairs = [(thin_rows(train, most), thin_queries(valid, most)) for train, valid in whole]
    kept, there = (max(len(train.labels) for train, _ in folds) for folds in (pairs, whole))
    return Folds(pairs, f"{kept:,} of {there:,} rows in a fold" if kept < there else f"all {there:,} rows")


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
