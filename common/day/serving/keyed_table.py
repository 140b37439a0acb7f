"""The few rows of a mapped table that a request needs.

A join of one request with a whole table costs what the table costs. Cut down to the rows under the request's own keys
first, the same join costs next to nothing, and the functions that the pipeline uses serve unchanged.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.learning.features import expand_spans


@dataclass(frozen=True)
class KeyedTable:
    """A frame sorted by its column ``key`` of whole numbers, none of them null."""

    frame: pl.DataFrame
    key: str

    def take(self, values: pl.Series) -> pl.DataFrame:
        """The rows whose key is among ``values``, in their order; nulls match nothing.

        >>> table = KeyedTable(pl.DataFrame({"route": [3, 3, 8], "lift": [0.5, 0.25, 1.0]}), "route")
        >>> table.take(pl.Series([8, None, 5])).rows()
        [(8, 1.0)]
        """
        keys, wanted = self.frame[self.key].to_numpy(), values.drop_nulls().unique().sort().to_numpy()
        low, high = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
        rows, _ = expand_spans(low, high - low)
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return self.frame.slice(int(rows[0]), len(rows))
        return self.frame[rows]
