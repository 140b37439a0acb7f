"""All blocks together: their order, and the matrix with its outcome."""

import datetime
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.mgtv.config import BLOCKS
from competitions.mgtv.features.build import join_blocks
from competitions.mgtv.features.comment import find_date
from competitions.mgtv.pipeline import Tables
from competitions.mgtv.split import Slates, draw_slates, look_up_outcome, plan_days
from tests.results import as_result
from tests.unit.mgtv.mgtv_world import DAY, SLATES, SPLIT, Read, build, build_day, date_of, draw_tables, make_tables


@pytest.fixture(scope="module")
def tables() -> Tables:
    return draw_tables()


@pytest.fixture(scope="module")
def features(tables: Tables) -> pl.DataFrame:
    return build(tables, SLATES)


# --- order and names ---


def test_a_row_for_each_of_the_slates_and_names_that_begin_with_their_block(features: pl.DataFrame) -> None:
    assert features.height == SLATES.rows.height
    assert list(dict.fromkeys(name.partition("_")[0] for name in features.columns)) == list(BLOCKS)
    assert len(set(features.columns)) == features.width
    assert {"list_video_own_click_2d_off", "list_pair_video_click_off"} < set(features.columns)


def test_a_column_that_does_not_begin_with_its_block_is_refused() -> None:
    """Else it would be built, and learned from by no model."""
    rows = SLATES.rows
    named = rows.select("query", my_block_a="video").unique("query", keep="first", maintain_order=True)
    assert join_blocks({"my_block": named}, rows).columns == ["my_block_a"]
    with pytest.raises(UserError, match=r"feature 'myblock_a' of the block 'my' must be named my_myblock_a\."):
        join_blocks({"my": named.rename({"my_block_a": "myblock_a"})}, rows)


def test_the_same_to_the_bit_in_whatever_order_the_log_comes(tables: Tables, features: pl.DataFrame) -> None:
    others = (tables.videos.value.frame, tables.profiles.value.frame, tables.comments.value.frame)
    shuffled = tables.log.value.sample(fraction=1, shuffle=True, seed=2)
    assert build(make_tables(shuffled, *others), SLATES).equals(features)


# --- dates ---


@pytest.mark.parametrize(
    ("second", "day", "expected"),
    [
        (5, 8, date_of(8)),
        (50, 4, date_of(4)),  # the earlier of two as near days counts
        (50, 6, date_of(51)),
    ],
)
def test_a_day_without_a_date_is_counted_on_from_the_nearest(second: int, day: int, expected: datetime.date) -> None:
    assert find_date({3: date_of(3), 5: date_of(second)}, day) == expected
    assert find_date({}, day) is None


# --- the matrix ---


def draw(log: pl.DataFrame) -> Slates:
    return draw_slates(log, plan_days(log, SLATES.rows, SPLIT), DAY, SPLIT, 0)


def test_a_served_day_has_the_features_and_what_came_of_them(tables: Tables) -> None:
    slates = draw(tables.log.value)
    outcome = look_up_outcome(tables.log.value, slates)
    day = build_day(tables, slates, outcome)
    frame = build(tables, slates)
    assert (day.day, day.queries, day.rows.names) == (DAY, slates.queries.height, tuple(frame.columns))
    expected = frame.select(pl.all().cast(pl.Float32)).to_numpy()
    np.testing.assert_array_equal(day.rows.features, expected)
    assert day.rows.labels.tolist() == outcome["answer"].cast(pl.Float32).to_list()
    assert day.rows.labels.sum() >= day.queries > 3
    assert day.clicked.tolist() == outcome["clicked"].to_list()
    np.testing.assert_array_equal(day.completions, outcome["t"].cast(pl.Float64).fill_null(np.nan))
    assert day.rows.group_sizes.tolist() == slates.group_sizes.to_list()
    assert day.scorable.all()


def test_the_test_is_served_like_a_day_without_an_outcome(tables: Tables) -> None:
    """A video without a duration, here of code 3, cannot be scored."""
    slates, videos = draw(tables.log.value), tables.videos.value.frame
    lost = replace(tables, videos=as_result(Read(videos.with_columns(videos["duration"].scatter([3], None)))))
    test, labelled = build_day(lost, slates), build_day(lost, slates, look_up_outcome(tables.log.value, slates))
    np.testing.assert_array_equal(test.rows.features, labelled.rows.features)
    assert test.rows.labels.tolist() == [0] * slates.rows.height
    assert np.isnan(test.completions).all()
    assert not test.clicked.any()
    assert test.scorable.tolist() == (slates.rows["video"] != 3).to_list()
    assert not test.scorable.all()
