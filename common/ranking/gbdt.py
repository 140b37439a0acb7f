"""Rankers behind three functions: ``fit`` with an early stop, ``refit`` on everything, ``predict``.

A kind begins with its family, so that several recipes of one library can stand side by side: ``xgboost_pairwise``,
``xgboost_ndcg``. Parameters go to the libraries under their own names. Only float32 matrices cross over: LightGBM
aborts the process on a frame with strings or dates, CatBoost crashes on dates, XGBoost's versions disagree about
categories.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from common.errors import UserError
from common.metrics import reciprocal_ranks
from common.ranking.conditional_logit import fit_logit
from common.ranking.dataset import Matrix, RankingDataset, drop_small_groups, join_datasets, take_blocks
from common.ranking.listwise_softmax import lightgbm_likelihood, lightgbm_softmax, log_likelihoods, softmax_gradients

LONGEST_MESSAGE = 200
MANY_FEATURES = 0.8  # of them drawn for a tree: LightGBM counts row by row
LIBRARY_ERRORS = (lightgbm.basic.LightGBMError, xgboost.core.XGBoostError, catboost.CatBoostError)
# Where in the library's own code a message comes from: before the message, or behind it.
SOURCE_PLACE = re.compile(r"^(\[[\d:]+\] )?\S+\.(cc|cpp|h|hpp):\d+: | at \S+, line \d+[ .]*$")
Datasets = RankingDataset | Sequence[RankingDataset]  # several parts are learned from as one


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted: the library's ``parameters`` under its own names, and when the fit ends.

    At most ``rounds`` rounds; fewer where validation has not improved for ``patience`` of them. With a patience of 0
    all rounds are taken: few validation queries stop a fit by chance. Validation is NDCG@cutoff (XGBoost: MRR@cutoff;
    logit: likelihood). ``likelihood``: the softmax losses stop by their own likelihood instead, which moves with every
    query where NDCG at a small cutoff jumps. ``blocks``: only features of these blocks, None for all.
    ``min_group_size``: queries of fewer rows are left out (a query of one row says nothing about choice).
    ``base_margin``: the feature whose value a row's score starts from (a score that is known before, which trees need
    not find again); missing is 0. ``seeds``: so many fits, by ``seed`` and those after it, whose scores are averaged.
    """

    kind: str
    parameters: Mapping[str, Any]
    rounds: int
    patience: int
    seed: int
    cutoff: int = 5
    likelihood: bool = False
    blocks: tuple[str, ...] | None = None
    min_group_size: int = 1
    base_margin: str | None = None
    seeds: int = 1


@dataclass(frozen=True)
class Ranker:
    """A fitted model, the library's own, with the rounds that it predicts by and each feature's ``gain``.

    ``curve``: what the early stop watched after every round, higher is better; empty where nothing was watched.
    ``base_margin``: the feature that scores start from. ``others``: the fits by further seeds; scores are the mean.
    """

    kind: str
    model: Any
    rounds: int
    gain: dict[str, float]
    curve: tuple[float, ...] = ()
    metric: str = ""
    base_margin: str | None = None
    others: tuple["Ranker", ...] = ()


def fit(recipe: Recipe, train: Datasets, valid: RankingDataset | None = None, *, whole: bool = False) -> Ranker:
    """Fit a model on ``train``, stopped early by ``valid`` where there is one: the rounds up to the best are kept.

    ``whole``: all rounds that were grown are kept, and count; see ``shorten``. Raises ``UserError`` for a kind of no
    family, for a base margin that is no feature of the rows, and where the library refuses a parameter or the rows.
    """
    family, fitter = _find_family(recipe)
    data = _select(recipe, train)
    if recipe.base_margin is not None and recipe.base_margin not in data.names:
        raise UserError(f"The base margin {recipe.base_margin!r} is not among the features of the ranker.")
    held = _select(recipe, valid) if valid is not None and recipe.patience else None
    first, *others = [
        _fit_one(family, fitter, FitTask(replace(recipe, seed=recipe.seed + number), data, held, whole))
        for number in range(recipe.seeds)
    ]
    return replace(first, others=tuple(others))


