"""What validation asked and ranked: a row a user, a row a candidate, and users' lists in words."""

import numpy as np
import polars as pl

from common.day.validation import (
    BLEND,
    Candidates,
    Example,
    ValidationTable,
    is_within,
    rank_answers,
    rows_of,
    score_rivals,
)
from common.learning.gbdt import predict
from competitions.template.pipeline import CUTOFF, Validated


def list_validation(outcome: Validated) -> ValidationTable:
    """One row per validation user: the reciprocal rank of the right item, 0 where it is not in the first five."""
    fold, data = outcome.fold.value, outcome.rows.value.valid
    assert fold.answers is not None
    asked = fold.queries.filter(role="valid").join(fold.answers, on="query", maintain_order="left")
    named = asked.select("query", user=pl.col("user").cast(pl.String))
    scores = predict(outcome.early.value, data.features)
    listed = outcome.candidates.value.join(named, on="query", maintain_order="left")
    items = listed.select("item", query="user").select("query", "item", pl.Series(BLEND, scores))
    ranks = rank_answers(scores, data)

    def describe(number: int) -> Example:
        query = asked.row(number, named=True)
        listed = items[rows_of(data.group_sizes, number)].sort(BLEND, descending=True, maintain_order=True)
        names = [f"item {item}" for item in listed["item"].head(CUTOFF)]
        return Example(f"User {query['user']},", f"{query['events']} earlier events", names, f"item {query['item']}")

    return ValidationTable(
        queries=asked.select(
            query=pl.col("user").cast(pl.String),
            fold=pl.lit("validation users"),
            score=pl.Series(outcome.scores.value),
            events=pl.when(pl.col("events") < 8).then(pl.lit("1-7")).otherwise(pl.lit("8 or more")),
        ),
        cutoff=CUTOFF,
        ranks=ranks,
        before=[("all queries", asked.height), ("among the candidates", int((ranks > 0).sum()))],
        example=describe,
        rivals=lambda: score_rivals(
            data,
            {"Popularity: events of an item": ("item_count", 1.0), "In the order listed": None},
            lambda ranks: np.where(is_within(ranks, CUTOFF), 1 / np.maximum(ranks, 1), 0.0),
            CUTOFF,
        ),
        candidates=lambda: Candidates(items, data),
    )
