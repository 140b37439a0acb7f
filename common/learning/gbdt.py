"""Rankers behind three functions: ``fit`` with an early stop, ``refit`` on everything, ``predict``.

A kind begins with its family, so that several recipes of one library can stand side by side: ``xgboost_pairwise``,
``xgboost_ndcg``. Parameters go to the libraries under their own names. Only float32 matrices cross over: LightGBM
aborts the process on a frame with strings or dates, CatBoost crashes on dates, XGBoost's versions disagree about
categories.
"""

import functools
import pickle
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.engine.resources import count_threads
from common.learning.dataset import Matrix, RankingDataset, check_columns, gather, take_columns
from common.learning.fitters import FAMILIES, LIGHTGBM_SOFTMAX, Evaluations, Fit, FitTask, Recipe, read_margin

LONGEST_MESSAGE = 200
NO_METRIC = ("none", "null", "custom", "na")  # LightGBM's words
LIBRARY_ERRORS = ("LightGBMError", "XGBoostError", "CatBoostError")  # by name: a library is imported where it fits
# Where in the library's own code a message comes from: before the message, or behind it.
SOURCE_LOCATION = re.compile(r"^(\[[\d:]+\] )?\S+\.(cc|cpp|h|hpp):\d+: | at \S+, line \d+[ .]*$")
FALLING = ("softmax", "logloss", "entropy", "error")  # parts of the names of what falls as a fit improves
Datasets = RankingDataset | Sequence[RankingDataset]  # several parts are learned from as one


class PickledModel:
    """A library's model that is kept ``pickled`` until it is first used: a run that computes nothing asks for gains and
    rounds alone, and imports no library of boosted trees. None stands for no model.
    """

    pickled: bytes | None

    @functools.cached_property
    def model(self) -> Any:
        """The library's own."""
        return None if self.pickled is None else pickle.loads(self.pickled)

    def __getstate__(self) -> dict[str, Any]:
        """The fields, without the model that was made of one."""
        return {name: value for name, value in vars(self).items() if name != "model"}


@dataclass(frozen=True)
class Ranker(PickledModel):
    """A fitted model with the rounds that it predicts by and each feature's ``gain``.

    ``curve``: what the early stop watched after every round, higher is better; empty where nothing was watched.
    ``gain`` has the features in the order of the matrix, of the chosen ``blocks`` where the recipe chooses some.
    ``base_margin``: the feature that scores start from. ``others``: the fits by further seeds; scores are the mean.
    """

    kind: str
    pickled: bytes | None
    rounds: int
    gain: dict[str, float]
    curve: tuple[float, ...] = ()
    metric: str = ""
    base_margin: str | None = None
    others: tuple["Ranker", ...] = ()
    blocks: tuple[str, ...] | None = None


def fit(recipe: Recipe, train: Datasets, valid: Datasets | None = None, *, whole: bool = False) -> Ranker:
    """Fit a model on ``train``, stopped early by ``valid`` where there is one: the rounds up to the best are kept.

    ``whole``: all rounds that were grown are kept, and count; see ``shorten``. Raises ``UserError`` for a kind of no
    family, for a base margin that is no feature of the rows, and where the library refuses a parameter or the rows.
    """
    fitter = _find_fitter(recipe)
    data, arrays = _select_train(recipe, train)
    if not data.names:
        blocks = ", ".join(recipe.blocks or ()) or "no block"
        raise UserError(f"{recipe.kind} has no feature to learn from ({blocks}): choose blocks that have columns.")
    held = _select(recipe, valid) if valid is not None and recipe.patience else None
    if held is not None:
        check_columns(data.names, held.names, f"The validation set of {recipe.kind}")
    if recipe.base_margin is not None and recipe.base_margin not in data.names:
        raise UserError(f"The base margin {recipe.base_margin!r} is not among the features of the ranker.")
    first, *others = [
        _fit_one(fitter, FitTask(replace(recipe, seed=recipe.seed + number), data, held, whole, arrays))
        for number in range(recipe.seeds)
    ]
    return replace(first, others=tuple(others))


def _fit_one(fitter: Callable[[FitTask], Fit], task: FitTask) -> Ranker:
    try:
        model, used, gain, evaluations = fitter(task)
    except Exception as error:
        if type(error).__name__ not in LIBRARY_ERRORS:
            raise
        raise explain_refusal(task.recipe.kind, error) from error
    shares = dict(zip(task.train.names, gain, strict=True))
    pickled, recipe = pickle.dumps(model, pickle.HIGHEST_PROTOCOL), task.recipe
    curve, metric = _read_curve(evaluations)
    return Ranker(recipe.kind, pickled, used, shares, curve, metric, recipe.base_margin, blocks=recipe.blocks)


def _read_curve(evaluations: Evaluations) -> tuple[tuple[float, ...], str]:
    """The only curve of the only data set that was watched, and its metric; what falls as the fit improves is turned
    over. Of a fit without validation, none.
    """
    for curves in evaluations.values():
        for name, values in curves.items():
            sign = -1.0 if any(word in name.lower() for word in FALLING) else 1.0
            return tuple(sign * float(value) for value in values), name
    return (), ""