def _fit_one(family: str, fitter: Callable[["FitTask"], "Fit"], task: "FitTask") -> Ranker:
    remote = remote_fitter.get()
    try:
        model, used, gain, (curve, metric) = (remote and remote(family, task)) or fitter(task)
    except LIBRARY_ERRORS as error:
        if (
            not len(task.train.features)
            or (np.nanmax(task.train.features, 0) == np.nanmin(task.train.features, 0)).all()
        ):
            raise UserError(
                f"{task.recipe.kind} has nothing to learn from: no feature varies over its rows."
            ) from error
        raise UserError(
            f"{task.recipe.kind} cannot be fitted, its library says: {_first_line(error)}. Correct its parameters: the "
            f"section of {task.recipe.kind} in config.toml, or --set."
        ) from error
    shares = dict(zip(task.train.names, gain, strict=True))
    return Ranker(task.recipe.kind, model, used, shares, curve, metric, task.recipe.base_margin)


def _first_line(error: Exception) -> str:
    """What a library complains of, without the place in its source code and without its stack."""
    return SOURCE_PLACE.sub("", str(error).strip().partition("\n")[0]).rstrip(" .")[:LONGEST_MESSAGE]


def shorten(ranker: Ranker, rounds: int) -> Ranker:
    """The ranker as it was after so many rounds; a logit has none to take away."""
    return replace(ranker, rounds=rounds, others=tuple(replace(other, rounds=rounds) for other in ranker.others))


def refit(recipe: Recipe, early: Ranker | Sequence[Ranker], parts: Datasets) -> Ranker:
    """Fit on everything (training and validation rows), for the rounds that the early stop chose.

    Where several validation sets stopped a fit each, the mean of their rounds is taken.
    """
    fits = [early] if isinstance(early, Ranker) else early
    rounds = max(round(sum(ranker.rounds for ranker in fits) / len(fits)), 1)
    return fit(replace(recipe, rounds=rounds, patience=0), parts)


def _select(recipe: Recipe, datasets: Datasets) -> RankingDataset:
    """The rows and features that a recipe learns from, as one data set."""
    parts = [datasets] if isinstance(datasets, RankingDataset) else datasets
    chosen = [part if recipe.blocks is None else take_blocks(part, recipe.blocks) for part in parts]
    return join_datasets([drop_small_groups(part, recipe.min_group_size) for part in chosen])


def _find_family(recipe: Recipe) -> tuple[str, Callable[["FitTask"], "Fit"]]:
    fitters = {
        "lightgbm_softmax": _fit_lightgbm_softmax,
        "lightgbm": _fit_lightgbm,
        "xgboost_softmax": _fit_xgboost_softmax,
        "xgboost": _fit_xgboost,
        "catboost": _fit_catboost,
        "logit": _fit_logit,
    }
    family = next((family for family in fitters if recipe.kind.startswith(family)), None)
    if family is None:
        names = ", ".join(fitters)
        raise UserError(f"There is no ranker {recipe.kind!r}: the name of a kind begins with one of {names}.")
    if family.endswith("_softmax") and "objective" in recipe.parameters:
        raise UserError(f"{family} has an objective of its own: take `objective` out of its parameters.")
    return family, fitters[family]


def predict(ranker: Ranker, features: Matrix) -> NDArray[np.float64]:
    """Scores of rows, higher is better; comparable within a query only."""
    members = [_predict_one(member, features) for member in (ranker, *ranker.others)]
    scores = members[0] if len(members) == 1 else np.mean(members, axis=0)
    if ranker.base_margin is None:
        return scores
    return scores + read_margin(features, list(ranker.gain), ranker.base_margin)


def read_margin(features: Matrix, names: Sequence[str], base_margin: str) -> NDArray[np.float64]:
    """What scores start from: the feature of that name, 0 where it is missing."""
    return np.nan_to_num(features[:, list(names).index(base_margin)].astype(np.float64))


def _predict_one(ranker: Ranker, features: Matrix) -> NDArray[np.float64]:
    if ranker.kind.startswith("xgboost"):
        scores = ranker.model.inplace_predict(features, iteration_range=(0, ranker.rounds), predict_type="margin")
    elif ranker.kind.startswith("catboost"):
        scores = ranker.model.predict(features, prediction_type="RawFormulaVal", ntree_end=ranker.rounds)
    elif ranker.kind.startswith("logit"):
        scores = ranker.model.predict(features)
    else:
        scores = ranker.model.predict(features, raw_score=True, num_iteration=ranker.rounds)
    return np.asarray(scores, dtype=np.float64)


