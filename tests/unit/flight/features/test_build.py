"""The blocks as a whole, and what the blocks of the option, of the search and of the pair hold."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.flight.config import BLOCKS
from competitions.flight.features import build as feature_blocks
from competitions.flight.features.booking_history import History, build_history, collect_bookings
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import add_attributes
from competitions.flight.features.session_chunk import SessionChunk
from competitions.flight.io.reader import Searches
from competitions.flight.split import take_snapshots
from tests.unit.flight.flight_world import (
    MINUTE_MS,
    NOON,
    ONE_WAY,
    START,
    Row,
    assert_column,
    by_session,
    draw_searches,
    known,
    make_searches,
    option,
    search,
)

NOBODY = pl.DataFrame(schema={"session": pl.Int32, "snapshot": pl.Int32})
NOTHING = History({}, {}, {})


def make(searches: Searches, *blocks: str) -> pl.DataFrame:
    """Blocks that need no history."""
    return build_features(searches, 0, searches.sessions.height, NOBODY, NOTHING, blocks)


def make_option(*options: Row, **session: Any) -> pl.DataFrame:
    return make(make_searches(search(*options, **session)), "option")


# --- the whole ---


@pytest.fixture(scope="module")
def drawn() -> Searches:
    return draw_searches(11, count=80, longest=6)


@pytest.fixture(scope="module")
def assigned(drawn: Searches) -> tuple[pl.DataFrame, History]:
    """Half of the sessions see half of the bookings, the others all."""
    times = drawn.sessions["time"].sort()
    as_of = drawn.sessions.select("session", until=pl.Series([times[40], times[-1]] * 40))
    snapshots = take_snapshots(drawn.sessions, as_of)
    return snapshots.assigned, build_history(collect_bookings(drawn), snapshots)


def test_a_feature_is_a_float_of_its_block_with_a_row_for_every_option(
    drawn: Searches, assigned: tuple[pl.DataFrame, History]
) -> None:
    frame = build_features(drawn, 0, 80, *assigned, BLOCKS)
    assert frame.height == drawn.options.height
    assert set(frame.dtypes) == {pl.Float32}
    grains = [name.partition("_")[0] for name in frame.columns]
    assert list(dict.fromkeys(grains)) == list(BLOCKS)
    assert list(feature_blocks.BLOCKS) == list(BLOCKS)
    few = build_features(drawn, 0, 80, *assigned, ["pair", "option"])
    assert_frame_equal(few, frame.select([*few.columns]))
    assert few.columns[0].startswith("pair_")


def test_every_feature_tells_something(drawn: Searches, assigned: tuple[pl.DataFrame, History]) -> None:
    frame = build_features(drawn, 0, 80, *assigned, BLOCKS)
    assert not frame.select(pl.all().is_nan().any() | pl.all().is_infinite().any()).row(0).count(True)
    default = ("nationality", "aircraft", "destination", "cabin_low", "out_carriers", "back_carriers")
    alike = [name for name in frame.columns if frame[name].drop_nulls().n_unique() < 2 and not name.endswith(default)]
    assert alike == []


@pytest.mark.parametrize(("first", "last"), [(0, 2), (7, 9), (13, 31), (78, 80)])
def test_some_sessions_have_the_features_that_they_have_among_all(
    drawn: Searches, assigned: tuple[pl.DataFrame, History], first: int, last: int
) -> None:
    start, end = drawn.sessions["first"][first], drawn.sessions["first"][last - 1] + drawn.sessions["size"][last - 1]
    whole = build_features(drawn, 0, 80, *assigned, BLOCKS)[start:end]
    assert_frame_equal(build_features(drawn, first, last, *assigned, BLOCKS), whole)


def test_features_do_not_look_at_what_was_booked(drawn: Searches, assigned: tuple[pl.DataFrame, History]) -> None:
    blind = Searches(drawn.sessions.with_columns(booked=pl.lit(None, pl.Int32)), drawn.options)
    assert_frame_equal(build_features(blind, 0, 80, *assigned, BLOCKS), build_features(drawn, 0, 80, *assigned, BLOCKS))


def test_the_order_of_assigned_sessions_says_nothing(drawn: Searches, assigned: tuple[pl.DataFrame, History]) -> None:
    snapshots, history = assigned
    expected = build_features(drawn, 0, 80, snapshots, history, ["history"])
    assert_frame_equal(build_features(drawn, 0, 80, snapshots.reverse(), history, ["history"]), expected)


def test_a_block_of_another_height_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(part: SessionChunk, _: History) -> pl.DataFrame:
        return part.options.select("price").head(1)

    monkeypatch.setitem(feature_blocks.BLOCKS, "within", short)
    with pytest.raises(ValueError, match="block within has 1 rows for 2 options"):
        make(make_searches(search()), "option", "within")


# --- the option by itself ---


def test_what_an_option_tells_by_itself_by_hand() -> None:
    row = option(
        price=math.e - 1,
        taxes=1.0,
        out_departure=NOON,  # Thursday 2024-05-30, 12:00
        out_arrival=NOON + 725,  # 00:05 of the next day
        back_departure=NOON + 3 * 1440,  # Sunday
        back_arrival=NOON + 5 * 1440 - 721,  # Monday, one minute to midnight
        out_duration=100,
        back_duration=80,
        out_segments=2,
        back_segments=1,
        out_operator=7,
        back_carrier=2,
        back_operator=2,
    )
    table = make_option(row, time=(NOON - 2160) * MINUTE_MS + 59_999)
    expected = {
        "log_price": 1,
        "tax_share": 1 / (math.e - 1),
        "out_weekday": 3,
        "back_weekday": 6,
        "lead_days": 1.5,
        "stay_hours": (3 * 1440 - 725) / 60,
        "out_nights": 1,
        "back_nights": 1,
        "codeshare": 1,
        "one_carrier": 0,
        "duration": 180,
        "segments": 3,
        "minutes_per_segment": 60,
        "out_hour": 12,
        "exchange_fee": 0,
        "cancel_fee": 20,
        "out_operator": 7,
        "back_seats": 9,
    }
    for name, value in expected.items():
        assert_column(table[f"option_{name}"], [value])


def test_one_way_has_no_way_back_and_no_stay() -> None:
    table = make_option(option(**ONE_WAY), option(**ONE_WAY | {"out_operator": 4}))
    for name in ("back_weekday", "stay_hours", "back_nights", "back_hour", "back_duration", "one_carrier"):
        assert table[f"option_{name}"].to_list() == [None, None], name
    assert_column(table["option_codeshare"], [0, 1])
    assert_column(table["option_direct"], [1, 1])


def test_code_shares_are_counted_over_both_legs() -> None:
    expected = [((0, 0), (0, 0), 0, 1), ((0, 1), (0, 1), 2, 1), ((0, 0), (2, 0), 1, 0), ((0, 0), (2, None), 0, 0)]
    rows = [
        option(out_carrier=out, out_operator=flown, back_carrier=back, back_operator=flown_back)
        for (out, flown), (back, flown_back), _, _ in expected
    ]
    table = make_option(*rows, option(out_carrier=None))
    assert_column(table["option_codeshare"], [*(shared for *_, shared, _ in expected), None])
    assert_column(table["option_one_carrier"], [*(one for *_, one in expected), None])


def test_the_numbers_of_an_option_pass_through() -> None:
    searches = draw_searches(2)
    table, own = make(searches, "option"), add_attributes(searches.options)
    names = (*feature_blocks.OPTION_NUMBERS, *feature_blocks.RULES, *feature_blocks.HOURS)
    names += tuple(
        f"{leg}_{name}" for leg in ("out", "back") for name in feature_blocks.LEG_NUMBERS + feature_blocks.LEG_CODES
    )
    for name in names:
        assert_column(table[f"option_{name}"], own[name].to_list())


# --- the search ---


def expect_session(session: Row, options: Sequence[Row]) -> Row:
    """The search of a session; the options have their attributes."""
    prices, hours = known([row["price"] for row in options]), session["time"] // 3_600_000
    days = hours // 24 - START // 86_400_000  # since a Monday
    return {
        "log_cheapest": math.log1p(min(prices)) if prices else None,
        "price_spread": statistics.stdev(prices) / statistics.fmean(prices) if len(prices) > 1 else None,
        "price_median_ratio": statistics.median(prices) / min(prices) if prices else None,
        "shortest": min(known([row["duration"] for row in options]), default=None),
        "itineraries": len({row["itinerary"] for row in options}),
        "carriers": len({row["out_carrier"] for row in options}),
        "direct_share": share([row["direct"] for row in options]),
        "access_share": share([row["access_tp"] for row in options]),
        "business_share": share([None if row["cabin"] is None else row["cabin"] > 1 for row in options]),
        "exchange_share": share([row["exchange_allowed"] for row in options]),
        **{name: session[name] for name in ("tariff", "nationality", "access_3d", "vip", "male", "route")},
        "round_trip": session["round_trip"],
        "size": len(options),
        "hour": hours % 24,
        "weekday": days % 7,
        "programmes": len(session["loyalty"]),
    }


def share(values: Sequence[Any]) -> float | None:
    expected = known(values)
    return sum(expected) / len(expected) if expected else None


def check_block(searches: Searches, block: str, expect: Callable[[Row, Sequence[Row]], Sequence[Row]]) -> None:
    """Compare every column of a block with what the oracle expects of each session."""
    with_traits = Searches(searches.sessions, add_attributes(searches.options))
    expected = [row for session, options in by_session(with_traits) for row in expect(session, options)]
    table = make(searches, block)
    assert set(table.columns) == {f"{block}_{name}" for name in expected[0]}
    for name in expected[0]:
        assert_column(table[f"{block}_{name}"], [row[name] for row in expected])


@pytest.mark.parametrize("seed", [0, 1])
def test_every_feature_of_the_search_is_what_the_oracle_says(seed: int) -> None:
    check_block(draw_searches(seed, count=40), "session", lambda as_of, rows: [expect_session(as_of, rows)] * len(rows))


# --- the pair ---


def expect_pair(session: Row, options: Sequence[Row]) -> list[Row]:
    """Programmes and tariff against every option."""
    programmes, made = session["loyalty"], []
    for row in options:
        carriers = known([row["out_carrier"], row["back_carrier"]])
        member: bool | None = any(carrier in programmes for carrier in carriers)
        if not member and row["out_carrier"] is None:
            member = None
        made.append(
            {
                "out": None if row["out_carrier"] is None else row["out_carrier"] in programmes,
                "back": None if row["back_carrier"] is None else row["back_carrier"] in programmes,
                "own_programme": member if programmes else None,
                "access_with_tariff": None if session["access_3d"] is None else over_all(row["access_tp"], session),
                "vip_cabin": None if row["cabin"] is None else row["cabin"] * session["vip"],
            }
        )
    return made


def over_all(access: int | None, session: Row) -> int | None:
    return None if access is None else access * session["access_3d"]


@pytest.mark.parametrize("seed", [0, 1])
def test_every_feature_of_the_pair_is_what_the_oracle_says(seed: int) -> None:
    check_block(draw_searches(seed, count=60), "pair", expect_pair)


def test_programmes_are_those_of_the_searchs_own_traveller() -> None:
    rows = [option(out_carrier=1, back_carrier=2), option(out_carrier=2, back_carrier=3)]
    table = make(make_searches(search(*rows, loyalty=(1,)), search(*rows, loyalty=(2,)), search(*rows)), "pair")
    assert table["pair_out"].to_list() == [1, 0, 0, 1, 0, 0]
    assert table["pair_back"].to_list() == [0, 0, 1, 0, 0, 0]
    assert table["pair_own_programme"].to_list() == [1, 0, 1, 1, None, None]


def test_nobody_in_a_programme_is_no_trouble() -> None:
    table = make(make_searches(search(), search()), "pair")
    assert table["pair_out"].to_list() == [0] * 4
    assert np.isnan(table["pair_own_programme"].cast(pl.Float64).fill_null(np.nan).to_numpy()).all()
