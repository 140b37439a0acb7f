"""The rows that news' validation ranks: for ``competitions.load``, and plain orders of them."""

import numpy as np
import polars as pl

from common.day.answers import BLEND, ValidationRows, is_within, score_rivals
from common.day.run_record import Row
from common.learning.split import Fold
from competitions.news.pipeline import Validated
from competitions.news.ranking import CUTOFF

FUSION = ("channel_fusion", "channel_fusion_rank")  # the features that are retrieval's own order


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per candidate article of a validation user."""
    labelled, rows = outcome.ready.labelled, outcome.ready.rows.value.valid
    candidates = labelled.candidates.value
    users = list_ranked(labelled.inputs.fold.value, candidates).select("query", "user")
    listed = candidates.join(users, on="query", maintain_order="left")
    query = pl.col("user").cast(pl.String)
    scores = pl.DataFrame({BLEND: outcome.scores.value})
    return ValidationRows(listed.select("item", query=query).select("query", "item"), rows, scores)


def list_rivals(outcome: Validated) -> list[Row]:
    """What a random order scores, the clicks within an hour of the user's last one, and what retrieval fused."""
    labelled = outcome.ready.rows.value
    popular = ("channel_rank_popular_1h", -1.0), ("item_clicks_p1h", 1.0)  # the first that there is
    order = next((each for each in popular if each[0] in labelled.valid.names), popular[0])
    return score_rivals(
        labelled.valid,
        {"Popularity: clicks within an hour": order, "First stage: retrieval": (FUSION[0], 1.0)},
        lambda ranks: np.where(is_within(ranks, CUTOFF), 1 / np.maximum(ranks, 1), 0.0),
        CUTOFF,
        labelled.weights,
    )


def list_ranked(fold: Fold, candidates: pl.DataFrame) -> pl.DataFrame:
    """The validation queries: those that have candidates, in the order of their rows, then the others."""
    valid = fold.queries.filter(role="valid")
    listed = candidates.select("query").unique(maintain_order=True).with_row_index("position")
    ranked = valid.join(listed, on="query", how="left", maintain_order="left")
    return ranked.sort("position", nulls_last=True, maintain_order=True).drop("position")
