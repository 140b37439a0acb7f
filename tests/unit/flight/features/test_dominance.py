"""Options that are better in two respects at once, against plain loops."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from competitions.flight.features.dominance import count_dominating

Value = float | None
Rows = list[tuple[Value, Value]]


def count(*sessions: Rows) -> list[float | None]:
    numbers = [number for number, rows in enumerate(sessions) for _ in rows]
    first, second = ([pair[side] for rows in sessions for pair in rows] for side in (0, 1))
    counts = count_dominating(
        pl.Series(numbers, dtype=pl.Int32), pl.Series(first, dtype=pl.Float32), pl.Series(second, dtype=pl.Float32)
    )
    assert counts.dtype == pl.Float32
    return counts.to_list()


def count_plainly(rows: Rows) -> list[float | None]:
    known = [(first, second) for first, second in rows if first is not None and second is not None]
    return [
        None
        if first is None or second is None
        else sum(a <= first and b <= second and (a, b) != (first, second) for a, b in known)
        for first, second in rows
    ]


values = st.one_of(st.none(), st.integers(0, 4).map(float), st.sampled_from([-2.5, 70.25]))


@settings(max_examples=80)
@given(st.lists(st.lists(st.tuples(values, values), min_size=1, max_size=12), min_size=1, max_size=4))
def test_the_counts_are_those_of_a_plain_loop(sessions: list[Rows]) -> None:
    assert count(*sessions) == [each for rows in sessions for each in count_plainly(rows)]
