"""Cutting by time: what a cut leaves of a log, and a drawn sample that looks like its target."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.news.split import cut_history, resample_to_match

CLICKS = {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}
CUTS = {"user": pl.Int32, "cut": pl.Int64, "item": pl.Int32}
CELL = ["day", "length"]


def clicks(*rows: tuple[int, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CLICKS, orient="row").sort("user", "time", "item")


def cuts(*rows: tuple[int, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CUTS, orient="row")


# --- cut_history ---


def test_a_cut_takes_the_hidden_click_and_all_that_follows_of_its_user_alone() -> None:
    log = clicks((1, 5, 10), (1, 4, 15), (1, 5, 20), (1, 6, 21), (1, 4, 99), (2, 5, 20), (2, 6, 30), (3, 5, 20))
    kept = cut_history(log, cuts((1, 20, 5), (3, 20, 5)))
    assert kept.rows() == [(1, 5, 10), (1, 4, 15), (2, 5, 20), (2, 6, 30)]


def test_another_item_at_the_very_millisecond_of_the_cut_stays() -> None:
    log = clicks((1, 4, 20), (1, 5, 20), (1, 6, 20), (1, 5, 19), (1, 6, 21))
    assert cut_history(log, cuts((1, 20, 5))).rows() == [(1, 5, 19), (1, 4, 20), (1, 6, 20)]


def test_the_order_of_a_long_log_is_kept() -> None:
    rng = np.random.default_rng(0)
    log = pl.DataFrame({"user": rng.integers(0, 9_000, 200_000), "item": 1, "time": rng.integers(0, 10**6, 200_000)})
    log = log.cast({name: CLICKS[name] for name in log.columns}).unique().sort("user", "time", "item")
    users = np.arange(0, 9_000, 3)
    hidden = pl.DataFrame({"user": users, "cut": 500_000, "item": 2}).cast({name: CUTS[name] for name in CUTS})
    kept = cut_history(log, hidden)
    assert_frame_equal(kept, log.filter((pl.col("user") % 3 != 0) | (pl.col("time") <= 500_000)))


# --- resample_to_match ---


@pytest.fixture(scope="module")
def pool() -> pl.DataFrame:
    """60,000 rows over 12 cells, most of them in the first ones."""
    rng = np.random.default_rng(1)
    cell = rng.choice(12, 60_000, p=np.arange(16, 4, -1) / 126)
    return pl.DataFrame({"id": np.arange(60_000), "day": cell // 3, "length": cell % 3})


@pytest.fixture(scope="module")
def target() -> pl.DataFrame:
    """5,000 rows, most of them in the last cells, none in the very last."""
    rng = np.random.default_rng(2)
    cell = rng.choice(12, 5_000, p=[*(np.arange(1, 12) / 66), 0])
    return pl.DataFrame({"day": cell // 3, "length": cell % 3})


def distance(drawn: pl.DataFrame, target: pl.DataFrame) -> float:
    """Chi-square of the drawn cells against the target's shares."""
    share = target.group_by(CELL).agg(share=pl.len() / target.height)
    both = share.join(drawn.group_by(CELL).agg(count=pl.len()), on=CELL, how="left").fill_null(0)
    expected = pl.col("share") * drawn.height
    return float(both.select(((pl.col("count") - expected) ** 2 / expected).sum()).item())


def test_a_drawn_sample_has_the_cells_of_the_target_and_each_row_once_in_order(
    pool: pl.DataFrame, target: pl.DataFrame
) -> None:
    drawn, again, other = (resample_to_match(pool, target, CELL, 1_000, seed) for seed in (3, 3, 4))
    assert distance(drawn, target) < 30  # 10 degrees of freedom: 0.1 % of fair samples are farther
    assert distance(pool.head(1_000), target) > 500
    assert_frame_equal(drawn, again)
    assert not drawn.equals(other)
    assert drawn["id"].is_sorted()
    assert drawn["id"].n_unique() == drawn.height == 1_000
    assert_frame_equal(drawn, pool[drawn["id"].to_list()])


def test_a_cell_that_the_target_lacks_is_never_drawn_whatever_the_size(
    pool: pl.DataFrame, target: pl.DataFrame
) -> None:
    drawn = resample_to_match(pool, target, CELL, pool.height, seed=3)
    assert_frame_equal(drawn, pool.filter((pl.col("day") != 3) | (pl.col("length") != 2)))
    assert resample_to_match(pool, target.clear(), CELL, 10, seed=3).is_empty()
    assert resample_to_match(pool.clear(), target, CELL, 10, seed=3).is_empty()


def test_within_a_cell_every_row_has_the_same_chance() -> None:
    pool = pl.DataFrame({"id": range(8), "day": [0] * 8, "length": [0] * 8})
    drawn = [resample_to_match(pool, pool, CELL, 2, seed)["id"].to_list() for seed in range(400)]
    counts = np.bincount(np.concatenate(drawn), minlength=8)  # 100 expected of each, standard deviation 9
    assert counts.min() > 64
    assert counts.max() < 136
