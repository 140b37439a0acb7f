"""A channel: a linear model of each item from the others, in closed form (Steck 2019, "Embarrassingly shallow
autoencoders for sparse data").

With X (users, items) of 0 and 1, it is the B with a diagonal of 0 that minimises |X - X B|^2 + ridge |B|^2:
B = I - P / diag(P) by column, P = (X'X + ridge I)^-1. A query's score of item j is the sum of B[i, j] over the i that
it saw: an item-to-item table, followed from every click.
"""

import numpy as np
import polars as pl
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from common.arrays import lookup_rows
from common.learning.als import count_matrix
from common.learning.cooccurrence import keep_top
from common.retrieval.neighbours import NO_NEIGHBOURS, Followed, index_neighbours
from common.retrieval.settings import EaseSettings


def fit_ease(history: pl.DataFrame, settings: EaseSettings, seed: int) -> Followed:
    """Fit a history: user, item."""
    del seed
    return Followed(index_neighbours(solve_ease(history, settings)), settings.follow)


def solve_ease(history: pl.DataFrame, settings: EaseSettings) -> pl.DataFrame:
    """B as a table of (item, neighbour, weight): each item's ``top`` by falling weight.

    >>> history = pl.DataFrame({"user": [0, 0, 1, 1, 2], "item": [7, 8, 7, 8, 9]})
    >>> table = solve_ease(history, EaseSettings(ridge=1.0, top=1))  # the inverse is [[3, -2], [-2, 3]] / 5
    >>> table.cast({"weight": pl.Float64}).with_columns(pl.col("weight").round(3)).rows()[:2]
    [(7, 8, 0.667), (8, 7, 0.667)]
    """
    pairs = history.lazy().select("user", "item").unique()
    sizes = pairs.group_by("item").agg(users=pl.len()).sort(["users", "item"], descending=[True, False])
    kept = pairs.join(sizes.head(settings.items), on="item", how="semi").collect()
    if kept.is_empty():
        return NO_NEIGHBOURS
    items, users = (np.unique(kept[name].to_numpy()) for name in ("item", "user"))
    row, column = (lookup_rows(ids, kept[name].to_numpy()) for ids, name in ((users, "user"), (items, "item")))
    seen = count_matrix(row, column, (len(users), len(items)))
    gram = (seen.T @ seen).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += settings.ridge
    with threadpool_limits(1, "blas"):  # which rounds by the number of its threads
        inverse = cho_solve(cho_factor(gram, lower=True), np.eye(len(items)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, -np.inf)
    most = min(settings.top, len(items) - 1)
    best = np.argpartition(-weights, most - 1, axis=1)[:, :most] if most else np.empty((len(items), 0), np.int64)
    values = np.take_along_axis(weights, best, 1)
    columns = {"item": np.repeat(items, best.shape[1]), "neighbour": items[best.ravel()], "weight": values.ravel()}
    table = pl.LazyFrame(columns, schema_overrides=NO_NEIGHBOURS.schema)
    return keep_top(table, "item", "neighbour", "weight", settings.top)
