"""The third place's idea (.2592 on the host's board): pairs at exact 30 s steps, hot new articles, a ranker on columns.

Its ranker sees no retrieval score: it tells articles apart by creation time, category and length, and times them by
the clock of the last click. As published, the pairs are counted in the whole log, the training queries' own included.
"""

import lightgbm
import numpy as np
import polars as pl

from common.learning.cooccurrence import keep_top
from common.learning.dataset import to_matrix
from common.learning.split import Fold
from common.time_units import HOUR_MS
from competitions.news.lab.neighbours import drop_seen
from competitions.news.split import CONTEXT, GAP_MS, add_context, find_targets, own_past

PAIR_LEAST, PAIR_TOP, PAIR_AGE_HOURS = 2, 25, 27.0
HOT_TOP, HOT_FROM_HOURS, HOT_TO_HOURS = 10, 3.0, 27.0
TRAINING_QUERIES = 100_000
NEGATIVES = 5  # a query
ROUNDS, PATIENCE, STOP_SHARE = 1000, 50, 0.2
PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "deterministic": True,
    "verbosity": -1,
    "metric": "ndcg",
    "eval_at": [5],
}


def list_by_gap_pairs(fold: Fold, articles: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The retrieval alone: pairs by their counts, then hot new articles by theirs: query, item, score."""
    return retrieve(fold, articles).select("query", "item", "score")


def list_by_gap_ranker(fold: Fold, articles: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same candidates, ranked by LightGBM on columns of articles and users: query, item, score.

    Where no training answer is retrieved, as in the smallest logs, in the retrieval's order.
    """
    train = take_training_queries(fold, seed)
    assert train.answers is not None
    rows = add_columns(train, retrieve(train, articles), articles)
    rows = rows.join(train.answers.with_columns(label=1.0), on=["query", "item"], how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("label").fill_null(0.0), draw=np.random.default_rng(seed).random(rows.height))
    order = (pl.col("draw") - pl.col("label")).rank("ordinal").over("query")
    thin = rows.filter((pl.col("label").max().over("query") > 0) & (order <= NEGATIVES + 1)).drop("draw")
    held = pl.col("query").hash(seed) % 100 < 100 * STOP_SHARE
    parts = [thin.filter(part) for part in (~held, held)]
    if not all(part.height for part in parts):
        return list_by_gap_pairs(fold, articles, seed)
    data, stop = map(_dataset, parts)
    quiet = lightgbm.early_stopping(PATIENCE, verbose=False)
    model = lightgbm.train(PARAMETERS | {"seed": seed}, data, ROUNDS, valid_sets=[stop], callbacks=[quiet])
    wanted = add_columns(fold, retrieve(fold, articles), articles)
    score = pl.Series(np.asarray(model.predict(_features(wanted)), np.float64))
    return keep_top(wanted.lazy().select("query", "item", score=pl.lit(score)), "query", "item", "score", 50)


def take_training_queries(fold: Fold, seed: int) -> Fold:
    """The latest 30 s step of up to TRAINING_QUERIES users of the history; nothing is hidden from the counts."""
    latest = find_targets(fold.history).sort("user")
    drawn = latest.sample(min(TRAINING_QUERIES, latest.height), seed=seed).sort("user").with_row_index("query")
    chosen = drawn.with_columns(pl.col("query").cast(pl.Int32))
    seen = own_past(fold.history, chosen)
    queries = add_context(chosen.select("query", "user"), seen)
    return Fold(fold.history, queries, seen, chosen.select("query", "item"))


def retrieve(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    """Candidates (query, item, score): pairs score 1 + their count, hot articles below 1 by theirs."""
    pairs = follow_pairs(fold, count_gap_pairs(fold.history), articles).with_columns(pl.col("score") + 1.0)
    hot = list_hot(fold, articles).with_columns(pl.col("score") / (pl.col("score").max() + 1.0))
    best = pl.concat([pairs, hot]).group_by("query", "item").agg(pl.col("score").max())
    return best.sort(["query", "score", "item"], descending=[False, True, False])


def count_gap_pairs(history: pl.DataFrame) -> pl.DataFrame:
    """(item, neighbour, count) of steps of exactly GAP_MS, in both directions, seen PAIR_LEAST times or more."""
    log = history.lazy().sort("user", "time", "item")
    step = (pl.col("user") == pl.col("user").shift(1)) & (pl.col("time") - pl.col("time").shift(1) == GAP_MS)
    one_way = log.select("item", neighbour=pl.col("item").shift(1), keep=step).filter("keep").drop("keep")
    both = pl.concat([one_way, one_way.select(item="neighbour", neighbour="item")])
    return both.group_by("item", "neighbour").agg(count=pl.len()).filter(pl.col("count") >= PAIR_LEAST).collect()


def follow_pairs(fold: Fold, pairs: pl.DataFrame, articles: pl.DataFrame) -> pl.DataFrame:
    """The PAIR_TOP partners of the clicked articles that are at most PAIR_AGE_HOURS old, by summed count."""
    times = fold.queries.lazy().select("query", now="time")
    own = fold.seen.lazy().join(articles.lazy().select("item", "created"), on="item").join(times, on="query")
    young = own.filter(pl.col("now") - pl.col("created") <= PAIR_AGE_HOURS * HOUR_MS)
    reached = young.join(pairs.lazy(), on="item").group_by("query", item="neighbour")
    scored = reached.agg(score=pl.col("count").sum().cast(pl.Float64))
    return keep_top(drop_seen(scored, fold.seen), "query", "item", "score", PAIR_TOP)


def list_hot(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    """The HOT_TOP most clicked articles created HOT_FROM_HOURS to HOT_TO_HOURS before the last click."""
    counts = fold.history.group_by("item").agg(score=pl.len().cast(pl.Float64))
    born = articles.join(counts, on="item").select("item", "score", "created")
    hour = fold.queries.select("query", "time", hour=pl.col("time") // HOUR_MS)
    reach = range(int(HOT_FROM_HOURS), int(HOT_TO_HOURS) + 2)
    shifted = [born.with_columns(hour=pl.col("created") // HOUR_MS + hours) for hours in reach]
    spread = pl.concat(shifted).join(hour.select("hour").unique(), on="hour", how="semi").lazy()
    order = pl.struct(-pl.col("score"), "item").rank("ordinal").over("hour")
    likely = spread.filter(order <= 8 * HOT_TOP)  # more than are seen or lie outside the hours to the minute
    age = (pl.col("time") - pl.col("created")) / HOUR_MS
    near = hour.lazy().join(likely, on="hour").filter(age.is_between(HOT_FROM_HOURS, HOT_TO_HOURS))
    return keep_top(drop_seen(near.select("query", "item", "score"), fold.seen), "query", "item", "score", HOT_TOP)


def add_columns(fold: Fold, candidates: pl.DataFrame, articles: pl.DataFrame) -> pl.DataFrame:
    """The candidates with columns of the article, of the user's clicks and of the device; times in hours."""
    own = fold.seen.join(articles, on="item", maintain_order="left").sort("query", "back", descending=[False, True])
    age = (pl.col("time") - pl.col("created")) / HOUR_MS
    users = own.group_by("query", maintain_order=True).agg(
        now=pl.col("time").last() / HOUR_MS,
        words_mean=pl.col("words").mean(),
        words_least=pl.col("words").min(),
        words_most=pl.col("words").max(),
        last_age=age.last(),
        last_step=pl.col("time").diff().last() / HOUR_MS,
        last_birth_step=pl.col("created").diff().last() / HOUR_MS,
        **{name: pl.col(name).mode().min() for name in CONTEXT},
    )
    about = articles.select("item", "category", "words", created=pl.col("created") / HOUR_MS)
    rows = candidates.select("query", "item").join(about, on="item").join(users, on="query").sort("query", "item")
    return rows.with_columns(
        age=pl.col("now") - pl.col("created"), words_difference=pl.col("words_mean") - pl.col("words")
    )


def _features(rows: pl.DataFrame) -> np.ndarray:
    """Float32 keeps hours since 1970 to half a minute: enough to tell articles apart, as the host's ms do."""
    start = pl.col("now", "created") - 419_000.0
    return to_matrix(rows.with_columns(start).drop("query", "item", "label", strict=False))


def _dataset(rows: pl.DataFrame) -> lightgbm.Dataset:
    sizes = rows.group_by("query", maintain_order=True).len()["len"].to_numpy()
    return lightgbm.Dataset(_features(rows), rows["label"].to_numpy(), group=sizes)
