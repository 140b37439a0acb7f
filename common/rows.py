"""The matrix that crosses over to the ranking libraries."""

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
