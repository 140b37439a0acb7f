"""Nearest articles by content embedding."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import lookup_rows, normalise_rows
from common.learning.cooccurrence import keep_top
from common.learning.split import Fold
from common.retrieval.neighbours import NO_NEIGHBOURS
from common.time_units import HOUR_MS
from competitions.news.io.reader import Embeddings

TOP, SPAN_HOURS = 50, 72.0
RECENT = 16  # clicks of a query whose neighbours are listed


def find_content_neighbours(embeddings: Embeddings | None, articles: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """Nearest articles by content embedding among those created near the time of the log, clicked before or not.

    Most of the catalogue is years old and never clicked again; leaving it out is what makes the exact search cheap.
    """
    if embeddings is None:
        return NO_NEIGHBOURS
    oldest = int(fold.history["time"].quantile(0.001) or 0) - int(SPAN_HOURS * HOUR_MS)
    young = articles.filter(pl.col("created") >= oldest).select("item")
    alive = pl.concat([young, fold.history.select("item")]).unique().sort("item")["item"].to_numpy()
    keep = np.isin(embeddings.items, alive)
    recent = fold.seen.filter(pl.col("back") < RECENT)["item"].unique().sort().to_numpy()
    return find_nearest(embeddings.items[keep], embeddings.vectors[keep], recent, TOP)


def find_nearest(
    items: NDArray[np.int32], vectors: NDArray[np.float32], queries: NDArray[np.int32], top: int
) -> pl.DataFrame:
    """Nearest neighbours by cosine, exact: for each item of ``queries`` that has a vector, its ``top`` nearest others.

    ``vectors`` (n, d) belongs to ``items`` (n,), ascending. Memory: one normalised copy of the vectors.

    >>> vectors = np.array([[1, 0], [5, 0], [0, 1]], np.float32)
    >>> find_nearest(np.array([7, 8, 9], np.int32), vectors, np.array([7], np.int32), top=1).rows()
    [(7, 8, 1.0)]
    """
    import faiss  # here: an unchanged run does not wait for it

    rows = lookup_rows(items, queries)
    rows = rows[rows >= 0]
    if not len(rows):
        return NO_NEIGHBOURS
    unit = normalise_rows(vectors)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    weight, near = index.search(unit[rows], min(top + 1, len(items)))
    table = pl.DataFrame(
        {"item": np.repeat(items[rows], near.shape[1]), "neighbour": items[near.ravel()], "weight": weight.ravel()}
    )
    return keep_top(table.lazy().filter(pl.col("item") != pl.col("neighbour")), "item", "neighbour", "weight", top)
