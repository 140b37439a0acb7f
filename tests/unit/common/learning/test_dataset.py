"""The matrix that crosses over to the libraries, and rows by block and one after the other."""

import numpy as np
import polars as pl
import pytest

from common.learning.dataset import (
    RankingDataset,
    find_columns,
    gather,
    join_datasets,
    pick_queries,
    take_blocks,
    to_matrix,
)

NUMBERS = [pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_become_float32_and_null_becomes_nan(dtype: type[pl.DataType]) -> None:
    matrix = to_matrix(pl.DataFrame({"x": [7, None, 0], "y": [1, 2, 3]}, schema={"x": dtype, "y": pl.Int32}))
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[7, 1], [np.nan, 2], [0, 3]])


def test_truth_values_become_ones_and_zeros() -> None:
    matrix = to_matrix(pl.DataFrame({"x": [True, None, False]}))
    np.testing.assert_array_equal(matrix, [[1], [np.nan], [0]])


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["a", "b"]),
        pl.Series(["a", "b"], dtype=pl.Categorical),
        pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        pl.Series([1, 2], dtype=pl.Int64),
        pl.Series([1, 2], dtype=pl.UInt64),
        pl.Series([0, 1]).cast(pl.Date),
        pl.Series([0, 1]).cast(pl.Datetime("ms")),
        pl.Series([0, 1]).cast(pl.Duration("ms")),
        pl.Series([[1], [2]]),
        pl.Series([{"a": 1}, {"a": 2}]),
        pl.Series([None, None]),
        pl.Series([b"a", b"b"]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_not_a_small_number_is_refused_by_name(values: pl.Series) -> None:
    frame = pl.DataFrame({"fine": [1.0, 2.0], "item_odd": values})
    with pytest.raises(TypeError, match=r"encode item_odd \(") as caught:
        to_matrix(frame)
    assert "fine" not in str(caught.value)


def test_every_refused_column_is_named_at_once() -> None:
    with pytest.raises(TypeError, match=r"encode a \(Int64\), c \(String\)"):
        to_matrix(pl.DataFrame({"a": [1], "b": [1.0], "c": ["x"]}))


# --- blocks ---


def rows_of(*names: str, height: int = 4) -> RankingDataset:
    matrix = np.arange(height * len(names), dtype=np.float32).reshape(height, len(names))
    return RankingDataset(names, matrix, np.zeros(height, np.float32), np.array([height], np.int32))


def test_a_block_is_known_by_the_whole_first_word() -> None:
    names = ("option_price", "optional_price", "within_option_price", "pair_out", "option_a_b")
    assert find_columns(names, ["option"]) == [0, 4]
    assert find_columns(names, ["pair", "within"]) == [2, 3]


def test_the_rows_of_some_blocks() -> None:
    rows = rows_of("option_a", "pair_a", "option_b")
    few = take_blocks(rows, ["option"])
    assert few.names == ("option_a", "option_b")
    assert few.features.tolist() == rows.features[:, [0, 2]].tolist()
    assert (few.labels is rows.labels, few.group_sizes is rows.group_sizes) == (True, True)
    assert take_blocks(rows, ["pair", "option"]) is rows


def test_rows_one_after_the_other() -> None:
    first, second = rows_of("a", height=2), rows_of("a", height=3)
    both = join_datasets([first, RankingDataset(("a",), second.features + 50, second.labels + 1, second.group_sizes)])
    assert both.features[:, 0].tolist() == [0, 1, 50, 51, 52]
    assert both.labels.tolist() == [0, 0, 1, 1, 1]
    assert both.group_sizes.tolist() == [2, 3]
    assert both.names == ("a",)
    assert join_datasets([first]) is first


def test_of_each_query_all_positives_and_so_many_others_are_drawn_evenly() -> None:
    sizes = np.tile(np.array([2, 9, 4], np.int32), 400)
    labels = np.tile(np.array([1, 0, *[0] * 8, 1, 0, 1, 0, 1], np.float32), 400)  # the second has two of nine
    labels.reshape(400, 15)[:, 2] = 1
    rows = RankingDataset(("place",), np.arange(len(labels), dtype=np.float32)[:, None], labels, sizes)
    drawn = gather([rows], negatives=3, seed=0)
    assert drawn.group_sizes.tolist() == [2, 5, 4] * 400
    assert drawn.labels.sum() == labels.sum()
    assert (np.diff(drawn.features[:, 0]) > 0).all()  # in their order, none twice
    np.testing.assert_array_equal(labels[drawn.features[:, 0].astype(int)], drawn.labels)
    negatives = drawn.features[drawn.labels == 0, 0].astype(int) % 15
    times = np.bincount(negatives, minlength=15)[3:10]  # seven negatives of the second query
    assert times.sum() == 1200
    assert (np.abs(times - 1200 / 7) < 50).all()
    assert gather([rows], negatives=9) is rows
    assert len({gather([rows], negatives=3, seed=seed).features.tobytes() for seed in (0, 0, 1)}) == 2


def test_what_a_model_learns_from_is_the_same_whether_its_parts_are_cut_one_by_one_or_at_once() -> None:
    rng, parts = np.random.default_rng(0), []
    names = ("a_1", "b_1", "a_2", "a_3", "c_1", "b_2")
    for number in range(3):
        sizes = rng.integers(1, 9, 40 + number).astype(np.int32)
        labels = np.zeros(sizes.sum(), np.float32)
        labels[np.cumsum(sizes) - sizes] = 1
        parts.append(RankingDataset(names, rng.random((len(labels), 6), np.float32), labels, sizes))
    learned = gather(parts, ["a", "c"], min_size=2, negatives=3, seed=5)
    cut = [take_blocks(pick_queries(part, part.group_sizes >= 2), ["a", "c"]) for part in parts]
    plain = gather([join_datasets(cut)], negatives=3, seed=5)
    assert learned.names == plain.names == ("a_1", "a_2", "a_3", "c_1")
    assert learned.group_sizes.max() == 4
    for field in ("features", "labels", "group_sizes"):
        np.testing.assert_array_equal(getattr(learned, field), getattr(plain, field))
    whole = gather(parts, ["a", "c"], min_size=2)
    np.testing.assert_array_equal(whole.features, join_datasets(cut).features)
    only = rows_of("a_1", "b_1")
    assert gather([only], ["b", "a"], min_size=2) is only
    assert len(gather([only], min_size=5).labels) == 0
