"""Item vectors: learned from sequences, or given with the data."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from gensim.models import Word2Vec
from numpy.typing import NDArray

from common.learning.cooccurrence import find_nearest
from competitions.news.retrieval.content import list_recent

SIZE, WINDOW, EPOCHS, MIN_COUNT, NEGATIVES = 48, 3, 3, 3, 10
TOP = 100


@dataclass(frozen=True)
class ItemVectors:
    """``vectors[i]`` (float32, shape (n, d)) belongs to ``items[i]`` (int32, ascending)."""

    items: NDArray[np.int32]
    vectors: NDArray[np.float32]


def learn_item2vec(clicks: pl.DataFrame, seed: int) -> ItemVectors:
    """Skip-gram with negative sampling over users' click sequences (Barkan and Koenigstein 2016).

    One thread, so that a seed gives the same vectors. Items clicked fewer than MIN_COUNT times get none.
    """
    log = clicks.sort("user", "time", "item").with_columns(pl.col("item").cast(pl.String))
    sentences = log.group_by("user", maintain_order=True).agg("item").filter(pl.col("item").list.len() > 1)["item"]
    often = sentences.explode().value_counts().filter(pl.col("count") >= MIN_COUNT)
    if often.is_empty():
        return ItemVectors(np.empty(0, np.int32), np.empty((0, SIZE), np.float32))
    model = Word2Vec(
        sentences.to_list(),
        vector_size=SIZE,
        window=WINDOW,
        epochs=EPOCHS,
        min_count=MIN_COUNT,
        negative=NEGATIVES,
        sg=1,
        seed=seed,
        workers=1,
    )
    items = np.array(model.wv.index_to_key, dtype=np.int32)
    order = np.argsort(items)
    return ItemVectors(items[order], np.ascontiguousarray(model.wv.vectors[order], dtype=np.float32))


def find_item2vec_neighbours(vectors: ItemVectors, seen: pl.DataFrame) -> pl.DataFrame:
    """Nearest neighbours, by item2vec, of the items that the queries have seen."""
    return find_nearest(vectors.items, vectors.vectors, list_recent(seen), TOP)
