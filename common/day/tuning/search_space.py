"""Search spaces: for each dotted key of a configuration the values that a study may try, as Optuna's distributions.

The spaces of the GBDT libraries are here, since every competition tunes the same parameters of them; what is particular
to one is in its own day/tune.py.
"""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import FloatDistribution, IntDistribution

DIGITS = 3  # significant ones: a tuned.toml that a person can read, and what is judged is what is written

Range = FloatDistribution | IntDistribution
Space = Mapping[str, Range]  # dotted key -> what may be tried
Settings = dict[str, Any]  # dotted key -> value


def suggest(trial: optuna.Trial, space: Space) -> Settings:
    """A trial's value for every key."""
    return {
        key: trial.suggest_int(key, among.low, among.high, log=among.log)
        if isinstance(among, IntDistribution)
        else trial.suggest_float(key, among.low, among.high, log=among.log)
        for key, among in space.items()
    }


def round_settings(settings: Settings) -> Settings:
    """The same with floats of ``DIGITS`` significant digits.

    >>> round_settings({"rate": 0.000998765, "leaves": 12345})
    {'rate': 0.000999, 'leaves': 12345}
    """
    rounded = {key: float(f"{value:.{DIGITS}g}") for key, value in settings.items() if isinstance(value, float)}
    return {**settings, **rounded}


def fits(space: Space, settings: Settings) -> bool:
    """Whether these values lie in the space, so that a study can enqueue them."""
    return all(among.low <= settings[key] <= among.high for key, among in space.items())


def space_of(kind: str) -> Space:
    """The space of a ranker by the family that its kind begins with, see ``common.learning.gbdt``."""
    for family, space in RANKERS.items():
        if kind.startswith(family):
            return space
    raise ValueError(f"there is no search space for the ranker {kind!r}")


RANKERS: Mapping[str, Space] = {
    "lightgbm": {
        "learning_rate": FloatDistribution(0.02, 0.3, log=True),
        "num_leaves": IntDistribution(4, 127, log=True),
        "min_data_in_leaf": IntDistribution(5, 500, log=True),
        "feature_fraction": FloatDistribution(0.1, 1.0),
        "lambda_l2": FloatDistribution(0.1, 100.0, log=True),
    },
    "xgboost": {
        "learning_rate": FloatDistribution(0.02, 0.3, log=True),
        "max_depth": IntDistribution(3, 10),
        "min_child_weight": FloatDistribution(0.3, 100.0, log=True),
        "colsample_bytree": FloatDistribution(0.1, 1.0),
        "subsample": FloatDistribution(0.5, 1.0),
        "reg_lambda": FloatDistribution(0.1, 100.0, log=True),
    },
    "catboost": {
        "learning_rate": FloatDistribution(0.02, 0.4, log=True),
        "depth": IntDistribution(3, 8),
        "l2_leaf_reg": FloatDistribution(0.3, 100.0, log=True),
    },
}
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
}
