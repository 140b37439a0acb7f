"""The open mode's answer: scores of several models, standardised for each query and added up with fitted weights.

The competition bans ensembles; this is for local use, and shows what the one model leaves to be had.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.engine.errors import UserError
from common.learning.blending import plain_starts, search_shares
from competitions.tencent.config import MixSettings
from competitions.tencent.corpus import Bools, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.metrics import mean_scores
from competitions.tencent.model.sparse_history import Floats

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shortlist:
    """The rivals of each query's target: what any of the models ranks among its best.

    ``rivals`` float32 [queries, slots, models], standardised scores, -inf where a slot is empty; ``target`` float32
    [queries, models], those of the target, NaN where it is no candidate.
    """

    rivals: Floats
    target: Floats


def standardise(scores: Floats) -> Floats:
    """Mean 0 and deviation 1 over the candidates of each query (row); all 0 where a model gives all the same.

    Raises ``UserError`` for scores that are not finite: comparisons with NaN would hold every answer to be right.
    """
    if not np.isfinite(scores).all():
        query = int(np.flatnonzero(~np.isfinite(scores).all(1))[0])
        raise UserError(f"The scores of query {query} are not finite: the model's training diverged; lower its rate.")
    centred = scores - scores.mean(1, keepdims=True, dtype=np.float64).astype(np.float32)
    spread = np.sqrt(np.square(centred).mean(1, keepdims=True))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12))


def mix(scores: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighted sum of the models' standardised scores, float32 [queries, candidates]."""
    mixed: Floats = np.zeros_like(scores[0])
    for own, weight in zip(scores, weights, strict=True):
        if weight:
            mixed += np.float32(weight) * standardise(own)
    return mixed


def shortlist(scores: Sequence[Floats], seen: tuple[Int64s, Int64s], target: Int64s, top: int) -> Shortlist:
    """The ``top`` unseen candidates of each model for a block of queries, without the target.

    ``scores``: one [queries, candidates] a model; ``seen``: pairs of query and candidate that may not be answered;
    ``target`` int64 [queries]: the target's column, -1 for none.
    """
    standard = [standardise(own) for own in scores]
    query = np.arange(len(target))
    known = target >= 0
    hidden: Bools = np.zeros(standard[0].shape, bool)
    hidden[seen] = True
    hidden[query[known], target[known]] = True
    best = np.concatenate([_find_best(np.where(hidden, -np.inf, own), top) for own in standard], 1)
    best.sort(1)
    rivals = np.stack([np.take_along_axis(own, best, 1) for own in standard], -1)
    empty = np.take_along_axis(hidden, best, 1)
    empty[:, 1:] |= best[:, 1:] == best[:, :-1]  # among the best of several models
    rivals[empty] = -np.inf
    target_scores = np.stack([own[query, target] for own in standard], -1)
    target_scores[~known] = np.nan
    return Shortlist(rivals, target_scores)


def _find_best(scores: Floats, top: int) -> Int64s:
    """The columns of the largest scores of each row, in no order."""
    if top >= scores.shape[1]:
        return np.tile(np.arange(scores.shape[1]), (len(scores), 1))
    return np.asarray(np.argpartition(scores, -top, axis=1)[:, -top:])


def rank_shortlisted(short: Shortlist, weights: Weights) -> Int64s:
    """The rank 1..10 of the target under these weights, 0 for none: a tie counts against it.

    Exact as long as the ten best of the mix are among the best of a model.
    """
    used = np.flatnonzero(weights)  # 0 x -inf is not a number
    with np.errstate(invalid="ignore"):
        target = short.target[:, used] @ weights[used]
        ahead = (short.rivals[:, :, used] @ weights[used] >= target[:, None]).sum(1)
    return np.where((ahead < TOP) & np.isfinite(target), ahead + 1, 0)


def fit_weights(short: Shortlist, settings: MixSettings, seed: int) -> tuple[float, ...]:
    """The weights, summing to 1, with the highest Score of these queries: choose them on validation only."""

    def judge(weights: Weights) -> float:
        return mean_scores(rank_shortlisted(short, weights))["score"]

    fitted = search_shares(judge, plain_starts(short.target.shape[1]), settings.trials, seed)
    return tuple(float(weight) for weight in fitted)
