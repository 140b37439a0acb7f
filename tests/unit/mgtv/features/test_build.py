"""All blocks together: their order, nothing of the day itself in them, and the matrix with its outcome."""

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from common.engine.run import Run
from competitions.mgtv import pipeline
from competitions.mgtv.config import BLOCKS, FeatureSettings
from competitions.mgtv.features.build import join_blocks
from competitions.mgtv.features.comment import find_date
from competitions.mgtv.split import Slates, draw_slates, look_up_outcome, plan_days
from tests.unit.mgtv.mgtv_world import (
    DAY,
    SETTINGS,
    SLATES,
    SPLIT,
    Sources,
    build,
    build_day,
    date_of,
    draw_sources,
    make_sources,
    make_tables,
)


def choose(*blocks: str) -> FeatureSettings:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__}
    return FeatureSettings(**values | {"blocks": blocks})


def regather(sources: Sources, log: pl.DataFrame, comments: pl.DataFrame | None = None) -> Sources:
    return make_sources(log, sources.videos, sources.profiles, sources.comments if comments is None else comments)


def give_slates() -> Slates:
    return SLATES


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


@pytest.mark.parametrize("block", [block for block in BLOCKS if block != "list"])
def test_a_block_does_not_depend_on_which_others_are_built(
    block: str, sources: Sources, features: pl.DataFrame
) -> None:
    described = build(sources, SLATES, choose(block, "comment" if block != "comment" else "device"))
    assert described.columns[0].startswith(f"{block}_")  # in the order chosen
    assert described.equals(features.select(described.columns))


# --- the day itself ---


def turn(log: pl.DataFrame) -> pl.DataFrame:
    """Another outcome of every row from the day on: clicked where it was not, played to another end."""
    late = pl.col("day") >= DAY
    return log.with_columns(
        clicked=pl.col("clicked") ^ late,
        answer=pl.col("answer") ^ late,
        click_ms=pl.when(late).then(pl.int_range(pl.len())).otherwise("click_ms"),
        t=pl.when(late).then((1.3 - pl.col("t").fill_null(0.7)).abs()).otherwise("t").cast(pl.Float32),
    )


def find_changed(one: pl.DataFrame, other: pl.DataFrame) -> set[str]:
    """The blocks in which two frames of features differ."""
    assert one.columns == other.columns
    return {name.partition("_")[0] for name in one.columns if not one[name].equals(other[name])}


def test_what_comes_of_a_day_and_later_changes_no_feature_of_it(sources: Sources, features: pl.DataFrame) -> None:
    turned = regather(sources, turn(sources.log))
    assert find_changed(features, build(turned, SLATES)) == set()
    unknown = regather(sources, sources.log.filter(pl.col("day") < DAY))
    assert find_changed(features, build(unknown, SLATES)) == set()
    # The day after sees it, else there would be nothing to leak.
    later = replace(SLATES, day=DAY + 1)
    changed = find_changed(build(sources, later), build(turned, later))
    assert changed == {"video", "device", "pair", "list"}


def test_twice_the_same(sources: Sources, features: pl.DataFrame) -> None:
    shuffled = regather(sources, sources.log.sample(fraction=1, shuffle=True, seed=2))
    assert build(shuffled, SLATES).equals(features)


def test_another_block_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    def compute(*blocks: str) -> list[str]:
        run = Run(tmp_path / "run", tmp_path / "cache", quiet=True)
        drawn, slates = run.step(draw_sources, 0), run.step(give_slates)
        pipeline.build_blocks(run, "day", make_tables(drawn), slates, choose(*blocks))
        return [record.name for record in run.timings if not record.kept]

    assert {"day.history", "day.video", "day.pair", "day.device"} <= {*compute("video", "pair")}
    assert compute("video", "pair", "list", "comment") == ["day.comment", "day.list"]
    assert compute("comment", "video", "pair") == []


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
