"""Shares of raw values and the distance of two sides, beside counts made by hand."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pytest

from common.day.look.distributions import Picture, describe_difference, draw_column, measure_distance

DAY = 86_400_000
Sides = Mapping[str, Sequence[object]]


def draw(sides: Sides) -> Picture:
    picture = draw_column("t", {side: pl.Series(values, strict=False) for side, values in sides.items()})
    assert picture is not None
    return picture


def days(*values: int) -> pl.Series:
    return pl.Series(values).cast(pl.Datetime("ms"))


def test_whole_numbers_of_a_short_range_have_a_bin_each() -> None:
    picture = draw({"train": [1, 1, 2, 3], "test": [2, 2]})
    assert picture.edges == [0.5, 1.5, 2.5, 3.5]
    assert picture.shares == {"train": [0.5, 0.25, 0.25], "test": [0.0, 1.0, 0.0]}
    assert (picture.medians, picture.sizes) == ({"train": 1.5, "test": 2.0}, {"train": 4, "test": 2})


def test_what_is_missing_or_infinite_is_left_out_and_a_constant_is_not_drawn() -> None:
    picture = draw({"train": [np.nan, np.inf, None, 1.5, 2.5], "test": [None]})
    assert (list(picture.shares), picture.sizes) == (["train"], {"train": 2})
    for sides in ({"train": [np.inf, np.nan]}, {"a": [0.3, 0.3], "b": [0.3]}, {"a": ["x"], "b": ["x", None]}, {}):
        assert draw_column("t", {side: pl.Series(values) for side, values in sides.items()}) is None
    assert draw({"a": ["x"], "b": ["y"]}).labels == ["x", "y"]


def test_times_are_drawn_by_day() -> None:
    picture = draw_column("t", {"train": days(DAY, 2 * DAY - 1, 2 * DAY), "test": days(3 * DAY + 5)})
    assert picture is not None
    assert (picture.unit, picture.edges) == ("days from 1970-01-02", [-0.5, 0.5, 1.5, 2.5])
    assert picture.shares["train"] == pytest.approx([2 / 3, 1 / 3, 0])
    assert picture.shares["test"] == [0, 0, 1]


def test_the_most_frequent_values_of_either_side_come_first_and_the_rest_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.day.look.distributions.TOP", 3)
    picture = draw({"train": ["1", "1", "2", "3"], "test": ["4", "4", "4", "5"]})
    assert picture.labels == ["4", "1", "2", "2 others"]
    assert picture.shares == {"train": [0.0, 0.5, 0.25, 0.25], "test": [0.75, 0.0, 0.0, 0.25]}
    monkeypatch.setattr("common.day.look.distributions.MOST_LABELS", 4)
    assert draw_column("t", {"train": pl.Series(["1", "2", "3", "4", "5"])}) is None


@pytest.mark.parametrize(
    ("sides", "distance", "sentence"),
    [
        # Cumulated .5, .75, 1 beside .25, .5, 1; of labels (.25 + 0 + .25) / 2.
        (
            {"a": [1] * 200 + [2] * 100 + [3] * 100, "b": [1] * 100 + [2] * 100 + [3] * 200},
            0.25,
            "median 2.50 in b, 1.50 in a.",
        ),
        ({"a": ["x"] * 200 + ["y"] * 200, "b": ["x"] * 100 + ["y"] * 300}, 0.25, "y is 50.0 % of a, 75.0 % of b."),
        ({"a": [1, 1, 0, 1, 1], "b": [0, 1, 0, 0, 1]}, 0.0, None),  # chance on so few
        ({"a": [1] * 95_000 + [0] * 5_000, "b": [1] * 90_000 + [0] * 10_000}, 0.0, None),  # little
        ({"a": [1, 2]}, 0.0, None),
    ],
)
def test_distances_are_those_of_the_textbook(sides: Sides, distance: float, sentence: str | None) -> None:
    picture = draw(sides)
    assert measure_distance(picture) == pytest.approx(distance)
    assert sentence is None or describe_difference(picture) == sentence
