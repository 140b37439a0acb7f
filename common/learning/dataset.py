"""The matrix that crosses over to the ranking libraries, and the guarded join of its features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError

Matrix = NDArray[np.float32]
COPIED_ROWS = 50_000
LISTED = 10  # names of columns in a sentence, at most
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

    @property
    def query_numbers(self) -> NDArray[np.int64]:
        """The number of each row's query, from 0 on: (n,).

        >>> RankingDataset(("x",), np.zeros((3, 1)), np.zeros(3), np.array([2, 1])).query_numbers.tolist()
        [0, 0, 1]
        """
        return np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)

    @property
    def is_binary(self) -> bool:
        """Whether each row is a query of its own, a yes or no: the kind ``rows``.

        >>> RankingDataset(("x",), np.zeros((2, 1)), np.array([1, 0]), np.array([1, 1])).is_binary
        True
        """
        return len(self.group_sizes) == len(self.labels)


def attach(left: pl.DataFrame, right: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Left join that can only add columns: a duplicate key on the right, or a shared column, is refused.

    >>> prices = pl.DataFrame({"item": [1, 2], "price": [9.5, 3.0]})
    >>> attach(pl.DataFrame({"item": [2, 7, 2]}), prices, ["item"]).rows()
    [(2, 3.0), (7, None), (2, 3.0)]
    """
    shared = (set(left.columns) & set(right.columns)) - set(on)
    if shared:
        raise ValueError(f"attach: both frames have {sorted(shared)}")
    return left.join(right, on=list(on), how="left", validate="m:1", maintain_order="left")


def to_matrix(frame: pl.DataFrame) -> Matrix:
    """The frame as float32, null as NaN; a column that is not a number is refused by name.

    >>> to_matrix(pl.DataFrame({"clicks": [2, None], "is_new": [True, False]}, schema_overrides={"clicks": pl.Int32}))
    array([[ 2.,  1.],
           [nan,  0.]], dtype=float32)
    """
    wrong = [f"{name} ({dtype})" for name, dtype in frame.schema.items() if dtype not in ALLOWED]
    if wrong:
        raise TypeError(f"features must be numbers of at most 32 bits or floats; encode {', '.join(wrong)}")
    matrix: Matrix = frame.select(pl.all().cast(pl.Float32)).to_numpy(order="c")
    return matrix


class ColumnsError(UserError, ValueError):
    """Columns of other names, or in another order, than those that a model was fitted on, or other rows have."""


def check_columns(expected: Sequence[str], names: Sequence[str], what: str) -> None:
    """Refuse other names than ``expected`` by a ``ColumnsError``; ``what``: whose those are.

    >>> check_columns(["price", "age"], ["age", "price"], "The ranker")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    common.learning.dataset.ColumnsError: The ranker has other columns: the same in another order, age, price in ...
    """
    if tuple(names) == tuple(expected):
        return
    missing, new = (
        [name for name in one if name not in other] for one, other in ((expected, names), (names, expected))
    )
    same = next((i for i, pair in enumerate(zip(expected, names, strict=False)) if pair[0] != pair[1]), 0)
    ordered = f"the same in another order, {_list_names(names[same:])} in place of {_list_names(expected[same:])}"
    differing = f"missing here: {_list_names(missing)}; only here: {_list_names(new)}"
    raise ColumnsError(
        f"{what} has other columns: {differing if missing or new else ordered}. Features must give the same columns, in"
        " the same order, for all rows."
    )


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (", ".join(names[:LISTED]) or "none") + more


def take_columns(
    names: Sequence[str], features: Matrix, expected: Sequence[str], blocks: Sequence[str] | None, what: str
) -> Matrix:
    """What a model takes of the ``features`` (n, d) with these ``names``, as its fit did: all of them, or those of its
    ``blocks``; a ``ColumnsError`` where these are not the ``expected`` ones, those of the fit.

    >>> take_columns(["user_age", "item_price"], np.float32([[30, 5]]), ["item_price"], ["item"], "The ranker").tolist()
    [[5.0]]
    """
    columns = list(range(len(names))) if blocks is None else find_columns(names, blocks)
    check_columns(expected, [names[column] for column in columns], what)
    if features.shape[1] != len(names):
        raise ColumnsError(f"{what} is given {features.shape[1]} columns under {len(names)} names.")
    return features if len(columns) == len(names) else features[:, columns]