def score_rows(names: Sequence[str], features: Matrix, rankers: Sequence[Ranker]) -> NDArray[np.float64]:
    """Each ranker's scores of the rows: (rows, rankers). A ranker is given the features that it was fitted on."""
    scores = np.empty((len(features), len(rankers)))
    position = {name: i for i, name in enumerate(names)}
    for column, ranker in enumerate(rankers):
        own = [position[name] for name in ranker.gain]
        scores[:, column] = predict(ranker, features if len(own) == len(names) else features[:, own])
    return scores


@dataclass(frozen=True)
class FitTask:
    """A recipe and its data under way to a family's fitter; ``whole``: rounds beyond the best are kept."""

    recipe: Recipe
    train: RankingDataset
    valid: RankingDataset | None
    whole: bool = False

    def margin(self, rows: RankingDataset) -> NDArray[np.float64] | None:
        """What the scores of rows start from, None for nothing."""
        name = self.recipe.base_margin
        return None if name is None else read_margin(rows.features, rows.names, name)


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
remote_fitter: ContextVar[Callable[[str, FitTask], Fit | None] | None] = ContextVar("remote_fitter", default=None)


def _fit_lightgbm_softmax(task: FitTask) -> Fit:
    recipe = replace(task.recipe, parameters={**task.recipe.parameters, "objective": lightgbm_softmax})
    return _fit_lightgbm(replace(task, recipe=recipe))


def plan_lightgbm(task: FitTask) -> dict[str, Any]:
    """The settings of a fit by LightGBM, under its own names."""
    # Histograms by row copy all rows for each tree's draw of features: a third slower where half of them are drawn.
    by_column = float(task.recipe.parameters.get("feature_fraction", 1.0)) < MANY_FEATURES
    layout = {"force_col_wise": True} if by_column else {"force_row_wise": True}
    fixed = {"seed": task.recipe.seed, "deterministic": True, "verbose": -1, **layout}
    return {**fixed, "metric": "ndcg", "eval_at": [task.recipe.cutoff], **task.recipe.parameters}


def _fit_lightgbm(task: FitTask) -> Fit:
    train, valid, settings = task.train, task.valid, plan_lightgbm(task)
    data = lightgbm.Dataset(
        train.features,
        train.labels,
        group=train.group_sizes,
        init_score=task.margin(train),
        feature_name=list(train.names),
    )
    if valid is None:
        model = lightgbm.train(settings, data, task.recipe.rounds)
        return model, task.recipe.rounds, model.feature_importance("gain").tolist(), UNWATCHED
    held = lightgbm.Dataset(
        valid.features, valid.labels, group=valid.group_sizes, init_score=task.margin(valid), reference=data
    )
    stop = lightgbm.early_stopping(task.recipe.patience, verbose=False)
    likelihood = task.recipe.likelihood and settings.get("objective") is lightgbm_softmax
    watch = lightgbm_likelihood if likelihood else None
    if likelihood:
        settings["metric"] = "none"
    evaluations: dict[str, dict[str, list[float]]] = {}
    callbacks: list[Any] = [stop, lightgbm.record_evaluation(evaluations)]
    model = lightgbm.train(
        settings,
        data,
        task.recipe.rounds,
        [held],
        feval=watch,
        callbacks=callbacks,
        keep_training_booster=task.whole,
    )
    used = model.best_iteration
    if task.whole:  # a booster that is not kept so loses its trees after the best round
        model = model.model_from_string(model.model_to_string(num_iteration=-1)).free_dataset()
        used = model.num_trees()
    return model, used, model.feature_importance("gain", used).tolist(), read_curve(evaluations)


def _fit_xgboost_softmax(task: FitTask) -> Fit:
    return _fit_xgboost(task, functools.partial(_softmax_gradients, task.train))


def plan_xgboost(task: FitTask) -> dict[str, Any]:
    """The settings of a fit by XGBoost, under its own names."""
    fixed = {"seed": task.recipe.seed, "tree_method": "hist", "disable_default_eval_metric": True, "verbosity": 0}
    return {**fixed, **task.recipe.parameters}


def _fit_xgboost(task: FitTask, softmax: Any = None) -> Fit:
    train, valid, settings = task.train, task.valid, plan_xgboost(task)
    data = _quantise(train, task.margin(train), settings, None)
    held = [] if valid is None else [(_quantise(valid, task.margin(valid), settings, data), "valid")]
    stop = None if valid is None else task.recipe.patience
    watch = None
    if valid is not None and task.recipe.likelihood and softmax:
        watch = functools.partial(_watch_likelihood, valid)
    elif valid is not None:
        watch = functools.partial(_watch_mrr, valid, task.recipe.cutoff)
    evaluations: dict[str, dict[str, list[float]]] = {}
    model = xgboost.train(
        settings,
        data,
        task.recipe.rounds,
        evals=held,
        obj=softmax,
        custom_metric=watch,
        maximize=True,
        early_stopping_rounds=stop,
        evals_result=evaluations,
        verbose_eval=False,
    )
    used = model.num_boosted_rounds() if valid is None or task.whole else model.best_iteration + 1
    return keep_xgboost(model, used, train.names, evaluations)


