"""The flight reader: which segments count, the codes learned on the train file, the two files."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight.io import reader
from competitions.flight.io.schema import INDEX, LAYOUT, SELECTED, TRAIN, required
from tests.unit.flight.flight_rows import (
    CODES,
    Row,
    no_leg,
    option,
    segment,
    table,
    two_sessions,
    write_test,
    write_train,
)

# --- segments ---


@pytest.mark.parametrize(
    ("fields", "present"),
    [
        ({"duration": None, "flight": None, "origin": None}, False),
        ({"duration": "", "flight": "", "origin": ""}, False),
        ({"flight": None, "origin": None}, True),
        ({"duration": None, "origin": None}, True),
        ({"duration": None, "flight": None}, True),
    ],
)
def test_a_segment_without_duration_flight_and_departure_is_none(
    tmp_path: Path, fields: dict[str, Any], present: bool
) -> None:
    row = option(1, "a", **segment(0, 1, to="KSZ", **fields), legs0_duration="03:00:00")
    options = reader.read_searches(write_test(tmp_path, [row]), CODES, labelled=False).options
    airport = 3 if present else 1
    assert options.select("out_segments", "out_destination").row(0) == (1 + present, airport)


def test_layover_is_unknown_where_a_segment_has_no_duration(tmp_path: Path) -> None:
    rows = [
        option(1, "a", legs0_duration="04:00:00", **segment(0, 1, duration=None)),
        option(2, "a", legs0_duration=None, **segment(0, 1)),
        option(3, "a", legs0_duration="02:59:00", **segment(0, 1)),
        option(4, "a", legs0_duration="03:00:00", **segment(0, 1)),
    ]
    searches = reader.read_searches(write_test(tmp_path, rows), CODES, labelled=False)
    assert searches.options["out_layover"].to_list() == [None, None, None, 0]
    assert [note.rows for note in searches.notes if "outlast" in note.what] == [1]


def test_carriers_of_four_segments_are_counted_once_each(tmp_path: Path) -> None:
    def row(Id: int, *carriers: str | None) -> Row:
        parts = [segment(0, s, carrier=carrier) for s, carrier in enumerate(carriers)]
        return option(Id, "a", **{name: value for part in parts for name, value in part.items()})

    rows = [
        row(1, "A", "B", "C", "D"),
        row(2, "A", "B", "A", "B"),
        row(3, "A", "A", "A", "B"),
        row(4, None, "A", "", "A"),
    ]
    searches = reader.read_searches(write_test(tmp_path, rows), CODES, labelled=False)
    assert searches.options["out_carriers"].to_list() == [4, 2, 2, 1]


def test_a_leg_with_times_and_no_segment_is_there(tmp_path: Path) -> None:
    departs = option(1, "a", **(no_leg(1) | {"legs1_departureAt": "2024-06-17T08:00:00"}))
    lasts = option(2, "a", **(no_leg(1) | {"legs1_duration": "02:00:00"}))
    options = reader.read_searches(write_test(tmp_path, [departs, lasts]), CODES, labelled=False).options
    names = ("back_departure", "back_duration", "back_segments", "back_layover", "back_carriers", "back_destination")
    assert options.select(names).rows() == [(28_643_520, None, 0, None, 0, None), (None, 120, 0, None, 0, None)]


# --- codes ---


def test_codes_go_by_mentions_then_by_name(tmp_path: Path) -> None:
    """Mentions by hand. SU: 2 + 2 marketing; FV: 2 operating of each of two rows; then one each, by name."""
    rows = [
        option(1, "a", searchRoute="B", **segment(1, 0, origin="LED", to="SVO", carrier="ВГ", operator="ЯК")),
        option(2, "a", searchRoute="A", **segment(0, 3, origin="SVO", to="", carrier="S7", operator="", aircraft="")),
        option(3, "b", searchRoute="B", **no_leg(1)),
    ]
    codes = reader.learn_codes(write_train(tmp_path, rows))
    # Marketing: SU 3 out, 1 back; FV as operator: 3 out, 1 back.
    assert codes.carriers.to_list() == ["FV", "SU", "S7", "ВГ", "ЯК"]
    # SVO: from of 3 + 1, to of 2; LED: to of 3, from of 2.
    assert codes.airports.to_list() == ["SVO", "LED"]
    assert codes.aircraft.to_list() == ["SU9"]
    assert codes.routes.to_list() == ["B", "A"]
    assert {series.dtype for series in (codes.carriers, codes.airports, codes.aircraft, codes.routes)} == {pl.String()}


def test_codes_of_an_all_null_column_are_empty_and_the_file_still_reads(tmp_path: Path) -> None:
    frame = table(two_sessions()).with_columns(
        pl.lit(None).alias(name) for name in LAYOUT if name.endswith("aircraft_code") or name == "searchRoute"
    )
    frame.write_parquet(tmp_path / TRAIN)
    codes = reader.learn_codes(tmp_path / TRAIN)
    assert (codes.aircraft.to_list(), codes.routes.to_list()) == ([], [])
    searches = reader.read_searches(tmp_path / TRAIN, codes, labelled=True)
    assert searches.options["out_aircraft"].to_list() == [None] * 3
    assert searches.sessions["round_trip"].to_list() == [True, True]


def test_more_names_than_a_code_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("competitions.flight.io.encoding._learn.__defaults__", (1,))
    with pytest.raises(UserError, match="names 2 carriers, more than 1"):
        reader.learn_codes(write_train(tmp_path, two_sessions()))


# --- files ---


def test_the_layout_is_the_hosts() -> None:
    """127 columns in train.parquet with its index, 126 in test.parquet."""
    assert len(LAYOUT) == 127
    assert len(required(labelled=True)) == 126
    assert set(required(labelled=True)) - set(required(labelled=False)) == {SELECTED}
    assert INDEX not in required(labelled=True)
