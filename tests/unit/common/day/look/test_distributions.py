"""Shares of raw values, beside counts made by hand."""

import numpy as np
import polars as pl
import pytest

from common.day.look.distributions import histogram, share_values, timeline

DAY = 86_400_000


def test_whole_numbers_of_a_short_range_have_a_bin_each() -> None:
    made = histogram("t", "clicks", {"train": [1, 1, 2, 3], "test": [2, 2]})
    assert made
    assert made.edges == [0.5, 1.5, 2.5, 3.5]
    assert made.shares == {"train": [0.5, 0.25, 0.25], "test": [0.0, 1.0, 0.0]}
    assert made.medians == {"train": 1.5, "test": 2.0}


def test_powers_of_ten_leave_no_hole_between_small_whole_numbers() -> None:
    values = np.repeat([1, 2, 3, 4, 5, 1000], 20)
    made = histogram("t", "clicks", {"train": values}, logarithmic=True)
    assert made is not None
    assert made.logarithmic
    assert made.shares["train"][:4] == pytest.approx([1 / 6] * 4)
    assert sum(made.shares["train"]) == pytest.approx(1.0)


def test_what_is_missing_infinite_or_not_positive_is_left_out() -> None:
    made = histogram("t", "u", {"train": [np.nan, np.inf, 1.5, 2.5], "test": []})
    assert made is not None
    assert list(made.shares) == ["train"]
    assert sum(made.shares["train"]) == pytest.approx(1.0)
    assert histogram("t", "u", {"train": [0, -1]}, logarithmic=True) is None
    constant = histogram("t", "u", {"train": [0.3, 0.3]})
    assert constant is not None
    assert sum(constant.shares["train"]) == pytest.approx(1.0)


def test_a_timeline_has_a_bin_a_day() -> None:
    made = timeline("t", {"train": [0, DAY - 1, DAY], "test": [2 * DAY + 5]})
    assert made is not None
    assert made.unit == "days from 1970-01-01"
    assert made.edges == [0, 1, 2, 3]
    assert made.shares["train"] == pytest.approx([2 / 3, 1 / 3, 0])
    assert made.shares["test"] == [0, 0, 1]
    assert timeline("t", {"train": []}) is None


def test_the_most_frequent_values_of_either_side_come_first_and_the_rest_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.day.look.distributions.TOP", 3)
    sides = {"train": pl.Series(["1", "1", "2", "3"]), "test": pl.Series(["4", "4", "4", None])}
    made = share_values("t", sides)
    assert made is not None
    assert made.labels == ["4", "1", "2", "2 others"]
    assert made.shares["train"] == [0.0, 0.5, 0.25, 0.25]
    assert made.shares["test"] == [0.75, 0.0, 0.0, 0.25]
    labels = share_values("t", {"test": sides["test"]})
    assert labels is not None
    assert "missing" in labels.labels
