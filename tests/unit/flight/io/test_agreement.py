"""Two files of one market say nothing; each kind of disagreement, made in one of them, is named."""

from dataclasses import replace

import polars as pl
import pytest

from competitions.flight.io.agreement import compare_files
from competitions.flight.io.reader import Searches
from tests.unit.flight.flight_world import NOON, make_searches, option, search

COUNT = 60


def make_file(days_later: float = 0) -> Searches:
    """Searches of sixty days, for a flight ten days later; the prices of each are its own."""
    shift = round(days_later * 1440)
    times = [NOON + day * 1440 + shift for day in range(COUNT)]
    return make_searches(
        *(
            search(
                option(price=100.0 + day, out_departure=time, out_arrival=time + 90),
                option(price=300.0 + day, out_departure=time + 60, out_arrival=time + 150),
                day=day + days_later,
            )
            for day, time in enumerate(times)
        )
    )


def edit(searches: Searches, **columns: pl.Expr) -> Searches:
    return replace(searches, options=searches.options.with_columns(**columns))


@pytest.mark.parametrize("days_later", [0, COUNT, COUNT + 150])
def test_a_test_file_behind_the_train_file_says_nothing(days_later: float) -> None:
    assert compare_files(make_file(), edit(make_file(days_later), price=pl.col("price") * 0.74)) == ()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"price": pl.col("price") * 100}, "totalPrice: 100 times"),
        ({"out_duration": pl.col("out_duration").cast(pl.Int32) * 60}, "legs0_duration in minutes: 60 times"),
        (
            {"out_departure": pl.col("out_departure") - 365 * 1440},
            "legs0_departureAt: 354 days earlier",
        ),
        ({"out_duration": pl.lit(None, pl.Int32)}, "legs0_duration in minutes: blank"),
    ],
)
def test_other_units_and_impossible_times_are_named(columns: dict[str, pl.Expr], expected: str) -> None:
    (note,) = compare_files(make_file(), edit(make_file(COUNT), **columns))
    assert note.what.startswith(expected)
