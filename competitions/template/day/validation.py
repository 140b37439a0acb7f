"""What validation asked and ranked: a row a user, a row a candidate, and users' lists in words."""

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.day.run_record import Row
from common.day.validation import (
    BLEND,
    Candidates,
    Example,
    ValidationTable,
    is_within,
    rank_answers,
    score_rivals,
)
from common.learning.gbdt import predict
from competitions.template.pipeline import CUTOFF, Validated


def list_validation(outcome: Validated) -> ValidationTable:
    """One row per validation user: the reciprocal rank of the right item, 0 where it is not in the first five."""
    fold, data = outcome.fold.value, outcome.rows.value.valid
    assert fold.answers is not None
    asked = fold.queries.filter(role="valid").join(fold.answers, on="query", maintain_order="left")
    ranks = rank_answers(predict(outcome.early.value, data.names, data.features), data)
    return ValidationTable(
        queries=asked.select(
            query=pl.col("user").cast(pl.String),
            fold=pl.lit("validation users"),
            score=pl.Series(earn(ranks)),
            events=pl.when(pl.col("events") < 8).then(pl.lit("1-7")).otherwise(pl.lit("8 or more")),
        ),
        cutoff=CUTOFF,
        ranks=ranks,
        before=[("all queries", asked.height), ("among the candidates", int((ranks > 0).sum()))],
        example=lambda number: show_list(asked.row(number, named=True), list_candidates(outcome).items),
        rivals=lambda: score_rivals(
            outcome.rows.value.valid,
            {"Popularity: events of an item": ("item_count", 1.0), "In the order listed": None},
            earn,
            CUTOFF,
        ),
        candidates=lambda: list_candidates(outcome),
    )


def earn(ranks: Ints) -> Floats:
    """1 / the rank of each right item, 0 where it is not among the first."""
    return np.where(is_within(ranks, CUTOFF), 1 / np.maximum(ranks, 1), 0.0)


def list_candidates(outcome: Validated) -> Candidates:
    """One row per candidate of a validation user."""
    data, users = outcome.rows.value.valid, outcome.fold.value.queries.filter(role="valid")
    named = users.select("query", user=pl.col("user").cast(pl.String))
    listed = outcome.candidates.value.join(named, on="query", maintain_order="left")
    scores = pl.Series(BLEND, predict(outcome.early.value, data.names, data.features))
    return Candidates(listed.select("item", query="user").select("query", "item", scores), data)


def show_list(query: Row, items: pl.DataFrame) -> Example:
    """A user, the list, the item that is right."""
    top = items.filter(query=str(query["user"])).sort(BLEND, descending=True, maintain_order=True).head(CUTOFF)
    listed = [f"item {item}" for item in top["item"]]
    return Example(f"User {query['user']},", f"{query['events']} earlier events", listed, f"item {query['item']}")
