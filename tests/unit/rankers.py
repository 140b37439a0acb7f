"""A ranker fitted in one line, as tests of what comes after the fit need it."""

from collections.abc import Mapping
from typing import Any

from common.learning.dataset import RankingDataset
from common.learning.fitters import Recipe
from common.learning.gbdt import Ranker, fit


def fit_rows(
    kind: str,
    parameters: Mapping[str, Any],
    train: RankingDataset,
    valid: RankingDataset | None,
    rounds: int,
    patience: int,
    seed: int,
    **more: Any,
) -> Ranker:
    """``fit`` with the fields of its recipe in a row."""
    return fit(Recipe(kind, parameters, rounds, patience, seed, **more), train, valid)
