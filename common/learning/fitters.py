"""How a ranker is fitted, and the libraries behind ``gbdt.fit``, one function a family: LightGBM, XGBoost, CatBoost.

Each takes a ``FitTask`` and returns the model, the rounds that it predicts by, each feature's gain, and what the early
stop watched. A library is imported by the function that fits with it: all of them take seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.arrays import Floats
from common.engine.resources import count_threads
from common.learning.dataset import Matrix, RankingDataset
from common.learning.listwise_softmax import lightgbm_likelihood, lightgbm_softmax

LIGHTGBM_SOFTMAX = "lightgbm_softmax"
MANY_FEATURES = 0.8  # of them drawn for a tree: LightGBM counts row by row
# What is asked of a yes or no a row, by the libraries' own names: there is no list to watch an order of.
BINARY = ("binary", "binary:logistic", "Logloss")
Evaluations = dict[str, dict[str, list[float]]]  # by data set and metric: its value after each round
Fit = tuple[Any, int, Sequence[float], Evaluations]


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted: the library's ``parameters`` under its own names, and when the fit ends.

    At most ``rounds`` rounds; fewer where validation has not improved for ``patience`` of them. With a patience of 0
    all rounds are taken: few validation queries stop a fit by chance. Validation is NDCG@cutoff; of the softmax losses
    it is their own likelihood, which moves with every query where NDCG at a small cutoff jumps, and log loss of a yes
    or no a row (``metric = "auc"`` among the parameters, or the library's name for it, watches that). ``blocks``: only
    features of these blocks, None for all.
    ``min_group_size``: queries of fewer rows are left out (a query of one row says nothing about choice).
    ``negatives``: of each training query, so many rows besides the positives are learned from, None for all.
    ``base_margin``: the feature whose value a row's score starts from (a score that is known before, which trees need
    not find again); missing is 0. ``seeds``: so many fits, by ``seed`` and those after it, whose scores are averaged.
    """

    kind: str
    parameters: Mapping[str, Any]
    rounds: int
    patience: int
    seed: int
    cutoff: int = 5
    blocks: tuple[str, ...] | None = None
    min_group_size: int = 1
    negatives: int | None = None
    base_margin: str | None = None
    seeds: int = 1

    @property
    def is_binary(self) -> bool:
        """Whether each row is a yes or no of its own."""
        return any(self.parameters.get(name) in BINARY for name in ("objective", "loss_function"))


@dataclass(frozen=True)
class FitTask:
    """A recipe and its data under way to a family's fitter; ``whole``: rounds beyond the best are kept. ``arrays``: the
    features of ``train`` in several arrays, for a library that needs no copy of all; its own are then empty.
    """

    recipe: Recipe
    train: RankingDataset
    valid: RankingDataset | None
    whole: bool = False
    arrays: tuple[Matrix, ...] = ()

    def margin(self, rows: RankingDataset) -> Floats | None:
        """What the scores of rows start from, None for nothing."""
        name = self.recipe.base_margin
        return None if name is None else read_margin(rows.features, rows.names, name)


def read_margin(features: Matrix, names: Sequence[str], base_margin: str) -> Floats:
    """What scores start from: the feature of that name, 0 where it is missing."""
    return np.nan_to_num(features[:, list(names).index(base_margin)].astype(np.float64))


def fit_lightgbm(task: FitTask) -> Fit:
    """LightGBM by an objective of its own; a ``lightgbm_softmax`` by the softmax over a query's rows."""
    import lightgbm

    recipe, train, valid = task.recipe, task.train, task.valid
    watch: Any = None
    # Histograms by row copy all rows for each tree's draw of features: a third slower where half of them are drawn.
    by_column = float(recipe.parameters.get("feature_fraction", 1.0)) < MANY_FEATURES
    layout = {"force_col_wise": True} if by_column else {"force_row_wise": True}
    fixed = {"seed": recipe.seed, "deterministic": True, "verbose": -1, **layout}
    watched = {"metric": "binary_logloss"} if recipe.is_binary else {"metric": "ndcg", "eval_at": [recipe.cutoff]}
    settings = {**fixed, **watched, **recipe.parameters}
    if recipe.kind.startswith(LIGHTGBM_SOFTMAX):
        watch = lightgbm_likelihood
        settings |= {"objective": lightgbm_softmax, "metric": "none"}
    data = lightgbm.Dataset(
        list(task.arrays) or train.features,
        train.labels,
        group=train.group_sizes,
        init_score=task.margin(train),
        feature_name=list(train.names),
    )
    evaluations: Evaluations = {}
    if valid is None:
        model = lightgbm.train(settings, data, recipe.rounds)
        return model, recipe.rounds, model.feature_importance("gain").tolist(), evaluations
    held = lightgbm.Dataset(
        valid.features, valid.labels, group=valid.group_sizes, init_score=task.margin(valid), reference=data
    )
    stop = lightgbm.early_stopping(recipe.patience, verbose=False)
    callbacks: list[Any] = [stop, lightgbm.record_evaluation(evaluations)]
    model = lightgbm.train(
        settings, data, recipe.rounds, [held], feval=watch, callbacks=callbacks, keep_training_booster=task.whole
    )
    used = model.best_iteration
    if task.whole:  # a booster that is not kept so loses its trees after the best round
        model = model.model_from_string(model.model_to_string(num_iteration=-1)).free_dataset()
        used = model.num_trees()
    return model, used, model.feature_importance("gain", used).tolist(), evaluations


