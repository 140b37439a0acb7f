"""Plain peers: models of one page each, measured on the same rows as the pipeline, which has to beat them.

They are what a careful analyst writes in an afternoon on the ``core_`` and ``lift_`` blocks. Each calls its library
itself, with fixed rounds: no early stop, as the rows to score are the only ones beside the training rows, and nothing
may be chosen on them. What the pipeline's own fits become changes no peer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray

from common.engine.resources import count_threads
from common.learning.conditional_logit import fit_logit
from common.learning.dataset import RankingDataset, check_columns
from common.learning.listwise_softmax import softmax_gradients

Scores = NDArray[np.float64]
Parameters = dict[str, Any]

COMPARISONS = ("core", "lift")  # the blocks of features that peers learn from
UNTUNED_ROUNDS = 100  # LightGBM's default
YETI_ROUNDS, YETI_RATE, YETI_DEPTH = 300, 0.1, 6  # as the contest's public CatBoost notebook has them
LOGIT_L2 = 0.03
SOFTMAX_ROUNDS, SOFTMAX_SEEDS = 300, 4
LEAST_CURVATURE = 1e-4  # a leaf of rows whose probability is near 0 or 1 takes no step without bound


class Peer(NamedTuple):
    """A model by the ``key`` and the ``title`` of its rung, on the ``COMPARISONS``.

    ``score(train, valid, seed)``: fitted on all rows of ``train``, the scores (n,) of the n >= 1 rows of ``valid``,
    finite, higher is better, comparable within a query only. Of ``valid`` only the features are read. Features are
    finite, or NaN where missing. Training queries without a booked row are allowed, but not such queries alone.
    """

    key: str
    title: str
    score: Callable[[RankingDataset, RankingDataset, int], Scores]


def score_untuned_lightgbm(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """LambdaRank as LightGBM comes: 100 rounds, learning rate 0.1, 31 leaves. Scores (n,) of the valid rows."""
    return _boost_lightgbm(train, valid, {"objective": "lambdarank", "seed": seed}, UNTUNED_ROUNDS)


def score_yetirank(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """CatBoost's ranker as public baselines have it, by YetiRank. Scores (n,) of the valid rows."""
    import catboost

    check_columns(train.names, valid.names, "What a peer is to score")
    model = catboost.CatBoost(
        {
            "loss_function": "YetiRank",
            "iterations": YETI_ROUNDS,
            "learning_rate": YETI_RATE,
            "depth": YETI_DEPTH,
            "random_seed": seed,
            "thread_count": count_threads()["openmp"],  # CatBoost itself does not read OMP_NUM_THREADS
            "allow_writing_files": False,
            "verbose": False,
        }
    )
    model.fit(catboost.Pool(train.features, train.labels, group_id=train.query_numbers))
    return np.asarray(model.predict(valid.features), dtype=np.float64)


def score_logit(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """Conditional logit with an l2 of 0.03; the seed has nothing to decide. Scores (n,): the rows' utilities."""
    return fit_logit(train, LOGIT_L2).predict(valid.names, valid.features)


def score_lightgbm_softmax(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """Softmax loss on LightGBM's extremely randomised trees, four seeds averaged. Scores (n,) of the valid rows."""
    settings = {
        "objective": differentiate_softmax,
        "learning_rate": 0.04,
        "num_leaves": 7,
        "min_data_in_leaf": 30,
        "feature_fraction": 0.3,
        "lambda_l2": 5.0,
        "extra_trees": True,
    }
    seeds = range(seed * SOFTMAX_SEEDS, (seed + 1) * SOFTMAX_SEEDS)  # another ``seed`` shares none of them
    scores = [_boost_lightgbm(train, valid, settings | {"seed": own}, SOFTMAX_ROUNDS) for own in seeds]
    return np.asarray(np.mean(scores, axis=0))


PEERS = (
    Peer("lightgbm-untuned", "untuned LightGBM lambdarank", score_untuned_lightgbm),
    Peer("catboost-yetirank", "CatBoost YetiRank", score_yetirank),
    Peer("logit", "conditional logit", score_logit),
    Peer("lightgbm-softmax", f"LightGBM softmax, {SOFTMAX_SEEDS} seeds", score_lightgbm_softmax),
)


def differentiate_softmax(scores: Scores, data: Any) -> tuple[Scores, Scores]:
    """``softmax_gradients`` for LightGBM with the second derivative doubled, and at least ``LEAST_CURVATURE``.

    ``data`` is the training set, with labels and groups. The diagonal leaves out that the rows of a query move
    together; twice as large, it bounds the full second derivative, so that no step of a leaf goes too far.
    """
    first, second = softmax_gradients(scores, data.get_label(), data.get_group())
    return first, np.maximum(2 * second, LEAST_CURVATURE)


def _boost_lightgbm(train: RankingDataset, valid: RankingDataset, settings: Parameters, rounds: int) -> Scores:
    check_columns(train.names, valid.names, "What a peer is to score")
    fixed = {"deterministic": True, "force_row_wise": True, "verbose": -1}
    data = lightgbm.Dataset(train.features, train.labels, group=train.group_sizes)
    model = lightgbm.train(fixed | settings, data, rounds)
    return np.asarray(model.predict(valid.features, raw_score=True), dtype=np.float64)
