"""What carries a fitted model: importance of its features, calibration of its predictions, its learning curves.

Pure functions of arrays; what they return (``diagnostics``) goes into a run's record as it is.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.dataset import Matrix, RankingDataset, pick_queries
from common.learning.diagnostics import Bin, Calibration, Curve
from common.learning.gbdt import Ranker
from common.learning.listwise_softmax import find_starts
from common.learning.metrics import average

Score = Callable[[Matrix], Floats]
Metric = Callable[[Floats, RankingDataset], Floats]
Loss = tuple[float, float]  # of the metric, on average over queries, and the standard error of that


def share_gains(rankers: Sequence[Ranker]) -> dict[str, float]:
    """Each feature's share of a model's gain, the mean over the models that have any; largest first, 1 in all.

    >>> models = [Ranker("a", None, 1, {"x": 30.0, "y": 10.0}), Ranker("b", None, 1, {"y": 2.0})]
    >>> share_gains(models)
    {'y': 0.625, 'x': 0.375}
    """
    grown = [ranker for ranker in rankers if sum(ranker.gain.values()) > 0]
    shares = {name: 0.0 for ranker in rankers for name in ranker.gain}
    for ranker in grown:
        total = sum(ranker.gain.values())
        for name, gain in ranker.gain.items():
            shares[name] += gain / total / len(grown)
    return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])))


def permute(score: Score, rows: RankingDataset, metric: Metric, names: Sequence[str], seed: int = 0) -> dict[str, Loss]:
    """What the metric loses when one feature's values are shuffled over the rows (Breiman 2001, "Random forests").

    A feature that is the same in all rows of a query is shuffled between queries instead: as noise within a query
    it would be something that no model has seen. Two features that say the same cover for each other, and lose little
    each.

    >>> rows = RankingDataset(("x", "noise"), np.eye(2, dtype=np.float32), np.array([1, 0]), np.array([2]))
    >>> hit = lambda scores, rows: np.array([float(rows.labels[scores.argmax()])])
    >>> permute(lambda features: features[:, 0], rows, hit, ["noise"])  # the score does not use it
    {'noise': (0.0, 0.0)}
    """
    whole = metric(score(rows.features), rows)
    changed = rows.features.copy()
    losses: dict[str, Loss] = {}
    for name in names:
        column = rows.names.index(name)
        values, rng = rows.features[:, column], np.random.default_rng([seed, column])
        changed[:, column] = _shuffle(values, rows.group_sizes, rng)
        lost = whole - metric(score(changed), rows)
        losses[name] = average(lost)
        changed[:, column] = values
    return losses


def sample_queries(rows: RankingDataset, queries: int, most: int, seed: int) -> RankingDataset:
    """At most ``queries`` queries drawn at random, in their order; fewer where they have more than ``most`` rows.

    One query stays in any case. The same seed draws the same queries, so that what is drawn is not drawn again.

    >>> rows = RankingDataset(("x",), np.zeros((6, 1), np.float32), np.zeros(6), np.array([2, 2, 2]))
    >>> sample_queries(rows, queries=3, most=5, seed=0).group_sizes.tolist()
    [2, 2]
    """
    order = np.random.default_rng(seed).permutation(len(rows.group_sizes))[:queries]
    fitting = int((np.cumsum(rows.group_sizes[order]) <= most).sum())
    if fitting == len(rows.group_sizes):
        return rows
    chosen = np.zeros(len(rows.group_sizes), bool)
    chosen[order[: max(fitting, 1)]] = True
    return pick_queries(rows, chosen)


def calibrate(title: str, predicted: Floats, observed: Floats, bins: int = 10) -> Calibration:
    """Bins of which each holds about the same share of all that was predicted; equal predictions share a bin.

    ``predicted`` and ``observed``: (n,), at least 0, say P(click) and the click; rows where either is missing are left
    out. Of bins with equally many rows nine in ten would hold next to no click, where one row in a hundred is clicked.

    >>> for each in calibrate("P", np.array([0.1, 0.3, 0.1, 0.1, 0.6]), np.array([0, 1, 1, 0, 1]), bins=2).bins:
    ...     print(each)
    Bin(predicted=0.15, observed=0.5, count=4)
    Bin(predicted=0.6, observed=1.0, count=1)
    """
    known = np.isfinite(predicted) & np.isfinite(observed)
    low_first = np.argsort(predicted[known], kind="stable")
    x, y = np.asarray(predicted[known][low_first], np.float64), np.asarray(observed[known][low_first], np.float64)
    if not len(x):
        return Calibration(title=title, bins=[])
    mass = np.cumsum(x)
    cuts = np.searchsorted(mass, mass[-1] * np.arange(1, bins) / bins, side="right")
    cuts = np.minimum(cuts, len(x) - 1)
    # A cut in the midst of equal predictions moves to their nearer end.
    before, behind = np.searchsorted(x, x[cuts], side="left"), np.searchsorted(x, x[cuts], side="right")
    nearer = np.where(cuts - before <= behind - cuts, before, behind)
    starts = np.unique(np.concatenate([[0], nearer[nearer < len(x)]]))
    counts = np.diff(np.append(starts, len(x)))
    means = zip(np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts, counts, strict=True)
    return Calibration(
        title=title, bins=[Bin(predicted=float(p), observed=float(o), count=int(n)) for p, o, n in means]
    )


def curves(fits: Mapping[str, Ranker]) -> list[Curve]:
    """The learning curves, by name, of those fits that have one.

    >>> fits = {"a": Ranker("a", None, 1, {}), "xgboost": Ranker("xgboost", None, 2, {}, (0.6, 0.7), "mrr@5")}
    >>> curves(fits)
    [Curve(name='xgboost', metric='mrr@5', values=[0.6, 0.7], best=2)]
    """
    return [
        Curve(name=name, metric=fit.metric, values=[float(value) for value in fit.curve], best=fit.rounds)
        for name, fit in fits.items()
        if fit.curve
    ]


def _shuffle(values: Matrix, sizes: NDArray[np.int32], rng: np.random.Generator) -> Matrix:
    """The values of one feature (n,) in random order: over all rows, or between queries if constant within them."""
    if not len(values):
        return values
    starts = find_starts(sizes)
    lowest, highest = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    absent = np.add.reduceat(np.isnan(values), starts, dtype=np.int64)
    constant = (absent == sizes) | ((absent == 0) & (lowest == highest))
    if constant.all():
        return np.repeat(rng.permutation(values[starts]), sizes)
    return rng.permutation(values)
