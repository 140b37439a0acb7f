"""The matrix that crosses over to the ranking libraries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
ALLOWED = (pl.Float32, pl.Float64, pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to score, those of one query together.

    ``features`` (n, d) float32, NaN = missing; ``labels`` (n,) 0 or 1; ``sizes``: rows of each query, summing to n.
    """

    names: tuple[str, ...]
    features: Matrix
    labels: NDArray[np.float32]
    sizes: NDArray[np.int32]


def to_matrix(frame: pl.DataFrame) -> Matrix:
    """The frame as float32, null as NaN; a column that is not a number is refused by name."""
    wrong = [f"{name} ({dtype})" for name, dtype in frame.schema.items() if dtype not in ALLOWED]
    if wrong:
        raise TypeError(f"features must be numbers of at most 32 bits or floats; encode {', '.join(wrong)}")
    matrix: Matrix = frame.select(pl.all().cast(pl.Float32)).to_numpy(order="c")
    return matrix


def take_blocks(rows: Rows, blocks: Sequence[str]) -> Rows:
    """The rows with the features of some blocks only; no copy where those are all."""
    chosen = find_columns(rows.names, blocks)
    if len(chosen) == len(rows.names):
        return rows
    return Rows(tuple(rows.names[i] for i in chosen), rows.features[:, chosen], rows.labels, rows.sizes)


def find_columns(names: Sequence[str], blocks: Sequence[str]) -> list[int]:
    """The places of the features that belong to the blocks: a feature's name begins with its block."""
    return [place for place, name in enumerate(names) if name.partition("_")[0] in blocks]


def join_rows(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, which have the same features, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        parts[0].names,
        np.vstack([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.sizes for part in parts]),
    )