def find_columns(names: Sequence[str], blocks: Sequence[str]) -> list[int]:
    """The columns of the features that belong to the blocks: a feature's name begins with its block.

    >>> find_columns(["user_age", "users_count", "my_item_price"], ["user", "my_item"])
    [0, 2]
    """
    return [column for column, name in enumerate(names) if name.startswith(tuple(f"{block}_" for block in blocks))]


def gather(
    parts: Sequence[RankingDataset],
    blocks: Sequence[str] | None = None,
    min_size: int = 1,
    negatives: int | None = None,
    seed: int | np.random.Generator = 0,
) -> RankingDataset:
    """What a model learns from, as one data set: the rows of all parts, which have the same features.

    Parts whose columns differ are refused by a ``ColumnsError``. Only the features of ``blocks``, the queries of at
    least ``min_size`` rows and, beside the positives of a query, at most so many ``negatives``. Features are copied
    once, and not at all where a single part is taken as it is.

    >>> part = RankingDataset(("user_age", "item_price"), np.ones((2, 2), np.float32), np.zeros(2), np.array([2]))
    >>> gather([part, part], ["item"]).names, gather([part, part], ["item"]).group_sizes.tolist()
    (('item_price',), [2, 2])

    >>> features, labels = np.arange(6, dtype=np.float32)[:, None], np.array([1, 0, 0, 0, 0, 1], np.float32)
    >>> rows = gather([RankingDataset(("x",), features, labels, np.array([1, 3, 2]))], min_size=2, negatives=2)
    >>> rows.group_sizes.tolist(), rows.labels.tolist()  # the query of one row is gone, and a negative of the second
    ([2, 2], [0.0, 0.0, 0.0, 1.0])
    """
    names, rng = parts[0].names, np.random.default_rng(seed)
    for number, part in enumerate(parts[1:], 2):
        check_columns(names, part.names, f"Part {number} of {len(parts)} of the rows")
    columns = list(range(len(names))) if blocks is None else find_columns(names, blocks)
    kept = []
    for part in parts:
        rows = np.repeat(part.group_sizes >= min_size, part.group_sizes)
        if negatives is not None:
            sizes = part.group_sizes[part.group_sizes >= min_size]
            rows[rows] = draw_negatives(part.labels[rows], sizes, negatives, rng)
        kept.append(rows)
    if len(parts) == 1 and kept[0].all() and len(columns) == len(names):
        return parts[0]
    labels = np.concatenate([part.labels[rows] for part, rows in zip(parts, kept, strict=True)])
    sizes = np.concatenate([count_kept(rows, part.group_sizes) for part, rows in zip(parts, kept, strict=True)])
    features = np.empty((len(labels), len(columns)), np.float32)
    taken = slice(None) if len(columns) == len(names) else columns
    end = 0
    for part, rows in zip(parts, kept, strict=True):
        # Some rows at a time, so that no second copy of all lies in memory.
        for first in range(0, len(rows), COPIED_ROWS):
            some = slice(first, first + COPIED_ROWS)
            start, end = end, end + int(np.count_nonzero(rows[some]))
            features[start:end] = part.features[some][rows[some]][:, taken]
    return RankingDataset(tuple(names[column] for column in columns), features, labels, sizes[sizes > 0])


