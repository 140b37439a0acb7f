"""Four rankers behind one pair of functions: fit with an early stop (or for a number of rounds), and predict.

Parameters go to the libraries under their own names. Only float32 matrices cross over: LightGBM aborts the process on
a frame with strings or dates, CatBoost crashes on dates, XGBoost's versions disagree about categories.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import catboost
import lightgbm
import numpy as np
import polars as pl
import xgboost
from numpy.typing import NDArray

from common.metrics import reciprocal_ranks

Matrix = NDArray[np.float32]
ALLOWED = (pl.Float32, pl.Float64, pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to score, those of one query together.

    ``features`` (n, d) float32, NaN = missing; ``labels`` (n,) 0 or 1; ``sizes``: rows of each query, summing to n.
    """

    names: tuple[str, ...]
    features: Matrix
    labels: NDArray[np.float32]
    sizes: NDArray[np.int32]


@dataclass(frozen=True)
class Ranker:
    """A fitted model, the library's own, with the rounds it was given."""

    kind: str
    model: Any
    rounds: int
    gain: dict[str, float]


def to_matrix(frame: pl.DataFrame) -> Matrix:
    """The frame as float32, null as NaN; a column that is not a number is refused by name."""
    wrong = [f"{name} ({dtype})" for name, dtype in frame.schema.items() if dtype not in ALLOWED]
    if wrong:
        raise TypeError(f"features must be numbers of at most 32 bits or floats; encode {', '.join(wrong)}")
    matrix: Matrix = np.empty(frame.shape, np.float32)
    for place, name in enumerate(frame.columns):
        matrix[:, place] = frame[name].cast(pl.Float32).to_numpy()
    return matrix


def fit(
    kind: str, parameters: Mapping[str, Any], train: Rows, valid: Rows | None, rounds: int, patience: int, seed: int
) -> Ranker:
    """Fit a model on ``train``, until NDCG@5 (XGBoost: MRR@5) on ``valid`` has not risen for ``patience`` rounds."""
    fitters = {
        "lightgbm_lambdarank": _fit_lightgbm,
        "lightgbm_binary": _fit_lightgbm,
        "xgboost": _fit_xgboost,
        "catboost": _fit_catboost,
    }
    model, used, gain = fitters[kind](dict(parameters), train, valid, rounds, patience, seed)
    return Ranker(kind, model, used, dict(zip(train.names, gain, strict=True)))


def predict(ranker: Ranker, features: Matrix) -> NDArray[np.float64]:
    """Scores of rows, higher is better; comparable within a query only."""
    if ranker.kind == "xgboost":
        return np.asarray(ranker.model.inplace_predict(features, predict_type="margin"), dtype=np.float64)
    if ranker.kind == "catboost":
        return np.asarray(ranker.model.predict(features, prediction_type="RawFormulaVal"), dtype=np.float64)
    return np.asarray(ranker.model.predict(features, raw_score=True), dtype=np.float64)


Fit = tuple[Any, int, Sequence[float]]


def _fit_lightgbm(
    parameters: dict[str, Any], train: Rows, valid: Rows | None, rounds: int, patience: int, seed: int
) -> Fit:
    fixed = {
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
        "metric": "ndcg",
        "eval_at": [5],
    }
    data = lightgbm.Dataset(train.features, train.labels, group=train.sizes, feature_name=list(train.names))
    if valid is None:
        model = lightgbm.train(fixed | parameters, data, rounds)
        return model, rounds, model.feature_importance("gain").tolist()
    held = lightgbm.Dataset(valid.features, valid.labels, group=valid.sizes, reference=data)
    stop = lightgbm.early_stopping(patience, verbose=False)
    model = lightgbm.train(fixed | parameters, data, rounds, [held], callbacks=[stop])
    return model, model.best_iteration, model.feature_importance("gain", model.best_iteration).tolist()


def _fit_xgboost(
    parameters: dict[str, Any], train: Rows, valid: Rows | None, rounds: int, patience: int, seed: int
) -> Fit:
    fixed = {"seed": seed, "tree_method": "hist", "disable_default_eval_metric": True, "verbosity": 0}
    settings = fixed | parameters
    data = _quantise(train, settings, None)
    held = [] if valid is None else [(_quantise(valid, settings, data), "valid")]
    stop = None if valid is None else patience
    watch = None if valid is None else functools.partial(_watch_mrr, valid)
    model = xgboost.train(
        settings,
        data,
        rounds,
        evals=held,
        custom_metric=watch,
        maximize=True,
        early_stopping_rounds=stop,
        verbose_eval=False,
    )
    used = rounds if valid is None else model.best_iteration + 1
    kept = model[:used]
    gain = kept.get_score(importance_type="total_gain")
    return kept, used, [float(gain.get(name, 0.0)) for name in train.names]  # type: ignore[arg-type]


def _watch_mrr(valid: Rows, scores: Matrix, _: Any) -> tuple[str, float]:
    """MRR@5 for the early stop: XGBoost's own ndcg takes longer than the round that it judges."""
    return "mrr@5", float(reciprocal_ranks(scores.astype(np.float64), valid.labels, valid.sizes, 5).mean())


def _quantise(rows: Rows, settings: Mapping[str, Any], reference: Any) -> Any:
    groups = np.repeat(np.arange(len(rows.sizes)), rows.sizes)
    return xgboost.QuantileDMatrix(
        rows.features,
        rows.labels,
        qid=groups,
        feature_names=list(rows.names),
        max_bin=settings.get("max_bin", 256),
        ref=reference,
    )


def _fit_catboost(
    parameters: dict[str, Any], train: Rows, valid: Rows | None, rounds: int, patience: int, seed: int
) -> Fit:
    fixed = {"random_seed": seed, "verbose": False, "allow_writing_files": False, "eval_metric": "NDCG:top=5"}
    settings = fixed | parameters | {"iterations": rounds}
    if valid is not None:
        settings |= {"od_type": "Iter", "od_wait": patience, "use_best_model": True}
    model = catboost.CatBoost(settings)
    model.fit(_pool(train), eval_set=None if valid is None else _pool(valid))
    gain = model.get_feature_importance(type="PredictionValuesChange")
    return model, model.tree_count_, [float(value) for value in gain]


def _pool(rows: Rows) -> Any:
    groups = np.repeat(np.arange(len(rows.sizes)), rows.sizes)
    return catboost.Pool(rows.features, rows.labels, group_id=groups, feature_names=list(rows.names))
