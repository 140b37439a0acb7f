"""Where the right items of the validation users are lost, and some users' lists in words."""

from typing import Any

import numpy as np
import polars as pl

from common.day.answers import Example, describe_answers, rank_answers
from common.learning.gbdt import predict
from competitions.template.pipeline import Outcome
from competitions.template.ranking import CUTOFF


def describe_lists(outcome: Outcome) -> dict[str, Any]:
    """The part ``answers`` of a run's insight."""
    labelled, valid = outcome.ready.labelled, outcome.ready.rows.value.valid
    fold, scores = labelled.fold.value, predict(outcome.early.value, valid.features)
    assert fold.answers is not None
    queries, answers = fold.queries.filter(role="valid"), fold.answers
    asked = queries.join(answers, on="query", maintain_order="left")
    known = asked.join(fold.history.select("item").unique(), on="item", how="semi").height
    ranks = rank_answers(scores, valid.labels, valid.group_sizes)
    before = [("asked", asked.height), ("in the log before", known), ("among the candidates", int((ranks > 0).sum()))]
    listed = labelled.candidates.value.join(queries, on="query", how="semi", maintain_order="left")
    starts = np.cumsum(valid.group_sizes) - valid.group_sizes

    def example(number: int) -> Example:
        query = asked.row(number, named=True)
        rows = slice(starts[number], starts[number] + valid.group_sizes[number])
        items = listed["item"].to_numpy()[rows][np.argsort(-scores[rows], kind="stable")[:CUTOFF]]
        last = fold.seen.filter(pl.col("query") == query["query"], pl.col("back") == 0)["item"][0]
        context = f"{query['events']} events before, the last on item {last}"
        return Example(f"User {query['user']},", context, [f"item {item}" for item in items], f"item {query['item']}")

    return describe_answers(ranks, CUTOFF, before, None, example)
