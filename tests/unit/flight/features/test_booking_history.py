"""History: counts and lifts, by hand and against an oracle; nothing of what a snapshot must not see."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from common.time_units import DAY_MS
from competitions.flight.features.booking_history import (
    LIFTS,
    build_history,
    collect_bookings,
)
from competitions.flight.io.reader import Searches
from competitions.flight.split import Snapshots
from tests.unit.flight.flight_world import (
    START,
    by_session,
    draw_searches,
    look_back,
    make_searches,
    search,
)

KEYS = LIFTS


def see(*sessions: int) -> Snapshots:
    """One snapshot, 0, of these sessions' bookings."""
    visible = pl.DataFrame(
        {"snapshot": [0] * len(sessions), "session": sessions}, schema=dict.fromkeys(SNAPSHOT, pl.Int32)
    )
    schema = {"session": pl.Int32, "snapshot": pl.Int32, "until": pl.Int64}
    return Snapshots(pl.DataFrame({"session": [0], "snapshot": [0], "until": [None]}, schema=schema), visible)


SNAPSHOT = ("snapshot", "session")


# --- an oracle ---


def expect_lifts(searches: Searches, seen: set[int], key: Sequence[str]) -> dict[tuple[Any, ...], tuple[float, float]]:
    """times and lift by key."""
    booked: dict[tuple[Any, ...], float] = {}
    expected: dict[tuple[Any, ...], float] = {}
    for session, options in by_session(searches):
        if session["session"] not in seen or session["booked"] is None:
            continue
        for position, row in enumerate(options):
            values = tuple((session | row)[name] for name in key)
            if None not in values:
                expected[values] = expected.get(values, 0) + 1 / len(options)
                booked[values] = booked.get(values, 0) + (position == session["booked"])
    return {
        values: (booked[values], math.log((booked[values] + 2) / (share + 2))) for values, share in expected.items()
    }


@pytest.mark.parametrize("seed", range(2))
def test_what_snapshots_know_is_what_the_oracle_says(seed: int) -> None:
    searches = draw_searches(seed, count=60, longest=5)
    sessions = searches.sessions
    past = look_back(searches, pl.Series([START + 9 * DAY_MS] * 30 + [START + 20 * DAY_MS] * 30))
    for snapshot, moment in enumerate((START + 9 * DAY_MS, START + 20 * DAY_MS)):
        seen = set(sessions.filter(pl.col("booked").is_not_null() & (pl.col("time") < moment))["session"])
        assert seen
        for name, key in KEYS.items():
            table, expected = past.lifts[name].filter(snapshot=snapshot), expect_lifts(searches, seen, key)
            lifts = {
                row[1 : 1 + len(key)]: row[1 + len(key) :]
                for row in table.select("snapshot", *key, "times", "lift").rows()
            }
            assert lifts.keys() == expected.keys(), name
            for values, lift in lifts.items():
                assert lift == pytest.approx(expected[values], abs=1e-5), (name, values)


# --- what a snapshot must not see ---


@pytest.mark.parametrize("blocks", [(), ("taste",), ("lift", "taste"), ("core",)])
def test_only_what_the_blocks_look_up_is_tabulated(blocks: tuple[str, ...]) -> None:
    log = collect_bookings(make_searches(search(), search(profile=2)))
    whole, part, nothing = (
        build_history(log, see(0, 1)),
        build_history(log, see(0, 1), blocks),
        build_history(log, see()),
    )
    served = {"lift": LIFTS, "taste": whole.preferences}
    for block, names in served.items():
        kind = "preferences" if block == "taste" else "lifts"
        expected = getattr(whole if block in blocks else nothing, kind)
        for name in names:
            assert_frame_equal(getattr(part, kind)[name], expected[name])
