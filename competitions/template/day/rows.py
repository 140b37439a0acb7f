"""The rows that validation ranks, for ``competitions.load``, and plain orders of them."""

import numpy as np
import polars as pl

from common.day.answers import BLEND, ValidationRows, is_within, score_rivals
from common.day.run_record import Row
from common.learning.gbdt import predict
from competitions.template.pipeline import Validated
from competitions.template.ranking import CUTOFF


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per candidate of a validation user."""
    labelled, rows = outcome.ready.labelled, outcome.ready.rows.value.valid
    users = labelled.fold.value.queries.filter(role="valid").select("query", "user")
    listed = labelled.candidates.value.join(users, on="query", maintain_order="left")
    scores = pl.DataFrame({BLEND: predict(outcome.early.value, rows.features)})
    return ValidationRows(listed.select(pl.col("user").cast(pl.String).alias("query"), "item"), rows, scores)


def list_rivals(outcome: Validated) -> list[Row]:
    """What a random order scores, the most frequent items, and the candidates as they are listed."""
    return score_rivals(
        outcome.ready.rows.value.valid,
        {"Popularity: events of an item": ("item_count", 1.0), "In the order listed": None},
        lambda ranks: np.where(is_within(ranks, CUTOFF), 1 / np.maximum(ranks, 1), 0.0),
        CUTOFF,
    )
