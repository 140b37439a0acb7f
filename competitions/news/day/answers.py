"""Where the right articles of the validation users are lost, and some users' lists in words."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from common.day.answers import Example, describe_answers, rank_answers
from common.learning.blending import standardise
from competitions.news.pipeline import Outcome
from competitions.news.ranking import CUTOFF
from competitions.news.split import DAY_MS

HOUR_MS = 3_600_000
RECENT = 3  # clicks of a user that are shown


def describe_lists(outcome: Outcome, models: Sequence[str]) -> dict[str, Any]:
    """The part ``answers`` of a run's insight. Users without candidates come last."""
    labelled, rows = outcome.ready.labelled, outcome.ready.rows.value
    fold, valid, scores = labelled.inputs.fold.value, rows.valid, outcome.out_of_fold.value
    assert fold.answers is not None
    blended = standardise(scores, valid.group_sizes) @ np.array(outcome.blend.value.weights)
    queries = fold.queries.filter(role="valid")
    listed = labelled.candidates.value.join(queries, on="query", how="semi", maintain_order="left").select(
        "query", "item"
    )
    order = listed.select("query").unique(maintain_order=True)
    queries = pl.concat([order, queries.select("query").join(order, on="query", how="anti")]).join(
        queries, on="query", maintain_order="left"
    )
    asked = queries.select("query").join(fold.answers, on="query", how="left", maintain_order="left")
    known = asked.join(fold.history.select("item").unique(), on="item", how="semi").height
    missing = np.zeros(queries.height - order.height, np.int64)

    def rank(values: Any) -> Any:
        return np.concatenate([rank_answers(values, valid.labels, valid.group_sizes), missing])

    ranks = rank(blended)
    before = [
        ("asked", queries.height),
        ("clicked in the log before", known),
        ("among the candidates", int((ranks > 0).sum())),
    ]
    one = {name: rank(np.ascontiguousarray(column)) for name, column in zip(models, scores.T, strict=True)}
    top = listed.with_columns(score=pl.Series(blended))
    return describe_answers(ranks, CUTOFF, before, one, describe(outcome, queries, asked, top))


def describe(
    outcome: Outcome, queries: pl.DataFrame, asked: pl.DataFrame, scored: pl.DataFrame
) -> Callable[[int], Example]:
    """A function that puts one query into words: the user's last clicks, the list, the article that was clicked."""
    articles, seen = outcome.ready.articles.value.frame, outcome.ready.labelled.inputs.fold.value.seen

    def name(items: pl.Series, time: int | None = None) -> list[str]:
        known = pl.DataFrame({"item": items}).join(articles, on="item", how="left", maintain_order="left")
        return [name_article(row, time) for row in known.iter_rows(named=True)]

    def example(number: int) -> Example:
        query = queries.row(number, named=True)
        own = seen.filter(query=query["query"]).sort("back").head(RECENT)
        top = scored.filter(query=query["query"]).sort("score", "item", descending=[True, False]).head(CUTOFF)
        when = f"{(query['time'] % DAY_MS) // HOUR_MS:02d} h"
        context = f"{query['clicks']} clicks before, the last at {when} on: {'; '.join(name(own['item']))}"
        answer = asked.filter(query=query["query"])["item"]
        return Example(
            f"User {query['user']},", context, name(top["item"], query["time"]), name(answer, query["time"])[0]
        )

    return example


def name_article(row: dict[str, Any], time: int | None) -> str:
    """An article's number, its category, and its age at a time."""
    if row["category"] is None:
        return f"article {row['item']}"
    age = "" if time is None or row["created"] is None else f", {(time - row['created']) / HOUR_MS:,.0f} h old"
    return f"article {row['item']} (category {row['category']}{age})"
