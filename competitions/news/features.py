"""Features in blocks named by grain. Each reads a fold's history and queries, never its answers.

``query_`` and ``user_``: one row per query. ``item_``, ``pair_`` and ``channel_``: one row per candidate, in the order
of the candidates, so that blocks stand side by side without a join.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.features import HOUR_MS, attach, count_events, lookup_rows, rank_within, share_within
from common.pipeline.progress import track
from common.pipeline.run import Result, Run
from common.ranking.dataset import Matrix, to_matrix
from common.retrieval.cooccurrence import normalise_rows
from common.retrieval.item2vec import ItemVectors
from common.split import Fold
from competitions.news.io.reader import Embeddings
from competitions.news.retrieval import FoldInputs
from competitions.news.split import CONTEXT

SESSION_MS = 30 * 60_000
WINDOWS_HOURS = {  # (before, after) the user's last visible click
    "item_clicks_m15min": (0.25, 0.0),
    "item_clicks_p15min": (0.0, 0.25),
    "item_clicks_m1h": (1.0, 0.0),
    "item_clicks_p1h": (0.0, 1.0),
    "item_clicks_m3h": (3.0, 0.0),
    "item_clicks_p3h": (0.0, 3.0),
    "item_clicks_m6h": (6.0, 0.0),
    "item_clicks_p6h": (0.0, 6.0),
    "item_clicks_m24h": (24.0, 0.0),
    "item_clicks_p24h": (0.0, 24.0),
    "item_clicks_p24h_72h": (-24.0, 72.0),
    "item_clicks_all": (1e5, 1e5),
}
RANKED_WINDOWS = ("item_clicks_p1h", "item_clicks_m6h", "item_clicks_p24h", "item_clicks_all")
LIFT_CONTEXTS = ("device_group", "os", "region", "referrer")
Blocks = Mapping[str, pl.DataFrame]  # "query": one row per query; the others: one row per candidate, in order
CHUNK_ROWS = 200_000  # 200 MB a gather of 250-wide vectors


def build_blocks(
    run: Run, inputs: FoldInputs, candidates: Result[pl.DataFrame], names: Sequence[str]
) -> dict[str, Result[pl.DataFrame]]:
    """The blocks of a fold as steps; those that are named, in that order."""
    step, prefix, fold, articles = run.step, inputs.name, inputs.fold, inputs.articles
    vectors, content = inputs.vectors, inputs.content
    blocks = {
        "query": step(query_block, fold, articles, name=f"{prefix}.query_block"),
        "item": step(item_block, fold, articles, candidates, name=f"{prefix}.item_block"),
        "pair": step(pair_block, fold, articles, candidates, vectors, content, name=f"{prefix}.pair_block"),
        "channel": step(channel_block, candidates, name=f"{prefix}.channel_block"),
    }
    return {name: blocks[name] for name in names}


def query_block(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    """One row per query: time, device, length of the history, the session and the user's habits."""
    seen = fold.seen.join(articles, on="item", how="left").sort("query", "back", descending=[False, True])
    wait = (pl.col("time") - pl.col("time").shift(1)).over("query")
    starts = (wait.fill_null(SESSION_MS + 1) > SESSION_MS).cast(pl.Int32)
    sessions = seen.with_columns(wait=wait, session=starts.cum_sum().over("query"))
    in_last = pl.col("session") == pl.col("session").max()
    habits = sessions.group_by("query", maintain_order=True).agg(
        query_sessions=pl.col("session").max(),
        query_session_clicks=in_last.sum(),
        query_session_minutes=(pl.col("time").max() - pl.col("time").filter(in_last).min()) / 60_000,
        query_last_wait_minutes=pl.col("wait").last() / 60_000,
        query_span_hours=(pl.col("time").max() - pl.col("time").min()) / HOUR_MS,
        user_categories=pl.col("category").n_unique(),
        user_words=pl.col("words").mean(),
        user_age_hours=((pl.col("time") - pl.col("created")) / HOUR_MS).median(),
        query_last_age_hours=((pl.col("time") - pl.col("created")) / HOUR_MS).last(),
    )
    basis = fold.queries.select(
        "query",
        query_hour=pl.col("time") // HOUR_MS % 24,
        query_clicks=pl.col("clicks"),
        **{f"query_{name}": pl.col(name) for name in CONTEXT},
    )
    return attach(basis, habits, ["query"]).with_columns(pl.exclude("query").cast(pl.Float32))


