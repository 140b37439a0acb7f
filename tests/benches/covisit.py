"""Co-visitation, the 100 best neighbours of every article, in three ways: ``python -m tests.benches.covisit``.

1. the plain loop: for every user, for every two clicks, add to a dict of dicts; then sort each dict;
2. scipy: the sparse product of the user-item matrix with itself, which knows no order, distance or direction;
3. ours: ``common.learning.cooccurrence.count_covisits``, with the loop's weights.

``checksum`` is the sum of the weights listed: that of the loop and ours are the same.
"""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from common.learning.cooccurrence import CovisitSettings, count_covisits
from common.time_units import HOUR_MS
from tests.benches.side_by_side import Ready, main

SETTINGS = CovisitSettings(reach=30, forward=1.0, reverse=0.7, decay=0.9, half_life_hours=24.0, power=0.25, top=100)


def prepare(folder: Path, scale: float) -> str:
    """Random clicks: articles by Zipf's law, users of 2 to 60 clicks; at full scale as many as the host's log has."""
    rng = np.random.default_rng(0)
    lengths = np.minimum(2 + rng.geometric(0.2, max(round(250_000 * scale), 10)), 60)
    users = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    items = (30_000 * rng.random(len(users)) ** 3).astype(np.int32)
    log = pl.DataFrame({"user": users, "item": items, "time": rng.integers(0, 14 * 24 * HOUR_MS, len(users))})
    log.sort("user", "time", "item").write_parquet(folder / "clicks.parquet")
    return f"{log.height:,} clicks of {len(lengths):,} users on {log['item'].n_unique():,} articles"


def read(folder: Path) -> pl.DataFrame:
    """The clicks, by user and time."""
    return pl.read_parquet(folder / "clicks.parquet")


def loop(folder: Path) -> Ready:
    """The plain loop."""
    return lambda: loop_covisits(read(folder))


def loop_covisits(clicks: pl.DataFrame) -> pl.DataFrame:
    """What ``count_covisits`` does, a pair at a time."""
    weights: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    counts: dict[int, int] = defaultdict(int)
    for items, times in clicks.group_by("user", maintain_order=True).agg("item", "time").select("item", "time").rows():
        share = 1 / math.log1p(len(items))
        for index, item in enumerate(items):
            counts[item] += 1
            for later in range(index + 1, min(index + SETTINGS.reach + 1, len(items))):
                if item != items[later]:
                    hours = (times[later] - times[index]) / HOUR_MS
                    decay = SETTINGS.decay ** (later - index - 1)
                    weight = share * decay * 0.5 ** (hours / SETTINGS.half_life_hours)
                    weights[item][items[later]] += SETTINGS.forward * weight
                    weights[items[later]][item] += SETTINGS.reverse * weight
    rows = []
    for item, near in weights.items():
        scaled = [(weight / (counts[item] * counts[other]) ** SETTINGS.power, other) for other, weight in near.items()]
        rows += [(item, other, weight) for weight, other in sorted(scaled, reverse=True)[: SETTINGS.top]]
    return pl.DataFrame(rows, schema=["item", "neighbour", "weight"], orient="row")


def product(folder: Path) -> Ready:
    """The sparse product."""
    return lambda: multiply(read(folder))


def multiply(clicks: pl.DataFrame) -> pl.DataFrame:
    """Users of both articles over the root of the users of each, multiplied: the plain cosine."""
    pairs = clicks.select("user", "item").unique()
    users, rows = np.unique(pairs["user"].to_numpy(), return_inverse=True)
    items, columns = np.unique(pairs["item"].to_numpy(), return_inverse=True)
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(users), len(items)))
    scale = sp.diags_array((1 / np.sqrt(np.bincount(columns))).astype(np.float32))
    similar = sp.csr_matrix(scale @ (matrix.T @ matrix) @ scale)
    similar.setdiag(0)
    similar.eliminate_zeros()
    first, near, weights = [], [], []
    for row in range(len(items)):
        part = slice(similar.indptr[row], similar.indptr[row + 1])
        best = np.argsort(-similar.data[part])[: SETTINGS.top]
        first.append(np.full(len(best), items[row]))
        near.append(items[similar.indices[part][best]])
        weights.append(similar.data[part][best])
    columns_of = {"item": first, "neighbour": near, "weight": weights}
    return pl.DataFrame({name: np.concatenate(parts) for name, parts in columns_of.items()})


def ours(folder: Path) -> Ready:
    """The project's function."""
    return lambda: count_covisits(read(folder), SETTINGS)


def describe(table: pl.DataFrame, seconds: float) -> dict[str, Any]:
    """How many neighbours were listed, and the sum of their weights."""
    return {"rows": table.height, "checksum": float(table["weight"].cast(pl.Float64).sum())}


if __name__ == "__main__":
    ways = {"dictionary loop": loop, "scipy product, unweighted": product, "count_covisits": ours}
    main("tests.benches.covisit", "Co-visitation, top 100", ways, prepare, describe)
