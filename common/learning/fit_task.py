"""The inputs and the result of a ranker's fit, whichever library does it."""

import functools
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.learning.dataset import Matrix, RankingDataset


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted: the library's ``parameters`` under its own names, and when the fit ends.

    At most ``rounds`` rounds; fewer where validation has not improved for ``patience`` of them. With a patience of 0
    all rounds are taken: few validation queries stop a fit by chance. Validation is NDCG@cutoff; of the softmax losses
    it is their own likelihood, which moves with every query where NDCG at a small cutoff jumps. ``blocks``: only
    features of these blocks, None for all.
    ``min_group_size``: queries of fewer rows are left out (a query of one row says nothing about choice).
    ``negatives``: of each training query, so many rows besides the positives are learned from, None for all.
    ``base_margin``: the feature whose value a row's score starts from (a score that is known before, which trees need
    not find again); missing is 0. ``seeds``: so many fits, by ``seed`` and those after it, whose scores are averaged.
    """

    kind: str
    parameters: Mapping[str, Any]
    rounds: int
    patience: int
    seed: int
    cutoff: int = 5
    blocks: tuple[str, ...] | None = None
    min_group_size: int = 1
    negatives: int | None = None
    base_margin: str | None = None
    seeds: int = 1


@dataclass(frozen=True)
class FitTask:
    """A recipe and its data under way to a family's fitter; ``whole``: rounds beyond the best are kept. ``arrays``: the
    features of ``train`` in several arrays, for a library that needs no copy of all; its own are then empty.
    """

    recipe: Recipe
    train: RankingDataset
    valid: RankingDataset | None
    whole: bool = False
    arrays: tuple[Matrix, ...] = ()

    def margin(self, rows: RankingDataset) -> NDArray[np.float64] | None:
        """What the scores of rows start from, None for nothing."""
        name = self.recipe.base_margin
        return None if name is None else read_margin(rows.features, rows.names, name)


class PickledModel:
    """A library's model that is kept ``pickled`` until it is first used: a run that computes nothing asks for gains and
    rounds alone, and imports no library of boosted trees. None stands for no model.
    """

    pickled: bytes | None

    @functools.cached_property
    def model(self) -> Any:
        """The library's own."""
        return None if self.pickled is None else pickle.loads(self.pickled)

    def __getstate__(self) -> dict[str, Any]:
        """The fields, without the model that was made of one."""
        return {name: value for name, value in vars(self).items() if name != "model"}


WatchedCurve = tuple[tuple[float, ...], str]  # the curve, and the metric's name
Fit = tuple[Any, int, Sequence[float], WatchedCurve]
UNWATCHED: WatchedCurve = ((), "")


def read_curve(results: Mapping[str, Mapping[str, Sequence[float]]]) -> WatchedCurve:
    """The only curve of the only data set that was watched; what falls as the fit improves is turned over."""
    for curves in results.values():
        for name, values in curves.items():
            sign = -1.0 if name == "QuerySoftMax" else 1.0
            return tuple(sign * float(value) for value in values), name
    return UNWATCHED


def read_margin(features: Matrix, names: Sequence[str], base_margin: str) -> NDArray[np.float64]:
    """What scores start from: the feature of that name, 0 where it is missing."""
    return np.nan_to_num(features[:, list(names).index(base_margin)].astype(np.float64))
