"""A column of a new file beside the old one's: what is said, and what a whole pair of files keeps silent."""

import datetime

import numpy as np
import polars as pl
import pytest

from common.io.agreement import FEWEST, compare
from common.time_units import DAY_MS

ROWS = 400
START = 1_700_000_000_000  # 14 November 2023
DATES = pl.Series((START + np.linspace(0, 20 * DAY_MS, ROWS)).astype(np.int64)).cast(pl.Datetime("ms"))
PRICES = pl.Series(np.random.default_rng(0).lognormal(10, 0.7, ROWS))


def say(old: pl.Series, new: pl.Series) -> list[str]:
    return [note.what for note in compare("new.csv", "old.csv", {"column": (old, new)})]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        *((days, "") for days in (0, -8, 30, 250)),
        (-400, "400 days earlier than"),
        (-14, "14 days earlier than"),
        (365, "365 days later than"),
        (25_000, "25,000 days later than"),
    ],
)
def test_dates_may_lie_in_the_old_ones_or_within_the_year_behind_them(days: int, said: str) -> None:
    assert say(DATES, DATES + datetime.timedelta(days=days)) == [f"column: {said} in old.csv"] * bool(said)


@pytest.mark.parametrize(
    ("factor", "said"), [(0.74, ""), (0.1, ""), (10.0, ""), (100.0, "100 times as much as"), (0.01, "0.01 times as")]
)
def test_amounts_may_drift_but_not_be_in_another_unit(factor: float, said: str) -> None:
    (what,) = say(PRICES, PRICES * factor) or [""]
    assert what.removeprefix("column: ").startswith(said)
    assert bool(what) == bool(said)


def test_a_column_of_one_value_or_of_none_is_named() -> None:
    assert say(PRICES, pl.Series([PRICES.median()] * ROWS)) == ["column: all of one value, not so in old.csv"]
    blank = pl.Series([None] * ROWS, dtype=pl.Float64)
    (note,) = compare("new.csv", "old.csv", {"price": (PRICES, blank)})
    assert (note.file, note.what, note.rows) == ("new.csv", "price: blank, not so in old.csv", ROWS)
    assert say(pl.Series([0.0] * ROWS), pl.Series([0.0] * ROWS)) == []  # of larch's taxes
    few = PRICES.head(FEWEST - 1)
    assert say(few, few * 1000) == []
