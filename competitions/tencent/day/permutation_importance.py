"""Permutation importance of the ranker's columns: what the log likelihood of the targets of the hold-out loses when one
of them is shuffled between pairs (Breiman 2001, "Random forests").
"""

import numpy as np
from scipy.special import logsumexp

from common.learning.model_diagnostics import Importance
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Bools, Corpus, Floats
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ranking import BLOCK, Ranker, find_hits, take_queries
from competitions.tencent.retrieval.search import Search
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns

MOST_QUERIES = 400


def permute_columns(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker, settings: FeatureSettings, seed: int
) -> list[Importance]:
    """Each column of the ranker, the one that is missed most first.

    Measured on ``MOST_QUERIES`` queries at most, of these on those whose target is retrieved, among what is retrieved.
    """
    rng = np.random.default_rng([seed, 31])
    search, queries, target = Search(tables, settings), take_queries(corpus, fold), target_columns(fold)
    chosen = np.sort(rng.choice(len(target), min(MOST_QUERIES, len(target)), replace=False))
    parts: list[tuple[Floats, Floats, Bools]] = []
    for block in blocks(len(chosen), BLOCK):
        rows = chosen[block]
        candidates = search.retrieve(queries.take(rows))
        features = pair_features(tables, candidates, settings.blocks)[0]
        parts.append((features, candidates.scores, find_hits(candidates, target[rows])))
    features, scores, hit = (np.concatenate(column) for column in zip(*parts, strict=True))

    hit &= np.isfinite(scores)
    retrieved = hit.any(1)
    if not retrieved.any():
        return []
    features, scores, hit = features[retrieved], scores[retrieved], hit[retrieved]

    def measure(features: Floats) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        given = np.where(np.isfinite(scores), ranker.score(features), -np.inf)
        return np.asarray(np.where(hit, given, -np.inf).max(1) - logsumexp(given, axis=1), np.float64)

    whole, measured = measure(features), []
    flat = features.reshape(-1, features.shape[2])
    for at, name in enumerate(ranker.names):
        kept = flat[:, at].copy()
        flat[:, at] = kept[rng.permutation(len(kept))]
        loss = whole - measure(features)
        flat[:, at] = kept
        error = float(loss.std() / len(loss) ** 0.5)
        measured.append(Importance(feature=name, gain=None, permutation=float(loss.mean()), error=error))
    return sorted(measured, key=lambda importance: -(importance["permutation"] or 0.0))
