"""From candidates and features to scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.learning.dataset import RankingDataset, to_matrix
from common.learning.fit_task import Recipe
from common.learning.gbdt import Ranker, predict
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.template.config import MODEL, TemplateConfig

CUTOFF = 5  # of the metric


@dataclass(frozen=True)
class Labelled:
    """Every candidate of the labelled queries: those to learn from, those to stop and judge by."""

    train: RankingDataset
    valid: RankingDataset


def make_recipe(config: TemplateConfig, parameters: Mapping[str, Any] | None = None) -> Recipe:
    """How the ranker is fitted; ``parameters`` in place of those of the settings."""
    rank = config.rank
    return Recipe(MODEL, parameters or rank.lightgbm_lambdarank, rank.rounds, rank.patience, config.model_seed, CUTOFF)


def gather_rows(fold: Fold, candidates: pl.DataFrame, features: pl.DataFrame) -> Labelled:
    """The labelled candidates as matrices."""
    assert fold.answers is not None
    right = fold.answers.with_columns(label=pl.lit(1.0, pl.Float32))
    rows = candidates.join(right, on=["query", "item"], how="left", maintain_order="left")
    rows = rows.join(fold.queries.select("query", "role"), on="query", maintain_order="left")
    train, valid = (_take(rows, features, role) for role in ("train", "valid"))
    if not train.labels.any() or not valid.labels.any():
        raise UserError("No right answer is among the candidates: the log is too small, or candidates.popular is.")
    return Labelled(train, valid)


def _take(rows: pl.DataFrame, features: pl.DataFrame, role: str) -> RankingDataset:
    chosen = rows["role"] == role
    labels = rows.filter(chosen)["label"].fill_null(0.0).to_numpy()
    return RankingDataset(
        tuple(features.columns), to_matrix(features.filter(chosen)), labels, count_rows(rows.filter(chosen))
    )


def count_rows(candidates: pl.DataFrame) -> NDArray[np.int32]:
    """The candidates of each query, in order."""
    return candidates.group_by("query", maintain_order=True).len()["len"].cast(pl.Int32).to_numpy()


def score_valid(rows: Labelled, ranker: Ranker) -> NDArray[np.float64]:
    """What each validation query earns: 1 / rank of the right answer, 0 where it is not among the first."""
    valid = rows.valid
    return reciprocal_ranks(predict(ranker, valid.features), valid.labels, valid.group_sizes, CUTOFF)


def score_test(candidates: pl.DataFrame, features: pl.DataFrame, ranker: Ranker) -> pl.DataFrame:
    """The test's candidates with their scores: query, item, score."""
    return candidates.with_columns(score=pl.Series(predict(ranker, to_matrix(features))))
