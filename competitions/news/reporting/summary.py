"""The closing summary: what was read, how the folds compare, what each channel finds, what each model scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.pipeline.run import Result
from common.ranking.blending import Blend
from common.ranking.gbdt import Ranker
from common.split import Fold
from common.submission import Checked
from competitions.news.io import reader
from competitions.news.ranking import Labelled
from competitions.news.split import DAY_MS

RECALL_AT = (5, 10, 50, 100)
LENGTHS = {1: "01", 2: "02", 4: "03-04", 8: "05-08", 16: "09-16", 32: "17-32"}  # of a history: at most -> its class


@dataclass(frozen=True)
class Prepared:
    """From raw files to rows with features: what is read, asked, recalled, and the labelled rows.

    ``labelled`` and ``test`` are the two folds; ``channels`` and ``candidates`` belong to the first, ``asked`` and
    ``blocks`` (candidates and their features) to the second.
    """

    articles: Result[reader.Articles]
    clicks: Result[reader.Clicks]
    content: Result[reader.Embeddings] | None
    catalogue: Result[pl.DataFrame]
    labelled: Result[Fold]
    test: Result[Fold]
    channels: dict[str, Result[pl.DataFrame]]
    candidates: Result[pl.DataFrame]
    rows: Result[Labelled]
    asked: Result[pl.DataFrame]
    blocks: dict[str, Result[pl.DataFrame]]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its summary; results are read from disk when asked."""

    files: reader.RawFiles
    ready: Prepared
    recall: Result[pl.DataFrame]
    scores: Result[list[tuple[float, float]]]
    blend: Result[Blend]
    rankers: Sequence[Result[Ranker]]
    out_of_fold: Result[NDArray[np.float64]]
    checked: Checked


def measure_recall(fold: Fold, channels: Mapping[str, pl.DataFrame], candidates: pl.DataFrame) -> pl.DataFrame:
    """Share of validation answers within each channel's first k, and MRR@5 of the channel alone.

    One row per channel, then ``union``, ranked by fusion: channel, mrr@5, recall@5, @10, @50, @100, and recall of all.
    ``only``: share of the answers that no other channel names.
    """
    assert fold.answers is not None
    asked = fold.queries.filter(role="valid").select("query")
    answers = fold.answers.join(asked, on="query", how="semi")
    rows, hits = [], []
    for name, channel in channels.items():
        ranked = channel.join(asked, on="query", how="semi", maintain_order="left")
        place = ranked.with_columns(rank=pl.int_range(pl.len()).over("query") + 1).join(answers, on=["query", "item"])
        rows.append({"channel": name, **_summarise(place, answers.height)})
        hits.append(place.select("query", channel=pl.lit(name)))
    union = candidates.select("query", "item", "fusion").join(asked, on="query", how="semi")
    order = union.with_columns(rank=pl.struct(-pl.col("fusion"), "item").rank("ordinal").over("query"))
    rows.append({"channel": "union", **_summarise(order.join(answers, on=["query", "item"]), answers.height)})
    lonely = (
        pl.concat(hits)
        .filter(pl.len().over("query") == 1)
        .group_by("channel")
        .agg(only=pl.len() / max(answers.height, 1))
    )
    return (
        pl.DataFrame(rows)
        .join(lonely, on="channel", how="left", maintain_order="left")
        .with_columns(pl.col("only").fill_null(0.0))
    )


def _summarise(places: pl.DataFrame, answers: int) -> dict[str, float]:
    rank, whole = places["rank"], max(answers, 1)
    reciprocal = float((1 / rank.filter(rank <= 5)).sum())
    within = {f"recall@{k}": float((rank <= k).sum()) / whole for k in RECALL_AT}
    return {"mrr@5": reciprocal / whole, **within, "recall@all": len(rank) / whole}


def compare_folds(outcome: Outcome) -> pl.DataFrame:
    """Validation beside test: shares of users by length of the visible history and by day of the last visible click."""
    valid = outcome.ready.labelled.value.queries.filter(role="valid")
    test = outcome.ready.test.value.queries
    tables = [_spread(valid, "validation"), _spread(test, "test")]
    return (
        tables[0].join(tables[1], on=["what", "value"], how="full", coalesce=True).fill_null(0.0).sort("what", "value")
    )


def class_of_length() -> pl.Expr:
    """The class of a history by its number of visible clicks."""
    bins: pl.Expr = pl.lit("33+")
    for most, label in reversed(LENGTHS.items()):
        bins = pl.when(pl.col("clicks") <= most).then(pl.lit(label)).otherwise(bins)
    return bins


def last_day() -> pl.Expr:
    """The day of the last visible click, as 10-31."""
    return pl.from_epoch(pl.col("time") // DAY_MS * DAY_MS, time_unit="ms").dt.strftime("%m-%d")


def _spread(queries: pl.DataFrame, name: str) -> pl.DataFrame:
    parts = [
        queries.select(what=pl.lit("visible clicks"), value=class_of_length()),
        queries.select(what=pl.lit("last visible day"), value=last_day()),
    ]
    return pl.concat(parts).group_by("what", "value").agg((pl.len() / max(queries.height, 1)).alias(name))


def summarise(outcome: Outcome, kinds: Sequence[str]) -> dict[str, Any]:
    """Everything of the closing summary as plain values, for run.json."""
    scores, blend = outcome.scores.value, outcome.blend.value
    notes = [*outcome.files.notes, *outcome.ready.articles.value.notes, *outcome.ready.clicks.value.notes]
    notes += outcome.ready.content.value.notes if outcome.ready.content else ()
    models = {
        kind: {"mrr@5": mrr, "error": error, "rounds": ranker.value.rounds, "weight": weight}
        for kind, (mrr, error), ranker, weight in zip(kinds, scores, outcome.rankers, blend.weights, strict=True)
    }
    gains: dict[str, float] = {}
    for ranker in outcome.rankers:
        total = sum(ranker.value.gain.values()) or 1.0
        for name, gain in ranker.value.gain.items():
            gains[name] = gains.get(name, 0.0) + gain / total / len(outcome.rankers)
    return {
        "board": outcome.files.board,
        "notes": [note._asdict() for note in notes],
        "cv": {"mrr@5": blend.mrr, "error": max(error for _, error in scores), "queries": _count(outcome)},
        "models": models,
        "recall": outcome.recall.value.to_dicts(),
        "folds": compare_folds(outcome).to_dicts(),
        "gains": dict(sorted(gains.items(), key=lambda pair: -pair[1])[:30]),
        "submission": {"path": str(outcome.checked.path), "rows": outcome.checked.rows},
    }


def _count(outcome: Outcome) -> dict[str, int]:
    roles = outcome.ready.labelled.value.queries["role"].value_counts(sort=True)
    return dict(zip(roles["role"].to_list(), roles["count"].to_list(), strict=True)) | {
        "test": outcome.ready.test.value.queries.height
    }
