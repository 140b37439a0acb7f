"""Permutation importance of the ranker's columns: what the score on the hold-out loses when one of them is shuffled
between pairs (Breiman 2001, "Random forests").
"""

from dataclasses import replace

import numpy as np

from common.learning.model_diagnostics import Importance
from competitions.tencent import metrics
from competitions.tencent.config import FeatureSettings
from competitions.tencent.io import schema
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.scoring import BLOCK, describe_block
from competitions.tencent.ranking.stages import RankerInputs, prepare_fold
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns

PAIR_QUERIES = 400


def measure_columns(inputs: RankerInputs, ranker: Ranker, settings: FeatureSettings, seed: int) -> list[Importance]:
    """Each column of the ranker, the one that the score misses most first: its values are shuffled between pairs.

    Measured on ``PAIR_QUERIES`` queries at most, among what the first search finds.
    """
    rng = np.random.default_rng([seed, 31])
    fold = _sample_queries(inputs.fold, rng, PAIR_QUERIES)
    ready = prepare_fold(inputs, fold, inputs.forecasts[-1], settings)
    parts = [describe_block(ready, block) for block in blocks(len(fold.users), BLOCK)]
    columns, scores, features = (np.concatenate([part[at] for part in parts]) for at in range(3))
    hit = (columns == target_columns(fold)[:, None]) & np.isfinite(scores)

    def score(features: Floats) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        given = np.where(np.isfinite(scores), ranker.score(features), -np.inf)
        own = np.where(hit, given, -np.inf).max(1)
        rank = np.where(hit.any(1), (given >= own[:, None]).sum(1), 0)
        return metrics.score_answers(np.where(rank <= schema.TOP, rank, 0))

    whole, measured = score(features), []
    flat = features.reshape(-1, features.shape[2])
    for at, name in enumerate(ranker.names):
        kept = flat[:, at].copy()
        flat[:, at] = kept[rng.permutation(len(kept))]
        loss = whole - score(features)
        flat[:, at] = kept
        error = float(loss.std() / len(loss) ** 0.5)
        measured.append(Importance(feature=name, gain=None, permutation=float(loss.mean()), error=error))
    return sorted(measured, key=lambda importance: -(importance["permutation"] or 0.0))


def _sample_queries(fold: Fold, rng: np.random.Generator, most: int) -> Fold:
    """The fold with at most so many of its queries."""
    assert fold.target is not None
    if len(fold.target) <= most:
        return fold
    chosen = np.sort(rng.choice(len(fold.target), most, replace=False))
    return replace(
        fold,
        users=fold.users[chosen],
        query_ends=fold.query_ends[chosen],
        condition=fold.condition[chosen],
        target=fold.target[chosen],
        unseen=None,
        target_action=None,
    )
