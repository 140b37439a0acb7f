"""Rankers behind one pair of functions: fit with an early stop (or for a number of rounds), and predict.

A kind begins with its family, so that several recipes of one library can stand side by side: ``xgboost_pairwise``,
``xgboost_ndcg``. Parameters go to the libraries under their own names. Only float32 matrices cross over: LightGBM
aborts the process on a frame with strings or dates, CatBoost crashes on dates, XGBoost's versions disagree about
categories.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import catboost
import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from common.errors import UserError
from common.metrics import reciprocal_ranks
from common.ranking.conditional_logit import fit_logit
from common.ranking.dataset import Matrix, RankingDataset, to_matrix
from common.ranking.listwise_softmax import lightgbm_likelihood, lightgbm_softmax, log_likelihoods, softmax_gradients

__all__ = ["Matrix", "Ranker", "RankingDataset", "fit", "predict", "to_matrix"]


@dataclass(frozen=True)
class Ranker:
    """A fitted model, the library's own, with the rounds it was given and each feature's ``gain``.

    ``curve``: what the early stop watched after every round, higher is better; empty where nothing was watched.
    """

    kind: str
    model: Any
    rounds: int
    gain: dict[str, float]
    curve: tuple[float, ...] = ()
    metric: str = ""


def fit(
    kind: str,
    parameters: Mapping[str, Any],
    train: RankingDataset,
    valid: RankingDataset | None,
    rounds: int,
    patience: int,
    seed: int,
    *,
    cutoff: int = 5,
    likelihood: bool = False,
) -> Ranker:
    """Fit a model on ``train`` for at most ``rounds`` rounds.

    With ``valid`` the fit ends where its NDCG@cutoff (XGBoost: MRR@cutoff; logit: likelihood) has not risen for
    ``patience`` rounds, and the rounds up to the best are kept. ``likelihood``: the softmax losses stop by their own
    likelihood instead, which moves with every query where NDCG at a small cutoff jumps. Raises ``UserError`` for a
    kind of no family.
    """
    task = Task(dict(parameters), train, valid, rounds, patience, seed, cutoff, likelihood)
    fitters = {
        "lightgbm_softmax": _fit_lightgbm_softmax,
        "lightgbm": _fit_lightgbm,
        "xgboost_softmax": _fit_xgboost_softmax,
        "xgboost": _fit_xgboost,
        "catboost": _fit_catboost,
        "logit": _fit_logit,
    }
    for family, fitter in fitters.items():
        if kind.startswith(family):
            if family.endswith("_softmax") and "objective" in parameters:
                raise UserError(f"{family} has an objective of its own: take `objective` out of its parameters.")
            away = remote_fitter.get()
            model, used, gain, watched = (away and away(family, task)) or fitter(task)
            return Ranker(kind, model, used, dict(zip(train.names, gain, strict=True)), *watched)
    raise UserError(f"There is no ranker {kind!r}: the name of a kind begins with one of {', '.join(fitters)}.")


def predict(ranker: Ranker, features: Matrix) -> NDArray[np.float64]:
    """Scores of rows, higher is better; comparable within a query only."""
    if ranker.kind.startswith("xgboost"):
        scores = ranker.model.inplace_predict(features, predict_type="margin")
    elif ranker.kind.startswith("catboost"):
        scores = ranker.model.predict(features, prediction_type="RawFormulaVal")
    elif ranker.kind.startswith("logit"):
        scores = ranker.model.predict(features)
    else:
        scores = ranker.model.predict(features, raw_score=True)
    return np.asarray(scores, dtype=np.float64)


def score_rows(names: Sequence[str], features: Matrix, rankers: Sequence[Ranker]) -> NDArray[np.float64]:
    """Each ranker's scores of the rows: (rows, rankers). A ranker is given the features that it was fitted on."""
    scores = np.empty((len(features), len(rankers)))
    place = {name: i for i, name in enumerate(names)}
    for column, ranker in enumerate(rankers):
        own = [place[name] for name in ranker.gain]
        scores[:, column] = predict(ranker, features if len(own) == len(names) else features[:, own])
    return scores


