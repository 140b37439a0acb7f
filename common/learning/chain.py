"""The hold-out judges the chain: which stage's order is handed in.

A chain (retrieval, rankers, a blend) ends in the order that is handed in, unless an earlier stage or a plain rule is
clearly better on the same hold-out queries. Others are few, and each is held against the end of the chain alone, by two
paired errors: of k that are as good as that end, one is taken by chance in at most k x 2.3 % of all runs, and costs no
more than the hold-out can see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats
from common.engine.decisions import AUTO, Decision
from common.engine.errors import UserError
from common.engine.progress import say_once
from common.learning.dataset import RankingDataset
from common.learning.metrics import average

MIN_ERRORS = 2.0  # paired, by which another order is better
FEWEST = 10  # clusters that two orders score differently, below which an error says nothing
Order = tuple[str, float] | None  # a feature and its sign, the highest first; None: as the rows stand


@dataclass(frozen=True)
class Chain:
    """What each hold-out query earns by the order of each stage, ``scores`` [queries] by name, that at the end of the
    chain first; ``answer``: the stage that is handed in, and the ``decision`` in words. ``weights`` of the queries;
    those of a cluster rise and fall together.
    """

    scores: dict[str, Floats]
    weights: Floats
    clusters: NDArray[np.int64]
    answer: str
    decision: Decision

    @property
    def last(self) -> str:
        """The stage at the end of the chain."""
        return next(iter(self.scores))

    @property
    def earned(self) -> Floats:
        """What each query earns by what is handed in."""
        return self.scores[self.answer]

    def say(self) -> None:
        """A line where another order than the last is handed in."""
        if self.answer != self.last:
            say_once(f"  {self.decision.reason}")


def take_first(chain: Chain, queries: int) -> Chain:
    """The chain of the first of its queries alone.

    >>> take_first(judge_chain(("answer", "a"), {"a": np.array([1.0, 0.5])}), 1).scores["a"].tolist()
    [1.0]
    """
    scores = {name: each[:queries] for name, each in chain.scores.items()}
    return replace(chain, scores=scores, weights=chain.weights[:queries], clusters=chain.clusters[:queries])


def judge_chain(
    setting: tuple[str, str],
    scores: Mapping[str, Floats],
    weights: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Chain:
    """The stage to hand in: the first of ``scores``, or the best of those that are better by ``MIN_ERRORS`` errors.

    ``setting``: its name, and ``auto`` or the name of a stage, which is then taken; ``UserError`` where there is none
    of that name.

    >>> rule = np.tile([1.0, 0.0, 1.0], 20)
    >>> chain = judge_chain(("rank.answer", "auto"), {"ranker": np.zeros(60), "popularity": rule})
    >>> chain.answer, chain.decision.reason
    ('popularity', 'The ranker is below "popularity" on the hold-out by 0.6667 ± 0.0609: that order is handed in.')
    """
    (name, choice), (last, *others) = setting, scores
    weight = np.ones(len(scores[last])) if weights is None else weights
    cluster = np.arange(len(weight)) if clusters is None else clusters
    answer, reason = choice, "set"
    if choice == AUTO:
        gains = {each: compare_scores(scores[each] - scores[last], weight, cluster) for each in others}
        clear = [each for each, (gain, error) in gains.items() if gain > MIN_ERRORS * error]
        answer = max(clear, key=lambda each: gains[each][0], default=last)
        reason = "no earlier stage and no plain rule is clearly better on the hold-out"
        if clear:
            below, error = gains[answer]
            reason = f'The {last} is below "{answer}" on the hold-out by {below:.4f} ± {error:.4f}'
            reason += ": that order is handed in."
    elif choice not in scores:
        known = ", ".join(f'"{each}"' for each in (AUTO, *scores))
        raise UserError(f'{name}: this run has no "{choice[:80]}"; choose among {known}.')
    return Chain(dict(scores), weight, cluster, answer, Decision(name, answer, reason))


def compare_scores(gains: Floats, weights: Floats, clusters: NDArray[np.int64]) -> tuple[float, float]:
    """The weighted mean of paired ``gains`` [queries], and its error; an infinite one where hardly a cluster differs.

    >>> compare_scores(np.repeat([0.5, 0.0], 10), np.ones(20), np.arange(20))[0]
    0.25
    """
    if len(np.unique(clusters[(gains != 0) & (weights > 0)])) < FEWEST:
        return 0.0, np.inf
    return average(gains, weights, clusters)


def order_rows(values: NDArray[np.floating], queries: NDArray[np.int64]) -> Floats:
    """Scores (n,) by which the rows of each of the ``queries``, a number a row, stand by falling ``values``, missing
    ones last; of equal rows the first is before the others, as a plain rule would have it.

    >>> order_rows(np.array([1.0, np.nan, 2.0, 1.0]), np.array([0, 0, 0, 0])).tolist()
    [-1.0, -3.0, 0.0, -2.0]
    """
    order = np.lexsort((-np.nan_to_num(values, nan=-np.inf), queries))
    position = np.empty(len(values))
    position[order] = np.arange(len(values))
    return np.asarray(0.0 - position)


def score_rule(rows: RankingDataset, order: Order) -> Floats:
    """The scores of rows by a plain rule, or as they stand.

    >>> rows = RankingDataset(("price",), np.array([[3], [2], [5], [9]]), np.zeros(4), np.array([2, 2]))
    >>> score_rule(rows, ("price", -1.0)).tolist(), score_rule(rows, None).tolist()
    ([-1.0, 0.0, -2.0, -3.0], [0.0, -1.0, -2.0, -3.0])
    """
    values = np.zeros(len(rows.features)) if order is None else order[1] * rows.features[:, rows.names.index(order[0])]
    return order_rows(values, rows.query_numbers)