def item_block(fold: Fold, articles: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per candidate: clicks on the article in windows around the query's time, its age and its life."""
    rows = attach(candidates.select("query", "item"), fold.queries.select("query", "time"), ["query"])
    history = fold.history
    counts, _ = count_events(history["item"].to_numpy(), history["time"].to_numpy())
    items, times = rows["item"].to_numpy(), rows["time"].to_numpy()
    order = np.lexsort((times, items))  # neighbouring searches hit neighbouring memory: several times faster
    columns = {}
    for name, (before, after) in track(WINDOWS_HOURS.items(), "item_block"):
        column = np.empty(len(order), np.float32)
        column[order] = counts.between(items[order], times[order], before, after)
        columns[name] = column
    counted = rows.with_columns(**{name: pl.Series(column) for name, column in columns.items()})
    life = history.group_by("item").agg(
        item_first=pl.col("time").min(), item_last=pl.col("time").max(), item_middle=pl.col("time").median()
    )
    known = attach(attach(counted, life, ["item"]), articles.select("item", "created", "words"), ["item"])
    hours = {
        f"item_{name}_hours": (pl.col("time") - pl.col(column)) / HOUR_MS
        for name, column in {
            "age": "created",
            "since_first": "item_first",
            "since_last": "item_last",
            "since_middle": "item_middle",
        }.items()
    }
    trend = pl.col("item_clicks_p1h") / (pl.col("item_clicks_m1h") + 1)
    trend_6h = pl.col("item_clicks_p6h") / (pl.col("item_clicks_m6h") + 1)
    within = [*(share_within(name) for name in WINDOWS_HOURS), *(rank_within(name) for name in RANKED_WINDOWS)]
    described = known.select(
        "query", *WINDOWS_HOURS, item_words=pl.col("words"), item_trend=trend, item_trend_6h=trend_6h, **hours
    )
    return described.with_columns(within).drop("query").cast(pl.Float32)


def pair_block(
    fold: Fold,
    articles: pl.DataFrame,
    candidates: pl.DataFrame,
    vectors: ItemVectors,
    content: Embeddings | None,
    counts: Mapping[str, "ContextCounts"] | None = None,
) -> pl.DataFrame:
    """One row per candidate: the article against the user's past and context.

    ``counts``: clicks by context, where the fold's history is not the whole log.
    """
    rows = attach(candidates.select("query", "item"), articles, ["item"])
    rows = attach(rows, _describe_users(fold, articles), ["query"])
    rows = attach(rows, _count_categories(fold, articles), ["query", "category"])
    compared = rows.select(
        pair_same_category=(pl.col("category") == pl.col("last_category")).cast(pl.Float32),
        pair_category_share=pl.col("category_clicks") / pl.col("clicks"),
        pair_category_recent=pl.col("category_recent"),
        pair_words_difference=pl.col("words") - pl.col("mean_words"),
        pair_created_difference_hours=(pl.col("created") - pl.col("last_created")) / HOUR_MS,
    ).cast(pl.Float32)
    counts = counts or {context: count_context(fold.history, context) for context in LIFT_CONTEXTS}
    lifts = [measure_lift(fold.queries, candidates, context, counts[context]) for context in LIFT_CONTEXTS]
    near = [_compare(fold, candidates, vectors, "item2vec")]
    if content is not None:
        near.append(_compare(fold, candidates, content, "content"))
    return pl.concat([compared, *lifts, *near], how="horizontal")


def _describe_users(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    read = fold.seen.join(articles, on="item", how="left").sort("query", "back")
    return read.group_by("query", maintain_order=True).agg(
        last_category=pl.col("category").first(),
        last_created=pl.col("created").first(),
        mean_words=pl.col("words").mean(),
        clicks=pl.len(),
    )


def _count_categories(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    read = fold.seen.join(articles.select("item", "category"), on="item").sort("query", "back")
    counted = read.group_by("query", "category", maintain_order=True)
    return counted.agg(category_clicks=pl.len(), category_recent=(0.8 ** pl.col("back")).sum())


@dataclass(frozen=True)
class ContextCounts:
    """Clicks by (context, item): ``both``; by context: ``here``; by item: ``whole``; and in all."""

    both: pl.DataFrame
    here: pl.DataFrame
    whole: pl.DataFrame
    clicks: int


def count_context(history: pl.DataFrame, context: str) -> ContextCounts:
    """Clicks by one column of the context: a device, a region."""
    both = history.group_by(context, "item").agg(both=pl.len())
    here, whole = history.group_by(context).agg(here=pl.len()), history.group_by("item").agg(whole=pl.len())
    return ContextCounts(both, here, whole, history.height)


def measure_lift(queries: pl.DataFrame, candidates: pl.DataFrame, context: str, counts: ContextCounts) -> pl.DataFrame:
    """How much more often than everybody the users of one context (a device, a region) click the article: a log ratio.

    log of (clicks on the article in the context + 1) / (expected + 1), where expected is (clicks on the article + 10) *
    (clicks in the context + 10) / all clicks. The smoothing pulls articles with few clicks towards the same value.
    """
    rows = attach(candidates.select("query", "item"), queries.select("query", context), ["query"])
    rows = attach(attach(rows, counts.both, [context, "item"]), counts.here, [context])
    rows = attach(rows, counts.whole, ["item"]).fill_null(0)
    expected = (pl.col("whole") + 10) * (pl.col("here") + 10) / max(counts.clicks, 1)
    lift = ((pl.col("both") + 1) / (expected + 1)).log()
    return rows.select(lift.cast(pl.Float32).alias(f"pair_{context}_lift"))


def _compare(fold: Fold, candidates: pl.DataFrame, vectors: ItemVectors | Embeddings, name: str) -> pl.DataFrame:
    """Cosine of the article with the last click, and with the decayed mean of the last five; null without a vector."""
    unit = np.vstack([normalise_rows(vectors.vectors), np.zeros((1, vectors.vectors.shape[1]), np.float32)])
    missing = len(unit) - 1
    recent = fold.seen.filter(pl.col("back") < 5).sort("query", "back")
    rows = lookup_rows(vectors.items, recent["item"].to_numpy(), missing)
    height = int(fold.queries["query"].max()) + 1 if fold.queries.height else 0  # type: ignore[arg-type]
    last, mean = np.full(height, missing), np.zeros((height, unit.shape[1]), np.float32)
    queries, back = recent["query"].to_numpy(), recent["back"].to_numpy()
    last[queries[back == 0]] = rows[back == 0]
    for step in range(5):
        at = back == step
        mean[queries[at]] += 0.7**step * unit[rows[at]]
    mean = normalise_rows(mean)
    cosines = {f"pair_{name}_{kind}": np.empty(candidates.height, np.float32) for kind in ("last", "mean")}
    for start in track(range(0, candidates.height, CHUNK_ROWS), f"pair_{name}"):
        part = slice(start, start + CHUNK_ROWS)
        queries = candidates["query"][part].to_numpy()
        rows = lookup_rows(vectors.items, candidates["item"][part].to_numpy(), missing)
        own = unit[rows]
        for column, table, others in zip(cosines.values(), (unit, mean), (last[queries], queries), strict=True):
            column[part] = np.einsum("ij,ij->i", own, table[others])
            column[part][rows == missing] = np.nan
    return pl.DataFrame(cosines)


def channel_block(candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per candidate: each channel's rank, score and share of the query's best score, and their fusion."""
    scores = [column for column in candidates.columns if column.startswith("score_")]
    ranks = [column for column in candidates.columns if column.startswith("rank_")]
    named = candidates.select("query", "fusion", *scores, *ranks)
    within = named.with_columns(rank_within("fusion"), *(share_within(score) for score in scores))
    return within.drop("query").rename(lambda name: f"channel_{name}").cast(pl.Float32)


def feature_names(blocks: Blocks) -> tuple[str, ...]:
    """Names of the feature columns, block after block."""
    return tuple(name for block in blocks.values() for name in block.columns if name != "query")


def stack(queries: pl.Series, blocks: Blocks, rows: NDArray[np.int64] | slice) -> Matrix:
    """The features of some candidate rows side by side, float32 (rows, features)."""
    matrices = []
    for name, block in blocks.items():
        if name == "query":
            part = queries.to_frame("query").join(block, on="query", how="left", maintain_order="left").drop("query")
        else:
            part = block[rows]
        matrices.append(to_matrix(part))
    return np.hstack(matrices)