class Task(NamedTuple):
    """The arguments of ``fit`` under way to a family."""

    parameters: dict[str, Any]
    train: RankingDataset
    valid: RankingDataset | None
    rounds: int
    patience: int
    seed: int
    cutoff: int
    likelihood: bool


Watched = tuple[tuple[float, ...], str]  # the curve, and the metric's name
Fit = tuple[Any, int, Sequence[float], Watched]
UNWATCHED: Watched = ((), "")


def read_curve(results: Mapping[str, Mapping[str, Sequence[float]]]) -> Watched:
    """The only curve of the only data set that was watched; what falls as the fit improves is turned over."""
    for curves in results.values():
        for name, values in curves.items():
            sign = -1.0 if name == "QuerySoftMax" else 1.0
            return tuple(sign * float(value) for value in values), name
    return UNWATCHED


# Set while fits are to run on other machines: gets a family and a task, returns None for what has to be fitted here.
# Where a fit runs is not what it computes: so it is no argument of a step, and nothing of it is in a step's key.
remote_fitter: ContextVar[Callable[[str, Task], Fit | None] | None] = ContextVar("elsewhere", default=None)


def _fit_lightgbm_softmax(task: Task) -> Fit:
    return _fit_lightgbm(task._replace(parameters=task.parameters | {"objective": lightgbm_softmax}))


def plan_lightgbm(task: Task) -> dict[str, Any]:
    """The settings of a fit by LightGBM, under its own names."""
    fixed = {
        "seed": task.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
        "metric": "ndcg",
        "eval_at": [task.cutoff],
    }
    return fixed | task.parameters


def _fit_lightgbm(task: Task) -> Fit:
    train, valid, settings = task.train, task.valid, plan_lightgbm(task)
    data = lightgbm.Dataset(train.features, train.labels, group=train.group_sizes, feature_name=list(train.names))
    if valid is None:
        model = lightgbm.train(settings, data, task.rounds)
        return model, task.rounds, model.feature_importance("gain").tolist(), UNWATCHED
    held = lightgbm.Dataset(valid.features, valid.labels, group=valid.group_sizes, reference=data)
    stop = lightgbm.early_stopping(task.patience, verbose=False)
    likelihood = task.likelihood and settings.get("objective") is lightgbm_softmax
    watch = lightgbm_likelihood if likelihood else None
    if likelihood:
        settings["metric"] = "none"
    course: dict[str, dict[str, list[float]]] = {}
    notes: list[Any] = [stop, lightgbm.record_evaluation(course)]
    model = lightgbm.train(settings, data, task.rounds, [held], feval=watch, callbacks=notes)
    gain = model.feature_importance("gain", model.best_iteration).tolist()
    return model, model.best_iteration, gain, read_curve(course)


def _fit_xgboost_softmax(task: Task) -> Fit:
    return _fit_xgboost(task, functools.partial(_softmax_slopes, task.train))


def plan_xgboost(task: Task) -> dict[str, Any]:
    """The settings of a fit by XGBoost, under its own names."""
    fixed = {"seed": task.seed, "tree_method": "hist", "disable_default_eval_metric": True, "verbosity": 0}
    return fixed | task.parameters


def _fit_xgboost(task: Task, softmax: Any = None) -> Fit:
    train, valid, settings = task.train, task.valid, plan_xgboost(task)
    data = _quantise(train, settings, None)
    held = [] if valid is None else [(_quantise(valid, settings, data), "valid")]
    stop = None if valid is None else task.patience
    watch = None
    if valid is not None and task.likelihood and softmax:
        watch = functools.partial(_watch_likelihood, valid)
    elif valid is not None:
        watch = functools.partial(_watch_mrr, valid, task.cutoff)
    course: dict[str, dict[str, list[float]]] = {}
    model = xgboost.train(
        settings,
        data,
        task.rounds,
        evals=held,
        obj=softmax,
        custom_metric=watch,
        maximize=True,
        early_stopping_rounds=stop,
        evals_result=course,
        verbose_eval=False,
    )
    used = task.rounds if valid is None else model.best_iteration + 1
    return keep_xgboost(model, used, train.names, course)


