"""Item vectors: learned from sequences, or given with the data."""

from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
from gensim.models import Word2Vec
from numpy.typing import NDArray


class Item2VecSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of ``learn_item2vec``."""

    size: int
    window: int
    epochs: int
    min_count: int
    negatives: int


@dataclass(frozen=True)
class ItemVectors:
    """``vectors[i]`` (float32, shape (n, d)) belongs to ``items[i]`` (int32, ascending)."""

    items: NDArray[np.int32]
    vectors: NDArray[np.float32]


def learn_item2vec(clicks: pl.DataFrame, settings: Item2VecSettings, seed: int) -> ItemVectors:
    """Skip-gram with negative sampling over users' click sequences (Barkan and Koenigstein 2016).

    One thread, so that a seed gives the same vectors. Items clicked fewer than ``min_count`` times get none.
    """
    log = clicks.sort("user", "time", "item").with_columns(pl.col("item").cast(pl.String))
    sentences = log.group_by("user", maintain_order=True).agg("item").filter(pl.col("item").list.len() > 1)["item"]
    often = sentences.explode().value_counts().filter(pl.col("count") >= settings.min_count)
    if often.is_empty():
        return ItemVectors(np.empty(0, np.int32), np.empty((0, settings.size), np.float32))
    model = Word2Vec(
        sentences.to_list(),
        vector_size=settings.size,
        window=settings.window,
        epochs=settings.epochs,
        min_count=settings.min_count,
        negative=settings.negatives,
        sg=1,
        seed=seed,
        workers=1,
    )
    items = np.array(model.wv.index_to_key, dtype=np.int32)
    order = np.argsort(items)
    return ItemVectors(items[order], np.ascontiguousarray(model.wv.vectors[order], dtype=np.float32))
