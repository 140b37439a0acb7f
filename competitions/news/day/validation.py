"""What news' validation asked and ranked: a row a user, a row a candidate article, and users' lists in words."""

from functools import cache, partial

import numpy as np
import polars as pl

from common.day.record_schema import Scored
from common.day.run_record import Row
from common.day.validation import (
    BLEND,
    Candidates,
    Example,
    ValidationTable,
    is_within,
    list_rivals,
    rank_answers,
    score_random,
)
from common.time_units import DAY_MS, HOUR_MS
from competitions.news.pipeline import Validated
from competitions.news.ranking import CUTOFF, order_valid

FUSION = ("channel_fusion", "channel_fusion_rank")  # the features that are retrieval's own order
RIVALS = {"popularity": "Popularity: clicks within an hour, on both sides", "retrieval": "First stage: retrieval"}
RECENT = 3  # clicks of a user that an example shows
LENGTHS = {1: "1", 2: "2", 4: "3-4", 8: "5-8", 16: "9-16", 32: "17-32"}  # of a history: at most -> its class


def list_validation(outcome: Validated) -> ValidationTable:
    """One row per validation user: the reciprocal rank of the answer, 0 where it was not retrieved."""
    labelled, rows = outcome.ready.labelled, outcome.ready.rows.value
    fold, articles = labelled.inputs.fold.value, outcome.ready.articles.value.frame
    assert fold.answers is not None
    candidates = cache(partial(list_candidates, outcome))
    asked = order_valid(fold, labelled.candidates.value)
    queries = asked.with_columns(score=pl.Series(outcome.chain.value.earned)).sort("query")
    answers = asked.select("query").join(fold.answers, on="query", how="left", maintain_order="left")
    ranks = rank_answers(outcome.submitted.value, rows.valid)
    before = [
        ("all queries", asked.height),
        ("clicked in the log before", answers.join(fold.history.select("item").unique(), on="item", how="semi").height),
        ("among the candidates", int((ranks > 0).sum())),
    ]
    return ValidationTable(
        queries=queries.select(
            query=pl.col("user").cast(pl.String),
            fold=pl.lit("validation users"),
            score="score",
            weight="weight",
            **{"visible clicks": class_of_length(), "last visible day": last_day()},
        ),
        cutoff=CUTOFF,
        ranks=np.pad(ranks, (0, asked.height - len(ranks))),
        before=before,
        example=lambda at: show_list(
            asked.row(at, named=True), candidates().items, fold.seen, articles, answers["item"][at]
        ),
        rivals=lambda: name_rivals(outcome),
        candidates=candidates,
    )


def list_candidates(outcome: Validated) -> Candidates:
    """One row per candidate article of a validation user."""
    labelled = outcome.ready.labelled
    named = labelled.inputs.fold.value.queries.filter(role="valid").select("query", user=pl.col("user").cast(pl.String))
    listed = labelled.candidates.value.join(named, on="query", maintain_order="left")
    items = listed.select("item", query="user").select("query", "item", pl.Series(BLEND, outcome.submitted.value))
    return Candidates(items, outcome.ready.rows.value.valid)


def class_of_length() -> pl.Expr:
    """The class of a history by its number of visible clicks."""
    label: pl.Expr = pl.lit("33+")  # Expr.cut is deprecated, and its successor experimental
    for most, name in reversed(LENGTHS.items()):
        label = pl.when(pl.col("clicks") <= most).then(pl.lit(name)).otherwise(label)
    return label


def last_day() -> pl.Expr:
    """The day of the last visible click, as 10-31."""
    return pl.from_epoch(pl.col("time") // DAY_MS * DAY_MS, time_unit="ms").dt.strftime("%m-%d")


def name_rivals(outcome: Validated) -> list[Scored]:
    """What a random order scores, the clicks within an hour of the user's last one, and what retrieval fused."""
    chance = score_random(
        outcome.ready.rows.value.valid,
        lambda ranks: np.where(is_within(ranks, CUTOFF), 1 / np.maximum(ranks, 1), 0.0),
        CUTOFF,
    )
    return list_rivals(outcome.chain.value, chance, RIVALS)


def show_list(query: Row, items: pl.DataFrame, seen: pl.DataFrame, articles: pl.DataFrame, answer: int) -> Example:
    """A user's last clicks, the list, the article that was clicked."""

    def name(items: pl.Series, time: int | None = None) -> list[str]:
        known = pl.DataFrame({"item": items}).join(articles, on="item", how="left", maintain_order="left")
        return [name_article(row, time) for row in known.iter_rows(named=True)]

    own = seen.filter(query=query["query"]).sort("back").head(RECENT)
    top = items.filter(query=str(query["user"])).sort(BLEND, "item", descending=[True, False]).head(CUTOFF)
    hour = f"{(query['time'] % DAY_MS) // HOUR_MS:02d} h"
    context = f"{query['clicks']} earlier clicks, the last at {hour}: {'; '.join(name(own['item']))}"
    (right,) = name(pl.Series([answer], dtype=items["item"].dtype), query["time"])
    return Example(f"User {query['user']},", context, name(top["item"], query["time"]), right)


def name_article(row: Row, time: int | None) -> str:
    """An article's number, its category, and its age at a time."""
    if row["category"] is None:
        return f"article {row['item']}"
    age = "" if time is None or row["created"] is None else f", {(time - row['created']) / HOUR_MS:,.0f} h old"
    return f"article {row['item']} (category {row['category']}{age})"
