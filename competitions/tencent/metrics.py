"""Score = 0.31 x HitRate@10 + 0.69 x NDCG@10, with one right ad a query: NDCG = 1 / log2(place + 1)."""

import numpy as np
import numpy.typing as npt

from competitions.tencent.corpus import Int64s

HIT_WEIGHT, NDCG_WEIGHT = 0.31, 0.69
Floats = npt.NDArray[np.float64]


def find_places(columns: Int64s, target: Int64s) -> Int64s:
    """The place 1..top of each target (a column, -1 for none) in its row of ``columns`` [queries, top]; else 0."""
    hits = (columns == target[:, None]) & (target >= 0)[:, None]
    places: Int64s = np.where(hits.any(1), hits.argmax(1) + 1, 0)
    return places


def earn(places: Int64s) -> Floats:
    """What each query earns: 0.31 x hit + 0.69 x NDCG."""
    hit = (places > 0).astype(np.float64)
    earned: Floats = HIT_WEIGHT * hit + NDCG_WEIGHT * _gain(places)
    return earned


def _gain(places: Int64s) -> Floats:
    gain: Floats = np.where(places > 0, 1 / np.log2(np.maximum(places, 1) + 1), 0.0)
    return gain


def score_places(places: Int64s, weights: Floats | None = None) -> dict[str, float]:
    """The metrics of queries whose right ad stands at ``places`` (1..10, 0 where it is missing).

    ``weights``: what each query counts for (round 2), sum(w x m) / sum(w). ``score_error``: the standard error.
    """
    weight = np.ones(len(places)) if weights is None else weights
    hit = (places > 0).astype(np.float64)
    gain, score = _gain(places), earn(places)
    total = max(float(weight.sum()), 1e-12)
    mean = float((weight * score).sum() / total)
    return {
        "score": mean,
        "score_error": float(np.sqrt((weight**2 * (score - mean) ** 2).sum()) / total),
        "hit_rate@10": float((weight * hit).sum() / total),
        "ndcg@10": float((weight * gain).sum() / total),
        "users": float(len(places)),
    }
