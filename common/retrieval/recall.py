"""How many answers the channels and their union hold, before any ranking."""

from collections.abc import Mapping

import polars as pl

from common.learning.split import Fold

RECALL_AT = (5, 10, 50, 100)


def measure_recall(fold: Fold, channels: Mapping[str, pl.DataFrame], candidates: pl.DataFrame) -> pl.DataFrame:
    """Share of validation answers (of all, where queries have no ``role``) within each channel's first k, and MRR@5 of
    the channel alone.

    One row per channel, then ``union``, ranked by fusion: channel, mrr@5, recall@5, @10, @50, @100, and recall of all.
    ``only``: the channel's unique hits, as a share of the answers. Of a query's answers the first found counts for MRR.
    """
    assert fold.answers is not None
    has_roles = "role" in fold.queries.columns
    valid = (fold.queries.filter(role="valid") if has_roles else fold.queries).select("query")
    answers = fold.answers.join(valid, on="query", how="semi")
    asked, total, rows, hits = max(answers["query"].n_unique(), 1), max(answers.height, 1), [], []
    for name, channel in channels.items():
        listed = channel.join(valid, on="query", how="semi", maintain_order="left")
        ranked = listed.with_columns(rank=pl.int_range(pl.len()).over("query") + 1).join(answers, on=["query", "item"])
        rows.append({"channel": name, **_summarise_ranks(ranked, asked, total)})
        hits.append(ranked.select("query", "item", channel=pl.lit(name)))
    union = candidates.select("query", "item", "fusion").join(valid, on="query", how="semi")
    order = union.with_columns(rank=pl.struct(-pl.col("fusion"), "item").rank("ordinal").over("query"))
    rows.append({"channel": "union", **_summarise_ranks(order.join(answers, on=["query", "item"]), asked, total)})
    found_once = pl.concat(hits).filter(pl.len().over("query", "item") == 1)
    unique_hits = found_once.group_by("channel").agg(only=pl.len() / total)
    table = pl.DataFrame(rows).join(unique_hits, on="channel", how="left", maintain_order="left")
    return table.with_columns(pl.col("only").fill_null(0.0))


def _summarise_ranks(found: pl.DataFrame, queries: int, answers: int) -> dict[str, float]:
    """Of the answers that were found: query, rank."""
    first = found.group_by("query", maintain_order=True).agg(pl.col("rank").min())["rank"]
    reciprocal, rank = float((1 / first.filter(first <= 5)).sum()), found["rank"]
    within = {f"recall@{k}": float((rank <= k).sum()) / answers for k in RECALL_AT}
    return {"mrr@5": reciprocal / queries, **within, "recall@all": len(rank) / answers}
