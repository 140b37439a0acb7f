"""Tuning one ranker of a competition: the parameters of its library, under their own names, on given folds."""

from collections.abc import Callable, Mapping
from typing import Any

from common.day.tuning.search_space import DEFAULTS, space_of
from common.day.tuning.task import Scores, Task

Fit = Callable[[Mapping[str, Any], int], float]  # parameters, fold -> score
Judge = Callable[[Mapping[str, Any]], Scores]  # parameters -> the score of each unseen query


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
        lambda settings: judge(merge(settings)),
    )
