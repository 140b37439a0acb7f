"""What news' validation asked and ranked: a row a user, a row a candidate article, and users' lists in words."""

import numpy as np
import polars as pl

from common.day.evidence import BLEND, Evidence, list_rivals, score_random
from common.day.record_schema import PART, WEIGHT, Example, Row
from common.learning.chain import take_first
from common.learning.dataset import RankingDataset
from common.learning.metrics import rank_answers
from common.time_units import DAY_MS, HOUR_MS
from competitions.news.pipeline import Validated
from competitions.news.ranking import CUTOFF, order_valid

FUSION = ("channel_fusion", "channel_fusion_rank")  # the features that are retrieval's own order
RIVALS = {"popularity": "Popularity: clicks within an hour, on both sides", "retrieval": "First stage: retrieval"}
RECENT = 3  # clicks of a user that an example shows
# Classes of history lengths: the most of each but the last, their names.
LENGTHS, LENGTH_NAMES = (1, 2, 4, 8, 16, 32), ("1", "2", "3-4", "5-8", "9-16", "17-32", "33+")


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation user: the reciprocal rank of the answer, 0 where it was not retrieved."""
    candidates = outcome.ready.labelled.candidates.value
    parts = [order_valid(part.fold.value, candidates) for part in outcome.parts]
    numbered = [part.with_columns(pl.lit(number).alias(PART)) for number, part in enumerate(parts)]
    queries = pl.concat(numbered).with_columns(score=pl.Series(outcome.chain.value.earned)).sort("query")
    return queries.select(
        pl.col("user").cast(pl.String).alias("query"),
        pl.lit("validation users").alias("fold"),
        "score",
        WEIGHT,
        PART,
        pl.Series("visible clicks", np.array(LENGTH_NAMES)[np.searchsorted(LENGTHS, queries["clicks"])]),
        pl.from_epoch("time", "ms").dt.strftime("%m-%d").alias("last visible day"),
    )


def collect_evidence(outcome: Validated) -> Evidence:
    """One row per candidate article of a validation user, of several folds those of the first."""
    labelled, articles = outcome.ready.labelled, outcome.ready.articles.value.frame
    fold, (candidates, rows) = outcome.parts[0].fold.value, list_candidates(outcome)
    assert fold.answers is not None
    queries = order_valid(fold, labelled.candidates.value)
    answers = queries.select("query").join(fold.answers, on="query", how="left", maintain_order="left")
    known = answers.join(fold.history.select("item").unique(), on="item", how="semi").height
    ranks = rank_answers(outcome.submitted.value, rows.labels, rows.group_sizes)
    return Evidence(
        candidates=candidates,
        rows=rows,
        ranks=np.pad(ranks, (0, queries.height - len(ranks))),  # those without candidates come last
        example=lambda at: show_list(queries.row(at, named=True), candidates, fold.seen, articles, answers["item"][at]),
        stages=[("all queries", queries.height), ("clicked in the log before", known)],
        cutoffs=(CUTOFF,),
        rivals=list_rivals(
            take_first(outcome.chain.value, queries.height), score_random(rows, 1 / np.arange(1, CUTOFF + 1)), RIVALS
        ),
    )


def list_candidates(outcome: Validated) -> tuple[pl.DataFrame, RankingDataset]:
    """The candidate articles of the validation users, and the features of the same rows."""
    labelled = outcome.ready.labelled
    named = (
        outcome.parts[0].fold.value.queries.filter(role="valid").select("query", user=pl.col("user").cast(pl.String))
    )
    listed = labelled.candidates.value.join(named, on="query", maintain_order="left")
    rows, scores = outcome.parts[0].rows.value.valid, pl.Series(BLEND, outcome.submitted.value)
    return listed.select(pl.col("user").alias("query"), "item", pl.Series("label", rows.labels), scores), rows


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
