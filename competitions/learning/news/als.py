"""Matrix factorisation of users x articles, as a channel of its own."""

import numpy as np
import polars as pl

from common.arrays import Singles
from common.learning.als import count_matrix, factorise, find_users
from common.learning.split import Fold
from common.retrieval.settings import FactorSettings

FACTORS = FactorSettings(size=48, ridge=1.0, alpha=20.0, rounds=12)
BLOCK = 512  # queries that are scored against every article at once


def fit_factors(fold: Fold, seed: int) -> tuple[pl.Series, Singles]:
    """The articles (ids, ascending) of ``fold.history``, and the vector of each: float32 [articles, size]."""
    items = fold.history["item"].unique().sort()
    users = fold.history["user"].unique().sort()
    row, column = users.search_sorted(fold.history["user"]), items.search_sorted(fold.history["item"])
    clicks = count_matrix(row.to_numpy(), column.to_numpy(), (len(users), len(items)))
    return items, factorise(clicks, FACTORS, seed)


def list_by_factors(fold: Fold, top: int, seed: int) -> pl.DataFrame:
    """The ``top`` articles of each query by inner product, seen ones left out: query, item, score; best first.

    A query's vector is fitted to its own past, so that a user whose clicks were hidden is treated like any other.
    """
    items, vectors = fit_factors(fold, seed)
    queries = fold.queries["query"].sort()
    known = fold.seen.join(items.to_frame(), on="item", how="semi", maintain_order="left")
    row, column = queries.search_sorted(known["query"]), items.search_sorted(known["item"])
    own = count_matrix(row.to_numpy(), column.to_numpy(), (len(queries), len(items)))
    parts = []
    for start in range(0, len(queries), BLOCK):
        block = own[start : start + BLOCK]
        scores = find_users(block, vectors, FACTORS) @ vectors.T
        seen = block.tocoo()
        scores[seen.row, seen.col] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        value = np.take_along_axis(scores, best, 1)
        query = np.repeat(queries[start : start + BLOCK].to_numpy(), best.shape[1])
        frame = {"query": query, "item": items.to_numpy()[best.ravel()], "score": value.ravel()}
        parts.append(pl.DataFrame(frame).filter(pl.col("score").is_finite()))
    return pl.concat(parts)
