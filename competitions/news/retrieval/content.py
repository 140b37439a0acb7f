"""Nearest articles by content embedding."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.learning.features import HOUR_MS
from common.learning.split import Fold
from competitions.news.io.reader import Embeddings
from competitions.news.nearest import find_nearest
from competitions.news.retrieval.neighbours import NO_NEIGHBOURS

TOP, SPAN_HOURS = 50, 72.0
RECENT = 16  # clicks of a query whose neighbours are listed


def find_content_neighbours(embeddings: Embeddings | None, articles: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """Nearest articles by content embedding among those created near the time of the log, clicked before or not.

    Most of the catalogue is years old and never clicked again; leaving it out is what makes the exact search cheap.
    """
    if embeddings is None:
        return NO_NEIGHBOURS
    oldest = int(fold.history["time"].quantile(0.001) or 0) - int(SPAN_HOURS * HOUR_MS)
    recent = articles.filter(pl.col("created") >= oldest).select("item")
    alive = pl.concat([recent, fold.history.select("item")]).unique().sort("item")["item"].to_numpy()
    keep = np.isin(embeddings.items, alive)
    return find_nearest(embeddings.items[keep], embeddings.vectors[keep], list_recent(fold.seen), TOP)


def list_recent(seen: pl.DataFrame) -> NDArray[np.int32]:
    """The articles among the last clicks of each query, ascending."""
    return seen.filter(pl.col("back") < RECENT)["item"].unique().sort().to_numpy()
