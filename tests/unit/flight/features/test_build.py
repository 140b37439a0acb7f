"""The blocks as a whole, and what the block of the pair holds."""

from collections.abc import Callable, Sequence

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.flight.features.booking_history import History
from competitions.flight.features.build import BLOCKS, build_features
from competitions.flight.features.option_attributes import SessionChunk, add_attributes
from competitions.flight.io.reader import Searches
from tests.unit.flight.flight_world import (
    NO_HISTORY,
    Row,
    assert_column,
    by_session,
    draw_searches,
    known,
    look_back,
    make_searches,
    search,
)


def make(searches: Searches, *blocks: str) -> pl.DataFrame:
    """Blocks that need no history."""
    return build_features(searches, 0, searches.sessions.height, NO_HISTORY, blocks)


# --- the whole ---


@pytest.fixture(scope="module")
def drawn() -> Searches:
    return draw_searches(11, count=80, longest=6)


@pytest.fixture(scope="module")
def history(drawn: Searches) -> History:
    """Half of the sessions see half of the bookings, the others all."""
    times = drawn.sessions["time"].sort()
    return look_back(drawn, pl.Series([times[40], times[-1]] * 40))


def test_a_feature_is_a_float_of_its_block_with_a_row_for_every_option(drawn: Searches, history: History) -> None:
    frame = build_features(drawn, 0, 80, history, BLOCKS)
    assert frame.height == drawn.options.height
    assert set(frame.dtypes) == {pl.Float32}
    grains = [name.partition("_")[0] for name in frame.columns]
    assert list(dict.fromkeys(grains)) == list(BLOCKS)
    few = build_features(drawn, 0, 80, history, ["pair", "core"])
    assert_frame_equal(few, frame.select([*few.columns]))
    assert few.columns[0].startswith("pair_")


@pytest.mark.parametrize(("first", "last"), [(0, 2), (7, 9), (13, 31), (78, 80)])
def test_some_sessions_have_the_features_that_they_have_among_all(
    drawn: Searches, history: History, first: int, last: int
) -> None:
    start, end = drawn.sessions["first"][first], drawn.sessions["first"][last - 1] + drawn.sessions["size"][last - 1]
    whole = build_features(drawn, 0, 80, history, BLOCKS)[start:end]
    assert_frame_equal(build_features(drawn, first, last, history, BLOCKS), whole)


def test_a_block_of_another_height_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(part: SessionChunk, _: History) -> pl.DataFrame:
        return part.options.select("price").head(1)

    monkeypatch.setitem(BLOCKS, "core", short)
    with pytest.raises(ValueError, match="block core has 1 rows for 2 options"):
        make(make_searches(search()), "pair", "core")


def check_block(searches: Searches, block: str, expect: Callable[[Row, Sequence[Row]], Sequence[Row]]) -> None:
    """Compare every column of a block with what the oracle expects of each session."""
    with_traits = Searches(searches.sessions, add_attributes(searches.options))
    expected = [row for session, options in by_session(with_traits) for row in expect(session, options)]
    table = make(searches, block)
    assert set(table.columns) == {f"{block}_{name}" for name in expected[0]}
    for name in expected[0]:
        assert_column(table[f"{block}_{name}"], [row[name] for row in expected])


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
                "access_with_tariff": None if row["access_tp"] is None else row["access_tp"] * row["coded"],
                "vip_cabin": None if row["cabin"] is None else row["cabin"] * session["vip"],
            }
        )
    return made


@pytest.mark.parametrize("seed", [0, 1])
def test_every_feature_of_the_pair_is_what_the_oracle_says(seed: int) -> None:
    check_block(draw_searches(seed, count=60), "pair", expect_pair)
