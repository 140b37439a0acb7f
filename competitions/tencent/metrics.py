"""Score = 0.31 x HitRate@10 + 0.69 x NDCG@10, with one right ad a query: NDCG = 1 / log2(rank + 1).

Round 2 weighs hits by the action of the target. Two forms of it are printed. The Score here is sum(w x m) / sum(w) over
all users, which is inferred: no file of the organiser computes it. The organiser's report (arXiv 2604.04976) divides
within a user, sum(w x hit) / sum(w) over the user's own targets, and then takes the mean over users: with one target a
user the weight drops out ("by user").
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from common.arrays import Floats
from common.engine.decisions import AUTO, Decision
from common.engine.progress import say
from common.learning.chain import Chain, judge_chain
from common.learning.metrics import average
from competitions.tencent.config import HostSettings
from competitions.tencent.corpus import Int64s
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers, TopK

HIT_WEIGHT, NDCG_WEIGHT = 0.31, 0.69
FEWEST_LEARNED = 1_000  # lists, below which a ranker grows with each that it learns from
EVENT_STEP = 0.11  # of a Score, from one event to the next
ACTION_WEIGHTS = (0.0, 1.0, 2.5)  # of round 2: exposure, click, conversion; the setting host.weights


def hit_and_ndcg(ranks: Int64s) -> tuple[Floats, Floats]:
    """Hit and NDCG of each query whose right ad has this rank (1..10, 0 where it is missing)."""
    hit = (ranks > 0).astype(np.float64)
    return hit, np.where(ranks > 0, 1 / np.log2(np.maximum(ranks, 1) + 1), 0.0)


def score_answers(ranks: Int64s) -> Floats:
    """The Score of each query: 0.31 x hit + 0.69 x NDCG."""
    hit, ndcg = hit_and_ndcg(ranks)
    return HIT_WEIGHT * hit + NDCG_WEIGHT * ndcg


def weigh_scores(scores: Floats, weights: Floats) -> Floats:
    """What each query adds to the weighted mean: weights have mean 1, so that the plain mean is the weighted one."""
    return np.asarray(scores * (weights * (len(weights) / max(float(weights.sum()), 1e-12))))


def mean_scores(ranks: Int64s, weights: Floats | None = None, ads: Int64s | None = None) -> dict[str, float]:
    """The metrics of queries whose right ad has these ranks (1..10, 0 where it is missing).

    ``weights``: what each query counts for (round 2), sum(w x m) / sum(w). ``score_error``: the standard error; of
    users who click the same of these ``ads`` as one. Where weights differ the means "by user" stand beside these: of
    the queries that count, all alike.

    >>> scores = mean_scores(np.array([1, 0]), np.array([2.5, 1.0]))  # the conversion is right, the click is not
    >>> round(scores["hit_rate@10"], 3), scores["hit_rate@10 by user"]
    (0.714, 0.5)
    """
    weight = np.ones(len(ranks)) if weights is None else weights
    (hit, ndcg), score = hit_and_ndcg(ranks), score_answers(ranks)
    counted, (mean, error) = weight > 0, average(score, weight, ads)
    means = {
        "score": mean,
        "score_error": error,
        "hit_rate@10": average(hit, weight)[0],
        "ndcg@10": average(ndcg, weight)[0],
        "users": float(len(ranks)),
    }
    if len(np.unique(weight[counted])) > 1:
        alike = mean_scores(ranks[counted])
        means |= {f"{name} by user": alike[name] for name in ("score", "hit_rate@10", "ndcg@10")}
    return means


def rank_targets(fold: Fold, top: TopK) -> Int64s:
    """The rank 1..10 of each query's target in its list, 0 where it is missing. ``ValueError`` without targets."""
    if fold.target is None:
        raise ValueError("the host has the answers")
    hits = (top.rows == fold.target[:, None]) & (top.rows > 0)  # row 0 is no ad
    return np.where(hits.any(1), hits.argmax(1) + 1, 0)


def evaluate(fold: Fold, top: TopK, host: HostSettings) -> dict[str, Any]:
    """The metrics of an answer on a fold with known targets, the error by ad; seen and unseen targets apart.

    Users who click the same ad are answered alike, so that a Score hangs on few popular ads of one day.
    """
    ranks, weights = rank_targets(fold, top), list_weights(fold, host)
    assert fold.unseen is not None
    scores: dict[str, Any] = mean_scores(ranks, weights, fold.target)
    for name, part in (("seen", ~fold.unseen), ("unseen", fold.unseen)):
        scores[name] = mean_scores(ranks[part], weights[part])["score"] if part.any() else None
    scores["unseen_share"] = float(fold.unseen.mean()) if len(fold.unseen) else 0.0
    return scores


def evaluate_ways(fold: Fold, answers: FoldAnswers, host: HostSettings) -> dict[str, dict[str, Any]]:
    """The scores of each way to answer."""
    return {name: evaluate(fold, top, host) for name, top in answers.ways.items()}


def judge_ways(fold: Fold, answers: FoldAnswers, host: HostSettings, answer: str, learned: int) -> Chain:
    """Which way to answer is handed in; users who click one ad are right or wrong together.

    ``learned``: the lists that the hold-out's ranker learned from, of queries whose target was retrieved. The test's
    learns from the hold-out's as well: where the one had few, it says little of the other, and the ranker stays.
    """
    scores = {name: score_answers(rank_targets(fold, top)) for name, top in answers.ways.items()}
    chain = judge_chain(("ranker.answer", answer), scores, list_weights(fold, host), fold.target)
    if answer != AUTO or learned >= FEWEST_LEARNED:
        return chain
    test = learned + int((answers.known_rank > 0).sum())
    reason = f"the hold-out's ranker learned from {learned:,} lists that hold the target, the test's from {test:,}"
    reason += f": not judged below {FEWEST_LEARNED:,}"
    return replace(chain, answer=chain.last, decision=Decision("ranker.answer", chain.last, reason))


def list_weights(fold: Fold, host: HostSettings) -> Floats:
    """What each query of a fold with known targets counts for, by its action (round 2)."""
    assert fold.target_action is not None
    return np.array(host.weights)[np.maximum(fold.target_action, 0)]


def score_queries(fold: Fold, top: TopK, host: HostSettings) -> Floats:
    """What each query of a fold with known targets adds to the Score, weighted by its action (round 2)."""
    return weigh_scores(score_answers(rank_targets(fold, top)), list_weights(fold, host))


def expect_score(fold: Fold, top: TopK, host: HostSettings, times: bool) -> dict[str, float]:
    """The Score that the truth is expected to have, and the error of that: how far the truth's may lie from the
    hold-out's for reasons that the queries do not show. Zeros where nobody was asked.

    Without ``times`` the truth is one event further on than the hold-out: from one event to the next a rule of counts,
    fitted anew for each, moved by 11 % (Amazon Beauty) and 10 % (Last.fm), in no lasting direction.
    """
    scores = evaluate(fold, top, host)
    score, by_ad = scores["score"], scores["score_error"]
    further = EVENT_STEP * score if not times else 0.0
    return {"score": score, "error": math.hypot(by_ad, further), "error by ad": by_ad}


def say_expected(expected: dict[str, float], other_question: str) -> None:
    """One line for the console; ``other_question``: how the hold-out's differs from the test's, if it does."""
    by_ad, but = expected["error by ad"], f", {other_question}" if other_question else ""
    say(f"  expected Score on the truth: {expected['score']:.4f} ± {expected['error']:.4f} (by ad ± {by_ad:.4f}){but}")
