"""Plain peers: models of one page each, measured on the same rows as the pipeline, which has to beat them.

Those on the ``core_`` and ``lift_`` blocks are what a careful analyst writes in an afternoon. The public ones are the
models of the competition's public notebooks on the blocks that these learn from; the figures beside them are those
notebooks' public leaderboard scores (HitRate@3; source: Kaggle FlightRank 2025, leaderboard and public notebooks).

Each peer calls its library itself, with fixed rounds: no early stop, as the rows to score are the only ones beside
the training rows, and nothing may be chosen on them. What the pipeline's own fits become changes no peer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from common.learning.conditional_logit import fit_logit
from common.learning.dataset import RankingDataset, check_columns
from common.learning.listwise_softmax import softmax_gradients

Scores = NDArray[np.float64]
Settings = dict[str, Any]

UNTUNED_ROUNDS = 100  # LightGBM's default
LOGIT_L2 = 0.03
SOFTMAX_ROUNDS, SOFTMAX_SEEDS = 300, 4
PUBLIC_ROUNDS = 300
LEAST_CURVATURE = 1e-4  # a leaf of rows whose probability is near 0 or 1 takes no step without bound

COMPARISONS = ("core", "lift")
PUBLIC = ("public",)


@dataclass(frozen=True)
class Peer:
    """A model, and the feature ``blocks`` that its caller cuts both data sets to (``gather``).

    ``key``, ``title``: of its rung.

    ``score(train, valid, seed)``: fitted on all rows of ``train``, the scores (n,) of the n >= 1 rows of ``valid``,
    finite, higher is better, comparable within a query only. Of ``valid`` only the features are read. Features are
    finite, or NaN where missing. Training queries without a booked row are allowed, but not only such: CatBoost's
    peers raise ``CatBoostError`` where all labels are alike.
    """

    key: str
    title: str
    score: Callable[[RankingDataset, RankingDataset, int], Scores]
    blocks: tuple[str, ...]


def score_untuned_lightgbm(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """LambdaRank as LightGBM comes: 100 rounds, learning rate 0.1, 31 leaves. Scores (n,) of the valid rows."""
    return _boost_lightgbm(train, valid, {"objective": "lambdarank", "seed": seed}, UNTUNED_ROUNDS)


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


def score_public_lightgbm(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """LightGBM's LambdaRank as in a public notebook: public leaderboard 0.4216. Scores (n,) of the valid rows.

    The notebook watches NDCG@3; with fixed rounds nothing is watched.
    """
    settings = {"objective": "lambdarank", "learning_rate": 0.05, "num_leaves": 31, "seed": seed}
    return _boost_lightgbm(train, valid, settings, PUBLIC_ROUNDS)


def score_public_xgboost(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """XGBoost's pairwise loss as in a public notebook: public leaderboard 0.4839. Scores (n,) of the valid rows."""
    settings = {
        "objective": "rank:pairwise",
        "learning_rate": 0.05,
        "max_depth": 8,
        "tree_method": "hist",
        "seed": seed,
        "verbosity": 0,
    }
    _check(train, valid)
    data = xgboost.QuantileDMatrix(train.features, train.labels, qid=train.query_numbers, missing=np.nan)
    model = xgboost.train(settings, data, PUBLIC_ROUNDS)
    scores = model.inplace_predict(valid.features, predict_type="margin", missing=np.nan)
    return np.asarray(scores, dtype=np.float64)


def score_public_catboost(train: RankingDataset, valid: RankingDataset, seed: int) -> Scores:
    """CatBoost's YetiRank as in a public notebook: public leaderboard 0.4392. Scores (n,) of the valid rows."""
    settings = {"loss_function": "YetiRank", "depth": 6, "learning_rate": 0.1, "random_seed": seed}
    fixed = {"iterations": PUBLIC_ROUNDS, "verbose": False, "allow_writing_files": False}
    _check(train, valid)
    model = catboost.CatBoost(fixed | settings)
    model.fit(catboost.Pool(train.features, train.labels, group_id=train.query_numbers))
    return np.asarray(model.predict(valid.features, prediction_type="RawFormulaVal"), dtype=np.float64)


PEERS = (
    Peer("lightgbm-untuned", "untuned LightGBM lambdarank", score_untuned_lightgbm, COMPARISONS),
    Peer("logit", "conditional logit", score_logit, COMPARISONS),
    Peer("lightgbm-softmax", f"LightGBM softmax, {SOFTMAX_SEEDS} seeds", score_lightgbm_softmax, COMPARISONS),
    Peer("public-lightgbm", "public LightGBM", score_public_lightgbm, PUBLIC),
    Peer("public-xgboost", "public XGBoost", score_public_xgboost, PUBLIC),
    Peer("public-catboost", "public CatBoost YetiRank", score_public_catboost, PUBLIC),
)


def differentiate_softmax(scores: Scores, data: Any) -> tuple[Scores, Scores]:
    """``softmax_gradients`` for LightGBM with the second derivative doubled, and at least ``LEAST_CURVATURE``.

    ``data`` is the training set, with labels and groups. The diagonal leaves out that the rows of a query move
    together; twice as large, it bounds the full second derivative, so that no step of a leaf goes too far.
    """
    first, second = softmax_gradients(scores, data.get_label(), data.get_group())
    return first, np.maximum(2 * second, LEAST_CURVATURE)


def _boost_lightgbm(train: RankingDataset, valid: RankingDataset, settings: Settings, rounds: int) -> Scores:
    _check(train, valid)
    fixed = {"deterministic": True, "force_row_wise": True, "verbose": -1}
    data = lightgbm.Dataset(train.features, train.labels, group=train.group_sizes)
    model = lightgbm.train(fixed | settings, data, rounds)
    return np.asarray(model.predict(valid.features, raw_score=True), dtype=np.float64)


def _check(train: RankingDataset, valid: RankingDataset) -> None:
    check_columns(train.names, valid.names, "What a peer is to score")
