"""The quartiles of a new file beside the old one's: what is said, and what a whole pair of files keeps silent."""

import numpy as np
import polars as pl
import pytest

from common.io.agreement import FEWEST, Amounts, Dates, Share, compare, note_shares
from common.time_units import DAY_MS

ROWS = 400
START = 1_700_000_000_000  # 14 November 2023


def list_dates(days: float) -> pl.Series:
    """Moments of so many days from ``START``, evenly."""
    return pl.Series((START + np.linspace(0, days * DAY_MS, ROWS)).astype(np.int64))


def draw_prices(seed: int = 0) -> pl.Series:
    return pl.Series(np.random.default_rng(seed).lognormal(10, 0.7, ROWS))


def say(quantity: Amounts | Dates) -> list[str]:
    return [note.what for note in compare("new.csv", "old.csv", [quantity])]


@pytest.mark.parametrize("days", [0, -1, 10, 30, 40])
def test_dates_of_the_same_time_or_shortly_behind_it_say_nothing(days: int) -> None:
    assert say(Dates("time", list_dates(20), list_dates(20) + days * DAY_MS)) == []


@pytest.mark.parametrize(
    ("days", "fault"),
    [(-400, "400 days earlier"), (-14, "14 days earlier"), (60, "60 days later"), (25_000, "25,000 days later")],
)
def test_dates_of_another_time_are_named(days: int, fault: str) -> None:
    (what,) = say(Dates("time", list_dates(20), list_dates(20) + days * DAY_MS))
    assert what.startswith("time: quartiles ")
    assert "beside 2023-11-19 / 2023-11-24 / 2023-11-29" in what
    assert what.endswith(f"in old.csv: {fault}")


def test_a_year_later_is_named_but_where_files_lie_that_far_apart() -> None:
    old, new = list_dates(20), list_dates(20) + 150 * DAY_MS
    assert len(say(Dates("time", old, new))) == 1
    assert say(Dates("time", old, new, later=366.0 * DAY_MS)) == []


def test_the_same_things_have_the_same_dates() -> None:
    old = list_dates(20)
    assert say(Dates("time", old, old + DAY_MS, within=DAY_MS)) == []  # within a tenth of the span
    (what,) = say(Dates("time", old, old - 3 * DAY_MS, within=DAY_MS))
    assert what.endswith("3 days earlier")


@pytest.mark.parametrize("factor", [0.74, 0.3, 4.0])
def test_amounts_that_drift_say_nothing(factor: float) -> None:
    assert say(Amounts("price", draw_prices(), draw_prices(1) * factor)) == []


@pytest.mark.parametrize(("factor", "times"), [(100.0, "100"), (0.01, "0.01")])
def test_amounts_in_another_unit_are_named(factor: float, times: str) -> None:
    (what,) = say(Amounts("price", draw_prices(), draw_prices() * factor))
    assert what.endswith(f"{times} times as much")
    assert say(Amounts("price", draw_prices(), draw_prices() * factor, ratio=200.0)) == []


def test_a_column_of_one_value_or_of_none_is_named() -> None:
    old = draw_prices()
    assert say(Amounts("price", old, pl.Series([old.median()] * ROWS)))[0].endswith("all of one value")
    (note,) = compare("new.csv", "old.csv", [Amounts("price", old, pl.Series([None] * ROWS, dtype=pl.Float64))])
    assert (note.what, note.rows) == ("price blank, not so in old.csv", ROWS)
    assert say(Amounts("price", pl.Series([0.0] * ROWS), pl.Series([0.0] * ROWS))) == []  # of larch's taxes


def test_of_few_values_nothing_is_said() -> None:
    few = draw_prices().head(FEWEST - 1)
    assert say(Amounts("price", few, few * 1000)) == []


def test_a_share_is_named_where_it_is_above_what_is_usual() -> None:
    assert [*note_shares("a.csv", [Share("late", 4, 100, 0.05), Share("late", 9, 10, 0.05)])] == []
    (note,) = note_shares("a.csv", [Share("late", 60, 100, 0.05)])
    assert (note.file, note.what, note.rows) == ("a.csv", "late in 60% of 100 rows", 60)