def draw_negatives(
    labels: NDArray[np.float32], sizes: NDArray[np.int32], negatives: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which rows (n,) to keep: every positive and, of each query's other rows, at most so many, drawn evenly.

    A softmax within queries learns the same weights from such a draw (McFadden 1978, "Modelling the choice of
    residential location").

    >>> labels, sizes = np.array([0, 1, 0, 0, 0], np.float32), np.array([3, 2])
    >>> kept = draw_negatives(labels, sizes, negatives=1, rng=np.random.default_rng(0))
    >>> kept.tolist(), count_kept(kept, sizes).tolist()
    ([False, True, True, True, False], [2, 1])
    """
    query = np.repeat(np.arange(len(sizes)), sizes)
    # Positives sort before every draw of their query; a row's rank among the negatives then begins at 0 behind them.
    draw = np.where(labels > 0, -1.0, rng.random(len(query)))
    order = np.lexsort((draw, query))
    first = np.cumsum(sizes) - sizes
    positives = np.bincount(query, labels > 0, len(first)).astype(np.int64)
    rank = np.empty(len(query), np.int64)
    rank[order] = np.arange(len(query)) - (first + positives)[query]
    return rank < negatives


def count_kept(kept: NDArray[np.bool_], sizes: NDArray[np.int32]) -> NDArray[np.int32]:
    """How many rows of each query are kept: ``kept`` (n,).

    >>> count_kept(np.array([True, False, False, True]), np.array([2, 1, 1])).tolist()
    [1, 0, 1]
    """
    query = np.repeat(np.arange(len(sizes)), sizes)
    return np.bincount(query[kept], minlength=len(sizes)).astype(sizes.dtype)


def pick_queries(rows: RankingDataset, chosen: NDArray[np.bool_]) -> RankingDataset:
    """The rows of some queries: ``chosen`` (queries,).

    >>> rows = RankingDataset(("x",), np.array([[1], [2], [3]], np.float32), np.zeros(3), np.array([2, 1]))
    >>> pick_queries(rows, np.array([False, True])).features.tolist()
    [[3.0]]
    """
    kept = np.repeat(chosen, rows.group_sizes)
    return RankingDataset(rows.names, rows.features[kept], rows.labels[kept], rows.group_sizes[chosen])


def join_blocks(blocks: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The features of all blocks side by side, each of the same rows in the same order. ``UserError`` for a block
    without columns, of another height, or with a column that does not begin with its name.

    >>> join_blocks({"item": pl.DataFrame({"item_age": [3]}), "user": pl.DataFrame({"user_age": [30]})}).rows()
    [(3, 30)]
    """
    for name, block in blocks.items():
        first = next(iter(blocks.values()))
        if not block.columns:
            raise UserError(f"The block {name} of features has no columns: return one at least, or leave it out.")
        if block.height != first.height:
            raise UserError(f"The block {name} of features has {block.height:,} rows, {first.height:,} are wanted.")
        if foreign := [column for column in block.columns if not column.startswith(f"{name}_")]:
            raise UserError(f"The block {name} of features has a column {foreign[0]}: call it {name}_{foreign[0]}.")
    return pl.concat(blocks.values(), how="horizontal")


def label_candidates(candidates: pl.DataFrame, answers: pl.DataFrame) -> NDArray[np.float32]:
    """1 where a candidate (query, item) is a right answer (query, item), else 0: (n,).

    >>> answers = pl.DataFrame({"query": [0, 1], "item": [8, 7]})
    >>> label_candidates(pl.DataFrame({"query": [0, 0, 1], "item": [7, 8, 8]}), answers).tolist()
    [0.0, 1.0, 0.0]
    """
    right = answers.select("query", "item", label=pl.lit(1.0, pl.Float32))
    return (
        candidates.join(right, on=["query", "item"], how="left", maintain_order="left")["label"].fill_null(0).to_numpy()
    )


def make_dataset(
    features: pl.DataFrame, candidates: pl.DataFrame | None = None, labels: NDArray[np.float32] | None = None
) -> RankingDataset:
    """Rows of ``features`` as a ranker takes them; ``candidates``: the query of each row, those of one together; None:
    each row is its own. Labels are 0 where nobody knows them.

    >>> candidates = pl.DataFrame({"query": [4, 4, 5]})
    >>> make_dataset(pl.DataFrame({"x": [1.0, 2.0, 3.0]}), candidates).group_sizes.tolist()
    [2, 1]
    """
    labels = np.zeros(features.height, np.float32) if labels is None else labels
    sizes = np.ones(features.height)
    if candidates is not None:
        sizes = candidates["query"].rle().struct.field("len").to_numpy()
    return RankingDataset(tuple(features.columns), to_matrix(features), labels, sizes.astype(np.int32))
