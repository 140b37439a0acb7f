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
from competitions.mgtv.split import Slates, draw_slates, look_up_outcome, plan_days
from tests.unit.mgtv.mgtv_world import (
    DAY,
    SLATES,
    SPLIT,
    Sources,
    build,
    build_day,
    date_of,
    draw_sources,
    make_sources,
)


@pytest.fixture(scope="module")
def sources() -> Sources:
    return draw_sources()


@pytest.fixture(scope="module")
def features(sources: Sources) -> pl.DataFrame:
    return build(sources, SLATES)


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


def test_twice_the_same(sources: Sources, features: pl.DataFrame) -> None:
    shuffled = sources.log.sample(fraction=1, shuffle=True, seed=2)
    again = make_sources(shuffled, sources.videos, sources.profiles, sources.comments)
    assert build(again, SLATES).equals(features)


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


def ask(sources: Sources) -> Slates:
    plan = plan_days(sources.log, SLATES.rows, SPLIT)
    return draw_slates(sources.log, plan, DAY, SPLIT, 0)


def test_a_served_day_has_the_features_and_what_came_of_them(sources: Sources) -> None:
    slates = ask(sources)
    outcome = look_up_outcome(sources.log, slates)
    day = build_day(sources, slates, outcome)
    frame = build(sources, slates)
    assert (day.day, day.queries, day.rows.names) == (DAY, slates.queries.height, tuple(frame.columns))
    expected = frame.select(pl.all().cast(pl.Float32)).to_numpy()
    np.testing.assert_array_equal(day.rows.features, expected)
    assert day.rows.labels.tolist() == outcome["answer"].cast(pl.Float32).to_list()
    assert day.rows.labels.sum() >= day.queries > 3
    assert day.clicked.tolist() == outcome["clicked"].to_list()
    np.testing.assert_array_equal(day.completions, outcome["t"].cast(pl.Float64).fill_null(np.nan))
    assert day.rows.group_sizes.tolist() == slates.group_sizes.to_list()
    assert day.scorable.all()


def test_the_test_is_served_like_a_day_without_an_outcome(sources: Sources) -> None:
    """A video without a duration, here of code 3, cannot be scored."""
    slates = ask(sources)
    lost = replace(sources, videos=sources.videos.with_columns(sources.videos["duration"].scatter([3], None)))
    test, labelled = build_day(lost, slates), build_day(lost, slates, look_up_outcome(sources.log, slates))
    np.testing.assert_array_equal(test.rows.features, labelled.rows.features)
    assert test.rows.labels.tolist() == [0] * slates.rows.height
    assert np.isnan(test.completions).all()
    assert not test.clicked.any()
    assert test.scorable.tolist() == (slates.rows["video"] != 3).to_list()
    assert not test.scorable.all()
