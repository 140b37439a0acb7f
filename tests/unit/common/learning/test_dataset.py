"""The matrix that crosses over to the libraries, and rows by block and one after the other."""

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from common.learning import dataset
from common.learning.dataset import (
    ColumnsError,
    RankingDataset,
    attach,
    gather,
    join_blocks,
    pick_queries,
    take_columns,
    to_matrix,
)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        pl.Series([0, 1]).cast(pl.Datetime("ms")),
        pl.Series([None, None]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_not_a_small_number_is_refused_by_name(values: pl.Series) -> None:
    frame = pl.DataFrame({"long": [1, 2], "fine": [1.0, 2.0], "item_odd": values})
    with pytest.raises(TypeError, match=r"encode long \(Int64\), item_odd \("):
        to_matrix(frame)


# --- guarded joins ---


def test_attach_refuses_a_duplicate_key_on_the_right_and_a_shared_column() -> None:
    once, twice = pl.DataFrame({"a": [1, 2], "c": [5, 6]}), pl.DataFrame({"a": [7, 7, 2], "b": [0, 1, 0]})
    with pytest.raises(pl.exceptions.ComputeError, match="m:1"):  # of a key that no row on the left has
        attach(once, twice, ["a"])
    assert attach(twice, once, ["a"]).height == 3
    with pytest.raises(ValueError, match=r"both frames have \['c'\]"):
        attach(once, once, ["a"])


# --- blocks ---


def rows_of(*names: str, height: int = 4) -> RankingDataset:
    matrix = np.arange(height * len(names), dtype=np.float32).reshape(height, len(names))
    return RankingDataset(names, matrix, np.zeros(height, np.float32), np.array([height], np.int32))


def test_of_each_query_all_positives_and_so_many_others_are_drawn_evenly() -> None:
    sizes = np.tile(np.array([2, 9, 4], np.int32), 400)
    labels = np.tile(np.array([1, 0, *[0] * 8, 1, 0, 1, 0, 1], np.float32), 400)  # the second has two of nine
    labels.reshape(400, 15)[:, 2] = 1
    rows = RankingDataset(("row",), np.arange(len(labels), dtype=np.float32)[:, None], labels, sizes)
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


def test_what_a_model_learns_from_is_the_same_whether_its_parts_are_cut_one_by_one_or_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dataset, "COPIED_ROWS", 7)
    rng, parts = np.random.default_rng(0), []
    names = ("a_1", "b_1", "a_2", "a_3", "c_1", "b_2")
    for number in range(3):
        sizes = rng.integers(1, 9, 40 + number).astype(np.int32)
        labels = np.zeros(sizes.sum(), np.float32)
        labels[np.cumsum(sizes) - sizes] = 1
        parts.append(RankingDataset(names, rng.random((len(labels), 6), np.float32), labels, sizes))
    learned = gather(parts, ["a", "c"], min_size=2, negatives=3, seed=5)
    cut = [pick_queries(part, part.group_sizes >= 2) for part in parts]
    features = np.vstack([part.features[:, [0, 2, 3, 4]] for part in cut])
    labels, sizes = (np.concatenate([getattr(part, name) for part in cut]) for name in ("labels", "group_sizes"))
    plain = gather([RankingDataset(learned.names, features, labels, sizes)], negatives=3, seed=5)
    assert learned.names == plain.names == ("a_1", "a_2", "a_3", "c_1")
    assert learned.group_sizes.max() == 4
    for field in ("features", "labels", "group_sizes"):
        np.testing.assert_array_equal(getattr(learned, field), getattr(plain, field))
    whole = gather(parts, ["a", "c"], min_size=2)
    np.testing.assert_array_equal(whole.features, features)
    only = rows_of("a_1", "b_1")
    assert gather([only], ["b", "a"], min_size=2) is only
    assert len(gather([only], min_size=5).labels) == 0


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a_1", "b_2", "a_2"), r"missing here: b_1; only here: b_2\."),
        (("a_1", "a_2", "b_1"), r"the same in another order, a_2, b_1 in place of b_1, a_2\."),
    ],
)
def test_other_columns_are_refused_with_both_lists(names: tuple[str, ...], said: str) -> None:
    expected, features = ("a_1", "b_1", "a_2"), np.zeros((2, 3), np.float32)
    for blocks in (None, ("a", "b")):
        with pytest.raises(ColumnsError, match=f"^The ranker has other columns: {said} Features must"):
            take_columns(names, features, expected, blocks, "The ranker")
    with pytest.raises(ColumnsError, match="given 2 columns under 3 names"):
        take_columns(expected, features[:, :2], expected, None, "The ranker")


def test_a_block_without_columns_or_with_others_is_named() -> None:
    item = pl.DataFrame({"item_age": [1, 2]})
    for block, said in (
        (pl.DataFrame(), "The block user of features has no columns: return one at least, or leave it out"),
        (pl.DataFrame({"user_age": [1]}), "The block user of features has 1 rows, 2 are wanted"),
        (pl.DataFrame({"age": [1, 2]}), "The block user of features has a column age: call it user_age"),
    ):
        with pytest.raises(UserError, match=said):
            join_blocks({"item": item, "user": block})
