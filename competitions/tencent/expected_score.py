"""The Score to expect of the truth: how far it may lie from the hold-out's for reasons the queries do not show.

Users who click the same ad are answered alike, so that a Score hangs on few popular ads of one day: its error
is taken by ad as well. And where times say nothing, the truth is one event further on than the hold-out: how much that
alone moves a Score is seen at earlier events, by a plain rule that is fitted anew for each.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from common.engine.progress import say
from competitions.tencent import metrics, split
from competitions.tencent.config import HostSettings, SplitSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.attributes import attribute_matrix
from competitions.tencent.retrieval.counts import PLAIN, fit_counts, score_counts
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK, find_seen, rank_all

Floats = npt.NDArray[np.float64]
STEPS = 3  # from one event to the one before it


@dataclass(frozen=True)
class Movement:
    """How a plain rule's Score moves from event to event: ``scores`` at the hold-out's and at those before it, latest
    first; ``step``: the root mean square of its relative change from one to the next, without what the draw of users
    explains. Empty and 0 where times say more than the order.
    """

    scores: tuple[float, ...]
    step: float


def measure_movement(corpus: Corpus, fold: Fold, host: HostSettings, settings: SplitSettings, seed: int) -> Movement:
    """Ask for the events before the hold-out's as well, each from what lies before it, on the users of either."""
    if settings.kind != "last":
        return Movement((), 0.0)
    more = msgspec.structs.replace(settings, earlier=STEPS, earlier_queries=settings.queries)
    folds = [fold, *split.earlier_folds(corpus.train, corpus.candidates, fold, host, more, seed)]
    scored = [(one.users, metrics.score_queries(one, answer_by_counts(corpus, one), host)) for one in folds]
    steps = [compare_users(later, before) for later, before in itertools.pairwise(scored)]
    variance = np.mean([change**2 - error**2 for change, error in steps]) if steps else 0.0
    return Movement(tuple(float(scores.mean()) for _, scores in scored), math.sqrt(max(float(variance), 0.0)))


def answer_by_counts(corpus: Corpus, fold: Fold) -> TopK:
    """The answer of a table of counts, without attributes: seconds a fold."""
    rows, ads = fold.candidates, len(corpus.catalogue.oid)
    queries = fold.queries(corpus.train)
    counts = fit_counts(fold.history(corpus.train), corpus.catalogue, attribute_matrix(corpus.catalogue), PLAIN)
    seen = find_seen(queries, rows, ads)
    return rank_all(
        lambda block: torch.from_numpy(score_counts(counts, queries.take(block), rows)), len(queries), seen, TOP
    )


def compare_users(later: tuple[Int64s, Floats], before: tuple[Int64s, Floats]) -> tuple[float, float]:
    """The relative change of the mean from ``before`` to ``later`` (users, their scores) on the users of both, and its
    standard error, paired; zeros where there is nothing to compare.

    >>> change, error = compare_users((np.array([1, 2, 5]), np.array([0.5, 0.7, 9.0])), (np.arange(3), np.full(3, 0.4)))
    >>> round(change, 2), round(error, 2)  # .6 and .4 of users 1 and 2, by the mean of both
    (0.4, 0.14)
    """
    _, left, right = np.intersect1d(later[0], before[0], return_indices=True)
    one, other = later[1][left], before[1][right]
    level = float(one.mean() + other.mean()) / 2 if len(one) else 0.0
    if level <= 0:
        return 0.0, 0.0
    difference = one - other
    return float(difference.mean()) / level, float(difference.std() / math.sqrt(len(one))) / level


def error_by_ad(scores: Floats, target: Int64s) -> float:
    """The standard error of a mean of ``scores`` whose queries with the same ``target`` rise and fall together (the
    cluster-robust one: Liang and Zeger 1986).

    >>> scores = np.array([0.0, 1.0, 0.0, 1.0])
    >>> round(error_by_ad(scores, np.arange(4)), 2), round(error_by_ad(scores, np.arange(4) % 2), 2)
    (0.25, 0.35)
    """
    sums = np.bincount(np.unique(target, return_inverse=True)[1], scores - scores.mean())
    return float(np.sqrt((sums**2).sum()) / len(scores))


def expect_score(fold: Fold, top: TopK, host: HostSettings, movement: Movement) -> dict[str, Any]:
    """The Score that the truth is expected to have, and the error of that: by ad, and of one event more."""
    assert fold.target is not None
    scores = metrics.score_queries(fold, top, host)
    score, by_ad = float(scores.mean()), error_by_ad(scores, fold.target)
    return {
        "score": score,
        "error": math.hypot(by_ad, score * movement.step),
        "error by ad": by_ad,
        "step": movement.step,
        "plain rule, latest first": " ".join(f"{one:.4f}" for one in movement.scores),
    }


def say_expected(expected: dict[str, Any]) -> None:
    """One line for the console."""
    further = f", an event further on ± {expected['step']:.0%} of it" if expected["step"] else ""
    by_ad = expected["error by ad"]
    error = f"{expected['error']:.4f} (by ad ± {by_ad:.4f}{further})"
    say(f"  expected Score of the truth: {expected['score']:.4f} ± {error}")
