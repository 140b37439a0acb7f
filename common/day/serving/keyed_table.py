"""The few rows of a mapped table that a request needs.

A join of one request with a whole table costs what the table costs. Cut down to the rows under the request's own keys
first, the same join costs next to nothing, and the functions that the pipeline uses serve unchanged.
"""

import numpy as np
import polars as pl

from common.learning.features import expand_spans


def take_rows(table: pl.DataFrame, key: str, values: pl.Series) -> pl.DataFrame:
    """The rows whose ``key`` is among ``values``, of a table sorted by it (whole numbers, no null); null matches none.

    >>> table = pl.DataFrame({"route": [3, 3, 8], "lift": [0.5, 0.25, 1.0]})
    >>> take_rows(table, "route", pl.Series([8, None, 5])).rows()
    [(8, 1.0)]
    """
    keys, wanted = table[key].to_numpy(), values.drop_nulls().unique().sort().to_numpy()
    low, high = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
    rows, _ = expand_spans(low, high - low)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return table.slice(int(rows[0]), len(rows))
    return table[rows]
