"""What validation asked and ranked: a row a user, a row a candidate, and users' lists in words."""

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.evidence import BLEND, Evidence, list_rivals, score_random
from common.day.record_schema import Example, Row
from common.learning.chain import Order, judge_chain, score_rule
from common.learning.dataset import RankingDataset
from common.learning.gbdt import predict
from common.learning.metrics import rank_answers, reciprocal_ranks
from competitions.template.config import MODEL
from competitions.template.pipeline import Validated
from competitions.template.submission import LENGTH

# Plain orders of the same candidates, as the report calls them.
RULES: dict[str, Order] = {"Popularity: events of an item": ("item_count", 1.0), "In the order listed": None}


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation user: the reciprocal rank of the right item, 0 where it is not in the first five."""
    return outcome.fold.value.queries.filter(role="valid").select(
        query=pl.col("user").cast(pl.String),
        fold=pl.lit("validation users"),
        score=pl.Series(score_answers(outcome.rows.value.valid, score_valid(outcome))),
        events=pl.when(pl.col("events") < 8).then(pl.lit("1-7")).otherwise(pl.lit("8 or more")),
    )


def score_valid(outcome: Validated) -> Floats:
    """The ranker's score of every candidate of the validation users."""
    rows = outcome.rows.value.valid
    return predict(outcome.early.value, rows.names, rows.features)


def score_answers(rows: RankingDataset, scores: Floats) -> Floats:
    """The reciprocal rank of each user's right item in an order of the candidates."""
    return reciprocal_ranks(scores, rows.labels, rows.group_sizes, LENGTH)


def collect_evidence(outcome: Validated) -> Evidence:
    """One row per candidate of a validation user."""
    fold, rows, scores = outcome.fold.value, outcome.rows.value.valid, score_valid(outcome)
    assert fold.answers is not None
    queries = fold.queries.filter(role="valid").join(fold.answers, on="query", maintain_order="left")
    users = queries.select("query", user=pl.col("user").cast(pl.String))
    listed = outcome.candidates.value.join(users, on="query", maintain_order="left")
    marks = pl.Series("label", rows.labels), pl.Series(BLEND, scores)
    candidates = listed.select(pl.col("user").alias("query"), "item", *marks)
    earned = {name: score_answers(rows, score_rule(rows, order)) for name, order in RULES.items()}
    chain = judge_chain(("answer", MODEL), {MODEL: score_answers(rows, scores), **earned})
    return Evidence(
        candidates=candidates,
        rows=rows,
        ranks=rank_answers(scores, rows.labels, rows.group_sizes),
        example=lambda at: show_list(queries.row(at, named=True), candidates),
        stages=[("all queries", queries.height)],
        cutoffs=(LENGTH,),
        rivals=list_rivals(chain, score_random(rows, 1 / np.arange(1, LENGTH + 1)), {name: name for name in RULES}),
    )


def show_list(query: Row, candidates: pl.DataFrame) -> Example:
    """A user, the list, the item that is right."""
    top = candidates.filter(query=str(query["user"])).sort(BLEND, descending=True, maintain_order=True).head(LENGTH)
    listed = [f"item {item}" for item in top["item"]]
    return Example(f"User {query['user']},", f"{query['events']} earlier events", listed, f"item {query['item']}")