def explain_refusal(kind: str, error: Exception) -> UserError:
    """What a library says of the parameters of a fit, as a sentence: without its own file and line, and its stack."""
    said = SOURCE_LOCATION.sub("", str(error).strip().partition("\n")[0]).rstrip(" .")[:LONGEST_MESSAGE]
    return UserError(
        f"{kind} cannot be fitted: {said}. Correct its parameters: the section of {kind} in config.toml, or --set."
    )


def shorten(ranker: Ranker, rounds: int) -> Ranker:
    """The ranker, and its fits by further seeds, after so many rounds, or all that one has."""
    others = tuple(shorten(other, rounds) for other in ranker.others)
    return replace(ranker, rounds=min(rounds, ranker.rounds), others=others)


def refit(recipe: Recipe, early: Ranker | Sequence[Ranker], parts: Datasets) -> Ranker:
    """Fit on everything (training and validation rows), for the rounds that the early stop chose.

    Where several validation sets stopped a fit each, the mean of their rounds is taken.
    """
    fits = [early] if isinstance(early, Ranker) else early
    rounds = max(round(sum(ranker.rounds for ranker in fits) / len(fits)), 1)
    model = fit(replace(recipe, rounds=rounds, patience=0), parts)
    check_columns(tuple(fits[0].gain), tuple(model.gain), f"The refit of {recipe.kind}")
    return model


def _select_train(recipe: Recipe, datasets: Datasets) -> tuple[RankingDataset, tuple[Matrix, ...]]:
    """The rows to learn from, and their features as several arrays: LightGBM needs no copy of all of them as one."""
    if isinstance(datasets, RankingDataset) or not recipe.kind.startswith("lightgbm") or recipe.base_margin is not None:
        return _select(recipe, datasets, recipe.negatives), ()
    rng = np.random.default_rng(recipe.seed)  # one for all parts, so that they are drawn as one data set is
    first, *_ = parts = [
        gather([part], recipe.blocks, recipe.min_group_size, recipe.negatives, rng) for part in datasets
    ]
    for number, part in enumerate(parts[1:], 2):
        check_columns(first.names, part.names, f"Part {number} of {len(parts)} of the rows")
    labels, sizes = (np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "group_sizes"))
    return RankingDataset(first.names, first.features[:0], labels, sizes), tuple(part.features for part in parts)


def _select(recipe: Recipe, datasets: Datasets, negatives: int | None = None) -> RankingDataset:
    """The rows and features that a recipe learns from, as one data set."""
    parts = [datasets] if isinstance(datasets, RankingDataset) else datasets
    return gather(parts, recipe.blocks, recipe.min_group_size, negatives, recipe.seed)


def _find_fitter(recipe: Recipe) -> Callable[[FitTask], Fit]:
    fitter = next((fitter for family, fitter in FAMILIES.items() if recipe.kind.startswith(family)), None)
    if fitter is None:
        names = ", ".join(FAMILIES)
        raise UserError(f"There is no ranker {recipe.kind!r}: the name of a kind begins with one of {names}.")
    if recipe.kind.startswith(LIGHTGBM_SOFTMAX) and "objective" in recipe.parameters:
        raise UserError(f"{recipe.kind} sets its own objective: remove `objective` from its parameters.")
    if str(recipe.parameters.get("metric", "")).lower() in NO_METRIC:
        raise UserError(f"{recipe.kind} sets its own metric: remove `metric` from its parameters.")
    return fitter


def predict(ranker: Ranker, names: Sequence[str], features: Matrix) -> NDArray[np.float64]:
    """Scores of rows, higher is better; comparable within a query only. ``names``: of the columns of ``features``.

    A ranker of all columns takes exactly those of its fit, in their order; one of chosen blocks takes these blocks'
    columns, whatever stands beside them. Others are refused by a ``ColumnsError``.
    """
    own = take_columns(names, features, tuple(ranker.gain), ranker.blocks, f"What {ranker.kind} is to score")
    members = [_predict_one(member, own) for member in (ranker, *ranker.others)]
    scores = members[0] if len(members) == 1 else np.mean(members, axis=0)
    if ranker.base_margin is None:
        return scores
    return scores + read_margin(own, list(ranker.gain), ranker.base_margin)


def _predict_one(ranker: Ranker, features: Matrix) -> NDArray[np.float64]:
    if ranker.kind.startswith("xgboost"):
        scores = ranker.model.inplace_predict(features, iteration_range=(0, ranker.rounds), predict_type="margin")
    elif ranker.kind.startswith("catboost"):
        threads = count_threads()["openmp"]  # CatBoost itself does not read OMP_NUM_THREADS
        scores = ranker.model.predict(features, "RawFormulaVal", ntree_end=ranker.rounds, thread_count=threads)
    else:
        scores = ranker.model.predict(features, raw_score=True, num_iteration=ranker.rounds)
    return np.asarray(scores, dtype=np.float64)


def score_rows(names: Sequence[str], features: Matrix, rankers: Sequence[Ranker]) -> NDArray[np.float64]:
    """Each ranker's scores of the rows, see ``predict``: (rows, rankers)."""
    return np.column_stack([predict(ranker, names, features) for ranker in rankers])
