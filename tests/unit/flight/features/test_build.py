"""The blocks as a whole, and what the block of the pair holds."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from competitions.flight.features.booking_history import History
from competitions.flight.features.build import BLOCKS, build_features
from competitions.flight.features.option_attributes import add_attributes
from competitions.flight.io.reader import Searches
from tests.unit.flight.flight_world import (
    NO_HISTORY,
    assert_column,
    by_session,
    draw_searches,
    look_back,
    make_searches,
    search,
)


def make(searches: Searches, *blocks: str) -> pl.DataFrame:
    """Blocks that need no history."""
    return build_features(searches, 0, searches.sessions.height, NO_HISTORY, blocks)


@pytest.fixture(scope="module")
def drawn() -> Searches:
    return draw_searches(11, count=80, longest=6)


@pytest.fixture(scope="module")
def history(drawn: Searches) -> History:
    """Half of the sessions see half of the bookings, the others all."""
    times = drawn.sessions["time"].sort()
    return look_back(drawn, pl.Series([times[40], times[-1]] * 40))


def test_a_feature_is_a_float_of_its_block_with_a_row_for_every_option(drawn: Searches, history: History) -> None:
    frame = build_features(drawn, 0, 80, history, list(BLOCKS))
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
    whole = build_features(drawn, 0, 80, history, list(BLOCKS))[start:end]
    assert_frame_equal(build_features(drawn, first, last, history, list(BLOCKS)), whole)


def test_a_block_of_another_height_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BLOCKS, "core", lambda chunk, _: chunk.options.select("price").head(1))
    with pytest.raises(ValueError, match="block core has 1 rows for 2 options"):
        make(make_searches(search()), "pair", "core")


@pytest.mark.parametrize("seed", [0, 1])
def test_every_feature_of_the_pair_is_what_the_oracle_says(seed: int) -> None:
    """Programmes and tariff against every option."""
    searches, expected = draw_searches(seed, count=60), []
    for session, options in by_session(Searches(searches.sessions, add_attributes(searches.options))):
        programmes = session["loyalty"]
        for row in options:
            out, back = row["out_carrier"], row["back_carrier"]
            member: bool | None = any(carrier in programmes for carrier in (out, back) if carrier is not None)
            if not member and out is None:
                member = None
            expected.append(
                {
                    "out": None if out is None else out in programmes,
                    "back": None if back is None else back in programmes,
                    "own_programme": member if programmes else None,
                    "access_with_tariff": None if row["access_tp"] is None else row["access_tp"] * row["coded"],
                    "vip_cabin": None if row["cabin"] is None else row["cabin"] * session["vip"],
                }
            )
    table = make(searches, "pair")
    assert set(table.columns) == {f"pair_{name}" for name in expected[0]}
    for name in expected[0]:
        assert_column(table[f"pair_{name}"], [row[name] for row in expected])