def fit_xgboost(task: FitTask) -> Fit:
    """XGBoost."""
    import xgboost

    train, valid = task.train, task.valid
    fixed = {"seed": task.recipe.seed, "tree_method": "hist", "verbosity": 0}
    watched = "logloss" if task.recipe.is_binary else f"ndcg@{task.recipe.cutoff}"
    settings = {**fixed, "eval_metric": watched, **task.recipe.parameters}
    data = _quantise(train, task.margin(train), settings, None)
    held = [] if valid is None else [(_quantise(valid, task.margin(valid), settings, data), "valid")]
    evaluations: Evaluations = {}
    model = xgboost.train(
        settings,
        data,
        task.recipe.rounds,
        evals=held,
        early_stopping_rounds=None if valid is None else task.recipe.patience,
        evals_result=evaluations,
        verbose_eval=False,
    )
    used = model.num_boosted_rounds() if valid is None or task.whole else model.best_iteration + 1
    kept = model[:used]
    gain = kept.get_score(importance_type="total_gain")
    return kept, used, [float(gain.get(name, 0.0)) for name in train.names], evaluations  # type: ignore[arg-type]


def _quantise(rows: RankingDataset, margin: Floats | None, settings: Mapping[str, Any], reference: Any) -> Any:
    import xgboost

    return xgboost.QuantileDMatrix(
        rows.features,
        rows.labels,
        base_margin=margin,
        qid=None if settings.get("objective") in BINARY else rows.query_numbers,  # it would watch AUC within queries
        feature_names=list(rows.names),
        max_bin=settings.get("max_bin", 256),
        ref=reference,
    )


def fit_catboost(task: FitTask) -> Fit:
    """CatBoost."""
    import catboost

    fixed = {
        "random_seed": task.recipe.seed,
        "verbose": False,
        "allow_writing_files": False,
        "thread_count": count_threads()["openmp"],  # CatBoost itself does not read OMP_NUM_THREADS
        "eval_metric": f"NDCG:top={task.recipe.cutoff};hints=skip_train~true",
    }
    if task.recipe.parameters.get("loss_function") == "QuerySoftMax":
        fixed["eval_metric"] = "QuerySoftMax:hints=skip_train~true"
    if task.recipe.is_binary:
        fixed["eval_metric"] = "Logloss:hints=skip_train~true"
    settings = {**fixed, **task.recipe.parameters, "iterations": task.recipe.rounds}
    if task.valid is not None:
        settings |= {"od_type": "Iter", "od_wait": task.recipe.patience, "use_best_model": not task.whole}
    model = catboost.CatBoost(settings)
    held = None if task.valid is None else _pool(task.valid, task.margin(task.valid))
    model.fit(_pool(task.train, task.margin(task.train)), eval_set=held)
    gain = model.get_feature_importance(type="PredictionValuesChange")
    watched = model.get_evals_result().get("validation", {})
    ranked = {name: values for name, values in watched.items() if name.startswith("NDCG")}
    return model, model.tree_count_, [float(value) for value in gain], {"validation": ranked or watched}


def _pool(rows: RankingDataset, margin: Floats | None) -> Any:
    import catboost

    names = list(rows.names)
    return catboost.Pool(rows.features, rows.labels, group_id=rows.query_numbers, baseline=margin, feature_names=names)


FAMILIES = {"lightgbm": fit_lightgbm, "xgboost": fit_xgboost, "catboost": fit_catboost}
