"""A candidate against the others of its query: shares of the largest value, and ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.retrieval.sort_keys import pack_scores


@dataclass(frozen=True)
class Groups:
    """Rows by query: ``order`` brings those of one together, ``number`` (rows,) is each one's query, from 0 on, then.

    ``starts`` (queries,) is where each query begins in that order.
    """

    order: NDArray[np.int64] | slice
    number: NDArray[np.int64]
    starts: NDArray[np.int64]


def group_rows(keys: NDArray[Any]) -> Groups:
    """Rows with the same key, such as a query, together.

    >>> groups = group_rows(np.array([5, 3, 5]))
    >>> groups.order.tolist(), groups.number.tolist(), groups.starts.tolist()
    ([1, 0, 2], [0, 1, 1], [0, 1])
    """
    ascending = bool((keys[1:] >= keys[:-1]).all())
    order = slice(None) if ascending else np.argsort(keys, kind="stable")
    first = _begins_run(keys[order])
    return Groups(order, np.cumsum(first) - 1, np.flatnonzero(first))


def _begins_run(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first


def _fill(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(values), np.float32(0), values)  # numpy's own nan_to_num looks for infinities as well


def share_within(values: NDArray[np.float32], groups: Groups) -> NDArray[np.float32]:
    """Non-negative values (columns, rows) divided by the largest of their column in the group: 1 = best; NaN is 0.

    A share survives what moves every value of a query alike, such as a busier hour or a thinner log.

    >>> share_within(np.array([[4, 1, 2, np.nan]], np.float32), group_rows(np.array([1, 1, 2, 2]))).tolist()
    [[1.0, 0.25, 1.0, 0.0]]
    """
    filled = _fill(values[:, groups.order])
    if filled.shape[1]:
        sizes = np.diff(groups.starts, append=filled.shape[1])
        largest = np.maximum(np.maximum.reduceat(filled, groups.starts, axis=1), np.float32(1e-9))
        filled /= np.repeat(largest, sizes, axis=1)
    shares = np.empty_like(filled)
    shares[:, groups.order] = filled
    return shares


def rank_within(values: NDArray[np.float32], groups: Groups) -> NDArray[np.float32]:
    """The average rank of each value (rows,) within its group, 1 = the largest; NaN counts as 0.

    >>> rank_within(np.array([4, 1, 4, 2], np.float32), group_rows(np.array([1, 1, 1, 2]))).tolist()
    [1.5, 3.0, 1.5, 1.0]
    """
    code = pack_scores(groups.number, _fill(values[groups.order]))
    turn = np.argsort(code)
    first = _begins_run(code[turn])
    runs = np.flatnonzero(first)  # of equal values
    lengths = np.diff(runs, append=len(code))
    middle = runs + (lengths + 1) / 2
    grouped, ranks = np.empty(len(code), np.float32), np.empty(len(code), np.float32)
    grouped[turn] = np.repeat(middle, lengths)
    grouped -= groups.starts[groups.number]
    ranks[groups.order] = grouped
    return ranks


def compare_in_list(candidates: pl.DataFrame, columns: Sequence[str], query: str = "query") -> pl.DataFrame:
    """One row per candidate, in order: of each column its share of the list's largest value, and its rank, as
    ``share_within`` and ``rank_within`` say.

    >>> compare_in_list(pl.DataFrame({"query": [1, 1, 2], "score": [4.0, 1.0, 2.0]}), ["score"]).rows()
    [(1.0, 1.0), (0.25, 2.0), (1.0, 1.0)]
    """
    groups = group_rows(candidates[query].to_numpy())
    values = candidates.select(pl.col(columns).cast(pl.Float32).fill_null(float("nan"))).to_numpy().T
    shares = share_within(values, groups)
    compared = {
        name: {f"{name}_share": share, f"{name}_rank": rank_within(own, groups)}
        for name, own, share in zip(columns, values, shares, strict=True)
    }
    return pl.DataFrame({name: values for pair in compared.values() for name, values in pair.items()})
