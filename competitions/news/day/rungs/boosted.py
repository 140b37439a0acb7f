"""The second place's scheme: retrieval, then LightGBM on similarities, article and user columns.

Training queries are cut out of the history itself: the last click of users who are not queries, hidden from all
counts that their rows are computed from.
"""

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.cooccurrence import count_covisits, keep_top, link_bipartite
from common.learning.dataset import to_matrix
from common.learning.split import Fold, cut_history
from common.retrieval.channels import score_neighbours
from competitions.news.day.rungs.neighbours import BY_POSITION, LAST_TWO
from competitions.news.split import describe_queries, find_targets, own_past

GAP_MS = 30_000
HOUR_MS = 3_600_000
TRAINING_QUERIES = 15_000
PER_CHANNEL = 50
ROUNDS = 200
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 64,
    "max_depth": 10,
    "feature_fraction": 0.8,
    "lambda_l1": 0.5,
    "lambda_l2": 0.5,
    "deterministic": True,
    "verbosity": -1,
}


def list_by_boosting(fold: Fold, articles: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Candidates of co-visitation and the bi-network, ranked by a LightGBM classifier: query, item, score.

    Where no training answer is retrieved, as in the smallest logs, by co-visitation alone.
    """
    train = cut_training_fold(fold, TRAINING_QUERIES, seed)
    assert train.answers is not None
    rows = make_rows(train, articles)
    marked = rows.join(train.answers.with_columns(label=1.0), on=["query", "item"], how="left", maintain_order="left")
    held = marked.filter(pl.col("label").max().over("query") > 0)  # queries whose answer was retrieved
    if not held.height:
        return score_neighbours(fold.seen, count_covisits(fold.history, BY_POSITION), LAST_TWO, PER_CHANNEL)
    data = lightgbm.Dataset(_features(held), held["label"].fill_null(0.0).to_numpy())
    model = lightgbm.train(PARAMETERS | {"seed": seed}, data, ROUNDS)
    return _score(model, make_rows(fold, articles))


def cut_training_fold(fold: Fold, count: int, seed: int) -> Fold:
    """Up to ``count``, and half, of the users who are not queries, their last click hidden from the history."""
    targets = find_targets(fold.history, GAP_MS).filter(pl.col("is_last"))
    free = targets.join(fold.queries.select("user"), on="user", how="anti").sort("user")
    drawn = free.sample(min(count, free.height // 2), seed=seed).sort("user").with_row_index("query")
    chosen = drawn.with_columns(pl.col("query").cast(pl.Int32))
    seen = own_past(fold.history, chosen)
    queries = describe_queries(chosen.select("query", "user"), seen)
    return Fold(cut_history(fold.history, chosen), queries, seen, chosen.select("query", "item"))


def make_rows(fold: Fold, articles: pl.DataFrame) -> pl.DataFrame:
    """One row per candidate: query, item, and the public solution's kinds of columns; hours and plain counts."""
    table, network = count_covisits(fold.history, BY_POSITION), link_bipartite(fold.history, top=100)
    lists = {
        "cf": score_neighbours(fold.seen, table, LAST_TWO, PER_CHANNEL),
        "network": score_neighbours(fold.seen, network, LAST_TWO, PER_CHANNEL),
    }
    union = pl.concat([part.select("query", "item") for part in lists.values()]).unique().sort("query", "item").lazy()
    for name, part in lists.items():
        union = union.join(part.lazy().rename({"score": name}), on=["query", "item"], how="left")
    last = fold.seen.lazy().filter(back=0).select("query", last="item")
    near = table.lazy().select(last="item", item="neighbour", last_similarity="weight")
    about = articles.lazy().select("item", "category", "created", "words")
    counts = fold.history.lazy().group_by("item").agg(clicks=pl.len())
    liked = fold.seen.lazy().join(about, on="item").group_by("query", "category").agg(category_clicks=pl.len())
    users = _describe_users(fold.seen, articles).lazy()
    rows = union.join(last, on="query").join(near, on=["last", "item"], how="left").join(about, on="item")
    rows = rows.join(counts, on="item", how="left").join(liked, on=["query", "category"], how="left")
    rows = rows.join(users, on="query").with_columns(
        age=(pl.col("last_time") - pl.col("created")) / HOUR_MS,
        born_after_last=(pl.col("created") - pl.col("last_created")) / HOUR_MS,
        words_difference=pl.col("words") - pl.col("last_words"),
        created=pl.col("created") / HOUR_MS,
    )
    return rows.drop("last", "last_time", "last_created", "last_words").sort("query", "item").collect()


def _describe_users(seen: pl.DataFrame, articles: pl.DataFrame) -> pl.DataFrame:
    """One row a query: what its own clicks tell of the user."""
    own = seen.join(articles, on="item", maintain_order="left").sort("query", "back", descending=[False, True])
    age = (pl.col("time") - pl.col("created")) / HOUR_MS
    return own.group_by("query", maintain_order=True).agg(
        last_time=pl.col("time").last(),
        last_created=pl.col("created").last(),
        last_words=pl.col("words").last(),
        user_clicks=pl.len(),
        user_age=age.mean(),
        user_age_spread=age.std(),
        user_words=pl.col("words").mean(),
        user_step=pl.col("time").diff().mean() / HOUR_MS,
        user_hour_spread=(pl.col("time") // HOUR_MS % 24).std(),
    )


def _features(rows: pl.DataFrame) -> NDArray[np.float32]:
    columns = rows.drop("query", "item", "label", strict=False)
    return to_matrix(columns.with_columns(pl.col(pl.Int64).cast(pl.Float32)))


def _score(model: lightgbm.Booster, rows: pl.DataFrame) -> pl.DataFrame:
    scores = np.asarray(model.predict(_features(rows)), np.float64)
    return keep_top(rows.lazy().select("query", "item", score=pl.lit(pl.Series(scores))), "query", "item", "score", 50)
