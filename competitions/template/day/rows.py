"""The rows that validation ranks, for ``competitions.load``."""

import polars as pl

from common.day.answers import BLEND, ValidationRows
from common.learning.gbdt import predict
from competitions.template.pipeline import Validated


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per candidate of a validation user."""
    rows, users = outcome.rows.value.valid, outcome.fold.value.queries.filter(role="valid").select("query", "user")
    listed = outcome.candidates.value.join(users, on="query", maintain_order="left")
    scores = pl.DataFrame({BLEND: predict(outcome.early.value, rows.features)})
    return ValidationRows(listed.select(pl.col("user").cast(pl.String).alias("query"), "item"), rows, scores)