def keep_xgboost(model: xgboost.Booster, used: int, names: Sequence[str], evaluations: Any) -> Fit:
    """The first ``used`` rounds of a model, each feature's gain in them, and the curve out of XGBoost's results."""
    kept = model[:used]
    gain = kept.get_score(importance_type="total_gain")
    return kept, used, [float(gain.get(name, 0.0)) for name in names], read_curve(evaluations)  # type: ignore[arg-type]


def _watch_mrr(valid: RankingDataset, cutoff: int, scores: Matrix, _: Any) -> tuple[str, float]:
    """MRR for the early stop: XGBoost's own ndcg takes longer than the round that it judges."""
    ranks = reciprocal_ranks(scores.astype(np.float64), valid.labels, valid.group_sizes, cutoff)
    return f"mrr@{cutoff}", float(ranks.mean())


def _watch_likelihood(valid: RankingDataset, scores: Matrix, _: Any) -> tuple[str, float]:
    likelihoods = log_likelihoods(scores.astype(np.float64), valid.labels, valid.group_sizes)
    return "likelihood", float(likelihoods.mean())


def _softmax_gradients(
    train: RankingDataset, scores: Matrix, _: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return softmax_gradients(scores.astype(np.float64), train.labels, train.group_sizes)


def _quantise(
    rows: RankingDataset, margin: NDArray[np.float64] | None, settings: Mapping[str, Any], reference: Any
) -> Any:
    groups, bins = np.repeat(np.arange(len(rows.group_sizes)), rows.group_sizes), settings.get("max_bin", 256)
    names = list(rows.names)
    return xgboost.QuantileDMatrix(
        rows.features, rows.labels, base_margin=margin, qid=groups, feature_names=names, max_bin=bins, ref=reference
    )


def _fit_catboost(task: FitTask) -> Fit:
    fixed = {
        "random_seed": task.recipe.seed,
        "verbose": False,
        "allow_writing_files": False,
        "eval_metric": f"NDCG:top={task.recipe.cutoff};hints=skip_train~true",
    }
    if task.recipe.likelihood and task.recipe.parameters.get("loss_function") == "QuerySoftMax":
        fixed["eval_metric"] = "QuerySoftMax:hints=skip_train~true"
    settings = {**fixed, **task.recipe.parameters, "iterations": task.recipe.rounds}
    if task.valid is not None:
        settings |= {"od_type": "Iter", "od_wait": task.recipe.patience, "use_best_model": not task.whole}
    model = catboost.CatBoost(settings)
    held = None if task.valid is None else _pool(task.valid, task.margin(task.valid))
    model.fit(_pool(task.train, task.margin(task.train)), eval_set=held)
    gain = model.get_feature_importance(type="PredictionValuesChange")
    watched = model.get_evals_result().get("validation", {})
    ranked = {name: values for name, values in watched.items() if name.startswith("NDCG")}
    curve = read_curve({"validation": ranked or watched})
    return model, model.tree_count_, [float(value) for value in gain], curve


def _pool(rows: RankingDataset, margin: NDArray[np.float64] | None) -> Any:
    groups = np.repeat(np.arange(len(rows.group_sizes)), rows.group_sizes)
    names = list(rows.names)
    return catboost.Pool(rows.features, rows.labels, group_id=groups, baseline=margin, feature_names=names)


def _fit_logit(task: FitTask) -> Fit:
    """Iterations count as rounds; the seed has nothing to decide."""
    unknown = sorted(task.recipe.parameters.keys() - {"l2", "iterations"})
    if unknown:
        raise UserError(f"The logit has no parameter {unknown[0]}: it takes l2 and iterations.")
    l2 = float(task.recipe.parameters.get("l2", 1e-4))
    rounds = min(task.recipe.rounds, int(task.recipe.parameters.get("iterations", task.recipe.rounds)))
    model = fit_logit(task.train, task.valid, l2, rounds, task.recipe.patience)
    return model, model.rounds, model.gain(), UNWATCHED
