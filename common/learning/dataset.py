"""The matrix that crosses over to the ranking libraries."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
ALLOWED = (pl.Float32, pl.Float64, pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)


@dataclass(frozen=True)
class RankingDataset:
    """Rows to learn from or to score, those of one query together.

    ``features`` (n, d) float32, NaN = missing; ``labels`` (n,) 0 or 1; ``group_sizes``: rows of each query.
    """

    names: tuple[str, ...]
    features: Matrix
    labels: NDArray[np.float32]
    group_sizes: NDArray[np.int32]


def to_matrix(frame: pl.DataFrame) -> Matrix:
    """The frame as float32, null as NaN; a column that is not a number is refused by name."""
    wrong = [f"{name} ({dtype})" for name, dtype in frame.schema.items() if dtype not in ALLOWED]
    if wrong:
        raise TypeError(f"features must be numbers of at most 32 bits or floats; encode {', '.join(wrong)}")
    matrix: Matrix = frame.select(pl.all().cast(pl.Float32)).to_numpy(order="c")
    return matrix


def take_blocks(rows: RankingDataset, blocks: Sequence[str]) -> RankingDataset:
    """The rows with the features of some blocks only; no copy where those are all."""
    chosen = find_columns(rows.names, blocks)
    if len(chosen) == len(rows.names):
        return rows
    return RankingDataset(tuple(rows.names[i] for i in chosen), rows.features[:, chosen], rows.labels, rows.group_sizes)


def find_columns(names: Sequence[str], blocks: Sequence[str]) -> list[int]:
    """The columns of the features that belong to the blocks: a feature's name begins with its block."""
    return [column for column, name in enumerate(names) if name.partition("_")[0] in blocks]


def join_datasets(parts: Sequence[RankingDataset]) -> RankingDataset:
    """The rows of all parts, which have the same features, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return RankingDataset(
        parts[0].names,
        np.vstack([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.group_sizes for part in parts]),
    )


def gather(
    parts: Sequence[RankingDataset],
    blocks: Sequence[str] | None = None,
    min_size: int = 1,
    negatives: int | None = None,
    seed: int = 0,
) -> RankingDataset:
    """What a model learns from, as one data set: the rows of all parts, which have the same features.

    Only the features of ``blocks``, the queries of at least ``min_size`` rows and, beside the positives of a query, at
    most so many ``negatives``. Features are copied once, into their place, and not at all where a single part is taken
    as it is.
    """
    names = parts[0].names
    columns = list(range(len(names))) if blocks is None else find_columns(names, blocks)
    kept = [np.repeat(part.group_sizes >= min_size, part.group_sizes) for part in parts]
    sizes = np.concatenate([part.group_sizes[part.group_sizes >= min_size] for part in parts])
    labels = np.concatenate([part.labels[rows] for part, rows in zip(parts, kept, strict=True)])
    if negatives is not None and len(labels) and sizes.max() > negatives:
        drawn = draw_negatives(labels, sizes, negatives, seed)
        sizes, labels = count_kept(drawn, sizes), labels[drawn]
        ends = np.cumsum([np.count_nonzero(rows) for rows in kept])[:-1]
        for rows, own in zip(kept, np.split(drawn, ends), strict=True):
            rows[rows] = own
    if len(parts) == 1 and kept[0].all() and len(columns) == len(names):
        return parts[0]
    features = np.empty((len(labels), len(columns)), np.float32)
    end = 0
    for part, rows in zip(parts, kept, strict=True):
        start, end = end, end + int(np.count_nonzero(rows))
        for at, run in _list_runs(columns):
            features[start:end, at : at + len(run)] = part.features[rows, run.start : run.stop]
    return RankingDataset(tuple(names[column] for column in columns), features, labels, sizes)


def _list_runs(columns: Sequence[int]) -> list[tuple[int, range]]:
    """Ascending columns as runs of neighbours, each with its place: a run is copied as a whole, not value by value."""
    breaks = [i for i in range(1, len(columns)) if columns[i] != columns[i - 1] + 1]
    bounds = pairwise([0, *breaks, len(columns)])
    return [(begin, range(columns[begin], columns[end - 1] + 1)) for begin, end in bounds if end > begin]


def draw_negatives(
    labels: NDArray[np.float32], sizes: NDArray[np.int32], negatives: int, seed: int
) -> NDArray[np.bool_]:
    """Which rows (n,) to keep: every positive and, of each query's other rows, at most so many, drawn evenly.

    A softmax within queries learns the same weights from such a draw (McFadden 1978, "Modelling the choice of
    residential location").
    """
    query = np.repeat(np.arange(len(sizes)), sizes)
    draw = np.where(labels > 0, -1.0, np.random.default_rng(seed).random(len(query)))
    order = np.lexsort((draw, query))
    first = np.cumsum(sizes) - sizes
    positives = np.bincount(query, labels > 0, len(first)).astype(np.int64)
    place = np.empty(len(query), np.int64)
    place[order] = np.arange(len(query)) - (first + positives)[query]
    return place < negatives


def count_kept(kept: NDArray[np.bool_], sizes: NDArray[np.int32]) -> NDArray[np.int32]:
    """How many rows of each query are kept."""
    query = np.repeat(np.arange(len(sizes)), sizes)
    return np.bincount(query[kept], minlength=len(sizes)).astype(sizes.dtype)


def pick_queries(rows: RankingDataset, chosen: NDArray[np.bool_]) -> RankingDataset:
    """The rows of some queries: ``chosen`` (queries,)."""
    kept = np.repeat(chosen, rows.group_sizes)
    return RankingDataset(rows.names, rows.features[kept], rows.labels[kept], rows.group_sizes[chosen])


def cut_by_time(
    rows: RankingDataset, times: NDArray[np.int64], folds: int, first: float = 0.4
) -> list[tuple[RankingDataset, RankingDataset]]:
    """Folds of an expanding window: earlier queries to learn from, the next ones to judge by.

    ``times`` (queries,): when each was made. The first fold learns from the earliest ``first`` of all queries; what is
    left is judged in ``folds`` parts of as many queries each. Queries of one moment fall on one side.
    """
    edges = np.quantile(times, np.linspace(first, 1.0, folds + 1), method="higher")
    cut = []
    for begin, end in pairwise(edges):
        last = end == edges[-1]
        judged = (times >= begin) & ((times <= end) if last else (times < end))
        cut.append((pick_queries(rows, times < begin), pick_queries(rows, judged)))
    return cut
