"""How many answers the channels and their union hold, before any ranking."""

from collections.abc import Mapping

import polars as pl

from common.learning.split import Fold

RECALL_AT = (5, 10, 50, 100)


def measure_recall(fold: Fold, channels: Mapping[str, pl.DataFrame], candidates: pl.DataFrame) -> pl.DataFrame:
    """Share of validation answers within each channel's first k, and MRR@5 of the channel alone.

    One row per channel, then ``union``, ranked by fusion: channel, mrr@5, recall@5, @10, @50, @100, and recall of all.
    ``only``: the channel's unique hits, as a share of the answers.
    """
    assert fold.answers is not None
    valid = fold.queries.filter(role="valid").select("query")
    answers = fold.answers.join(valid, on="query", how="semi")
    total, rows, hits = max(answers.height, 1), [], []
    for name, channel in channels.items():
        listed = channel.join(valid, on="query", how="semi", maintain_order="left")
        ranked = listed.with_columns(rank=pl.int_range(pl.len()).over("query") + 1).join(answers, on=["query", "item"])
        rows.append({"channel": name, **_summarise_ranks(ranked["rank"], total)})
        hits.append(ranked.select("query", channel=pl.lit(name)))
    union = candidates.select("query", "item", "fusion").join(valid, on="query", how="semi")
    order = union.with_columns(rank=pl.struct(-pl.col("fusion"), "item").rank("ordinal").over("query"))
    rows.append({"channel": "union", **_summarise_ranks(order.join(answers, on=["query", "item"])["rank"], total)})
    unique_hits = pl.concat(hits).filter(pl.len().over("query") == 1).group_by("channel").agg(only=pl.len() / total)
    table = pl.DataFrame(rows).join(unique_hits, on="channel", how="left", maintain_order="left")
    return table.with_columns(pl.col("only").fill_null(0.0))


def _summarise_ranks(rank: pl.Series, answers: int) -> dict[str, float]:
    reciprocal = float((1 / rank.filter(rank <= 5)).sum())
    within = {f"recall@{k}": float((rank <= k).sum()) / answers for k in RECALL_AT}
    return {"mrr@5": reciprocal / answers, **within, "recall@all": len(rank) / answers}
