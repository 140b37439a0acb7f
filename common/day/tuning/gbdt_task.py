"""Tuning one ranker of a competition: the parameters of its library, under their own names, on given folds."""

from collections.abc import Callable, Mapping
from typing import Any

from common.day.tuning import search_space
from common.day.tuning.search_space import Settings
from common.day.tuning.task import Scores, Task

Fit = Callable[[Mapping[str, Any], int], float]  # parameters, fold -> score
Judge = Callable[[Mapping[str, Any]], Scores]  # parameters -> the score of each unseen query


def tune_ranker(
    kind: str, table: str, parameters: Mapping[str, Any], metric: str, folds: int, score: Fit, judge: Judge
) -> Task:
    """The task for a ranker of ``kind`` whose ``parameters`` are in ``table`` of the configuration.

    ``score`` and ``judge`` get all of them, with those of the space replaced by the trial's.
    """
    space = search_space.space_of(kind)
    current = search_space.take_current(parameters, space, search_space.DEFAULTS)
    return Task(
        kind if table.endswith(kind) else table,
        metric,
        search_space.prefix(table, space),
        {f"{table}.{key}": value for key, value in current.items()},
        folds,
        lambda settings, fold: score(_merge(parameters, settings), fold),
        lambda settings: judge(_merge(parameters, settings)),
    )


def _merge(parameters: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    return {**parameters, **{key.rpartition(".")[2]: value for key, value in settings.items()}}
