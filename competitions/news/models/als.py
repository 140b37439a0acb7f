"""Matrix factorisation of readers x articles, as a channel of its own."""

import numpy as np
import polars as pl

from common.retrieval.als import FactorSettings, count_matrix, factorise, find_users
from common.split import Fold

FACTORS = FactorSettings(size=48, ridge=1.0, alpha=20.0, rounds=12)
BLOCK = 512  # queries that are scored against every article at once


def list_by_factors(fold: Fold, top: int, seed: int) -> pl.DataFrame:
    """The ``top`` articles of each query by inner product, seen ones left out: query, item, score; best first.

    Articles' vectors are learned from ``fold.history``; a query's is fitted to its own past, so that a reader whose
    clicks were hidden is treated like any other.
    """
    items = fold.history["item"].unique().sort()
    users = fold.history["user"].unique().sort()
    places = items.search_sorted(fold.history["item"]).to_numpy(), users.search_sorted(fold.history["user"]).to_numpy()
    vectors = factorise(count_matrix(places[1], places[0], (len(users), len(items))), FACTORS, seed)
    queries = fold.queries["query"].sort()
    known = fold.seen.join(items.to_frame(), on="item", how="semi", maintain_order="left")
    row, column = queries.search_sorted(known["query"]).to_numpy(), items.search_sorted(known["item"]).to_numpy()
    own = count_matrix(row, column, (len(queries), len(items)))
    parts = []
    for start in range(0, len(queries), BLOCK):
        block = own[start : start + BLOCK]
        scores = find_users(block, vectors, FACTORS) @ vectors.T
        seen = block.tocoo()
        scores[seen.row, seen.col] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        value = np.take_along_axis(scores, best, 1)
        asked = np.repeat(queries[start : start + BLOCK].to_numpy(), best.shape[1])
        frame = {"query": asked, "item": items.to_numpy()[best.ravel()], "score": value.ravel()}
        parts.append(pl.DataFrame(frame).filter(pl.col("score").is_finite()))
    return pl.concat(parts)