def keep_xgboost(model: xgboost.Booster, used: int, names: Sequence[str], course: Any) -> Fit:
    """The first ``used`` rounds of a model, each feature's gain in them, and the curve out of XGBoost's results."""
    kept = model[:used]
    gain = kept.get_score(importance_type="total_gain")
    return kept, used, [float(gain.get(name, 0.0)) for name in names], read_curve(course)  # type: ignore[arg-type]


def _watch_mrr(valid: RankingDataset, cutoff: int, scores: Matrix, _: Any) -> tuple[str, float]:
    """MRR for the early stop: XGBoost's own ndcg takes longer than the round that it judges."""
    found = reciprocal_ranks(scores.astype(np.float64), valid.labels, valid.group_sizes, cutoff)
    return f"mrr@{cutoff}", float(found.mean())


def _watch_likelihood(valid: RankingDataset, scores: Matrix, _: Any) -> tuple[str, float]:
    found = log_likelihoods(scores.astype(np.float64), valid.labels, valid.group_sizes)
    return "likelihood", float(found.mean())


def _softmax_slopes(train: RankingDataset, scores: Matrix, _: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return softmax_gradients(scores.astype(np.float64), train.labels, train.group_sizes)


def _quantise(rows: RankingDataset, settings: Mapping[str, Any], reference: Any) -> Any:
    groups = np.repeat(np.arange(len(rows.group_sizes)), rows.group_sizes)
    return xgboost.QuantileDMatrix(
        rows.features,
        rows.labels,
        qid=groups,
        feature_names=list(rows.names),
        max_bin=settings.get("max_bin", 256),
        ref=reference,
    )


def _fit_catboost(task: Task) -> Fit:
    fixed = {
        "random_seed": task.seed,
        "verbose": False,
        "allow_writing_files": False,
        "eval_metric": f"NDCG:top={task.cutoff};hints=skip_train~true",
    }
    if task.likelihood and task.parameters.get("loss_function") == "QuerySoftMax":
        fixed["eval_metric"] = "QuerySoftMax:hints=skip_train~true"
    settings = fixed | task.parameters | {"iterations": task.rounds}
    if task.valid is not None:
        settings |= {"od_type": "Iter", "od_wait": task.patience, "use_best_model": True}
    model = catboost.CatBoost(settings)
    model.fit(_pool(task.train), eval_set=None if task.valid is None else _pool(task.valid))
    gain = model.get_feature_importance(type="PredictionValuesChange")
    watched = model.get_evals_result().get("validation", {})
    ranked = {name: values for name, values in watched.items() if name.startswith("NDCG")}
    course = read_curve({"validation": ranked or watched})
    return model, model.tree_count_, [float(value) for value in gain], course


def _pool(rows: RankingDataset) -> Any:
    groups = np.repeat(np.arange(len(rows.group_sizes)), rows.group_sizes)
    return catboost.Pool(rows.features, rows.labels, group_id=groups, feature_names=list(rows.names))


def _fit_logit(task: Task) -> Fit:
    """Iterations take the place of rounds; the seed has nothing to decide."""
    unknown = sorted(task.parameters.keys() - {"l2", "iterations"})
    if unknown:
        raise UserError(f"The logit has no parameter {unknown[0]}: it takes l2 and iterations.")
    l2 = float(task.parameters.get("l2", 1e-4))
    rounds = min(task.rounds, int(task.parameters.get("iterations", task.rounds)))
    model = fit_logit(task.train, task.valid, l2, rounds, task.patience)
    return model, model.rounds, model.gain(), UNWATCHED
