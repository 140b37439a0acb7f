"""Search spaces: for each dotted key of a configuration the values that a study may try.

The spaces of the GBDT libraries are here, since every competition tunes the same parameters of them; what is particular
to one is in its own day/tune.py.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

DIGITS = 3  # significant ones: a tuned.toml that a person can read, and what is judged is what is written


@dataclass(frozen=True)
class Floats:
    """A number between ``low`` and ``high``; ``log``: even on the scale of its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Ints:
    """A whole number from ``low`` to ``high``, both included."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choices:
    """One of some texts, numbers or truth values."""

    values: tuple[Any, ...]


Range = Floats | Ints | Choices
Space = Mapping[str, Range]  # dotted key -> what may be tried
Settings = dict[str, Any]  # dotted key -> value


def suggest(trial: optuna.Trial, space: Space) -> Settings:
    """A trial's value for every key, floats rounded to ``DIGITS``."""
    return {key: _suggest(trial, key, among) for key, among in space.items()}


def _suggest(trial: optuna.Trial, key: str, among: Range) -> Any:
    if isinstance(among, Floats):
        return round_to(trial.suggest_float(key, among.low, among.high, log=among.log), DIGITS)
    if isinstance(among, Ints):
        return trial.suggest_int(key, among.low, among.high, log=among.log)
    return trial.suggest_categorical(key, among.values)


def round_to(value: float, digits: int) -> float:
    """The number with so many significant digits."""
    return float(np.format_float_positional(value, digits, unique=False, fractional=False, trim="-"))


def fits(space: Space, settings: Settings) -> bool:
    """Whether these values lie in the space, so that a study can enqueue them."""
    return all(_fits(among, settings[key]) for key, among in space.items())


def _fits(among: Range, value: Any) -> bool:
    return value in among.values if isinstance(among, Choices) else bool(among.low <= value <= among.high)


def space_of(kind: str) -> Space:
    """The space of a ranker by the family that its kind begins with, see ``common.learning.gbdt``."""
    for family, space in RANKERS.items():
        if kind.startswith(family):
            return space
    raise ValueError(f"there is no search space for the ranker {kind!r}")


LIGHTGBM: Space = {
    "learning_rate": Floats(0.02, 0.3, log=True),
    "num_leaves": Ints(4, 127, log=True),
    "min_data_in_leaf": Ints(5, 500, log=True),
    "feature_fraction": Floats(0.1, 1.0),
    "lambda_l2": Floats(0.1, 100.0, log=True),
}
XGBOOST: Space = {
    "learning_rate": Floats(0.02, 0.3, log=True),
    "max_depth": Ints(3, 10),
    "min_child_weight": Floats(0.3, 100.0, log=True),
    "colsample_bytree": Floats(0.1, 1.0),
    "subsample": Floats(0.5, 1.0),
    "reg_lambda": Floats(0.1, 100.0, log=True),
}
CATBOOST: Space = {
    "learning_rate": Floats(0.02, 0.4, log=True),
    "depth": Ints(3, 8),
    "l2_leaf_reg": Floats(0.3, 100.0, log=True),
}
LOGIT: Space = {"l2": Floats(1e-4, 1.0, log=True)}
RANKERS: Mapping[str, Space] = {"lightgbm": LIGHTGBM, "xgboost": XGBOOST, "catboost": CATBOOST, "logit": LOGIT}


# What the libraries take where a parameter is not given.
DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 1.0,
    "lambda_l2": 0.1,  # LightGBM's is 0, which a logarithm cannot reach
    "max_depth": 6,
    "min_child_weight": 1.0,
    "colsample_bytree": 1.0,
    "subsample": 1.0,
    "reg_lambda": 1.0,
    "depth": 6,
    "l2_leaf_reg": 3.0,
    "l2": 1e-4,
}


def subsets(names: Sequence[str]) -> Choices:
    """Every non-empty choice of some names, as texts joined by "+": categorical values must be plain."""
    chosen = ["+".join(subset) for size in range(1, len(names) + 1) for subset in itertools.combinations(names, size)]
    return Choices(tuple(sorted(chosen, key=lambda text: (-text.count("+"), text))))
