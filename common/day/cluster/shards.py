"""Rows of queries shared out over the workers of a Dask cluster, whole queries to one worker."""

from collections.abc import Sequence
from typing import Any

import dask.array
from dask.delayed import delayed
from numpy.typing import NDArray

from common.learning.dataset import RankingDataset

THREADS = {"num_threads", "num_thread", "nthread", "nthreads", "n_jobs"}  # a worker knows how many it has


def split_queries(rows: RankingDataset, count: int) -> list[RankingDataset]:
    """Every ``count``-th query to the same part: in rows sorted by time, no part is a period of its own."""
    part = rows.query_numbers % count
    return [
        RankingDataset(
            rows.names, rows.features[part == number], rows.labels[part == number], rows.group_sizes[number::count]
        )
        for number in range(count)
    ]


def assign_partitions(client: Any, workers: Sequence[str], parts: Sequence[Sequence[NDArray[Any]]]) -> list[Any]:
    """Send each worker its part, a tuple of arrays: the arrays of all parts as Dask arrays, one chunk a worker.

    They stay there: a task goes to the worker that holds all of its inputs.
    """
    sent = [
        client.scatter(list(part), workers=[worker], direct=True, hash=False)
        for worker, part in zip(workers, parts, strict=True)
    ]
    arrays: Any = dask.array
    return [
        arrays.concatenate(
            [arrays.from_delayed(delayed(future), part.shape, part.dtype) for future, part in zip(*pair, strict=True)]
        )
        for pair in zip(zip(*sent, strict=True), zip(*parts, strict=True), strict=True)
    ]
