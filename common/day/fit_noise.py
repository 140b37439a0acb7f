"""How far the fits alone move a score: the same queries, candidates and features, every model fitted by other seeds.

The error of a paired difference is that of the queries. It knows nothing of the draw of rows and features that each fit
makes, which moves the scores of both runs as well.
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.engine.run import Run
from common.learning.fit_task import Recipe

STRIDE = 1_000  # between the seeds of two fits: a recipe averages a few that follow one another
FITTED = ("fit", "fit_early")  # functions that fit a model without a recipe, by a ``seed`` of their own


class ReseededRun(Run):
    """A run whose fits draw by other seeds, and nothing else: all other steps are those of the run before it."""

    def __init__(self, folder: Path, cache: Path, ahead: int) -> None:
        """``ahead``: what is added to every seed of a fit."""
        super().__init__(folder, cache)
        self._ahead = ahead

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Any:
        """The step with the seeds of a fit moved."""
        return super().step(f, *move_seeds(f, args, self._ahead), name=name)


def move_seeds(f: Callable[..., Any], args: Sequence[Any], ahead: int) -> list[Any]:
    """The arguments of a step with another seed where it fits a model.

    >>> def fit(rows, seed): ...
    >>> move_seeds(fit, ["rows", 3], 1000), move_seeds(max, [1, 3], 1000)
    (['rows', 1003], [1, 3])
    """
    moved: list[Any] = [
        dataclasses.replace(arg, seed=arg.seed + ahead) if isinstance(arg, Recipe) else arg for arg in args
    ]
    if getattr(f, "__name__", "") in FITTED and "seed" in (names := list(inspect.signature(f).parameters)):
        moved[names.index("seed")] += ahead
    return moved


def score_fits(score: Callable[[Run], float], run: Run, seeds: int) -> list[float]:
    """The score by each of ``seeds`` - 1 further seeds of the fits; ``score`` validates within a run."""
    return [score(ReseededRun(run.folder, run.cache, STRIDE * number)) for number in range(1, seeds)]


def find_spread(scores: Sequence[float] | None) -> float | None:
    """The standard deviation of the score of one fit; None of fewer than two."""
    return float(np.std(scores, ddof=1)) if scores and len(scores) > 1 else None
