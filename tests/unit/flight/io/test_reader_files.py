"""The flight reader: which segments count, the codes learned on the train file, what it refuses and how it says so."""

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight.io import reader
from competitions.flight.io.schema import LAYOUT, SELECTED, TRAIN
from tests.unit.flight.flight_rows import CODES, no_leg, option, read_rows, segment, table, two_sessions, write_train


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
    row = option(1, "a", **segment(0, 1, **fields), legs0_duration="03:00:00")
    options = read_rows(tmp_path, [row], labelled=False).options
    assert options["out_segments"].to_list() == [1 + present]


# --- codes ---


def test_codes_go_by_mentions_then_by_name(tmp_path: Path) -> None:
    """Mentions by hand. SU: 2 + 2 marketing; FV: 2 operating of each of two rows; then one each, by name."""
    rows = [
        option(1, "a", searchRoute="B", **segment(1, 0, origin="LED", carrier="ВГ", operator="ЯК")),
        option(2, "a", searchRoute="A", **segment(0, 3, origin="SVO", carrier="S7", operator="")),
        option(3, "b", searchRoute="B", **no_leg(1)),
    ]
    codes = reader.learn_codes(write_train(tmp_path, rows))
    # Marketing: SU 3 out, 1 back; FV as operator: 3 out, 1 back.
    assert codes.carriers.to_list() == ["FV", "SU", "S7", "ВГ", "ЯК"]
    # SVO: from of 3 + 1; LED: from of 2.
    assert (codes.airports.to_list(), codes.routes.to_list()) == (["SVO", "LED"], ["B", "A"])
    assert {series.dtype for series in vars(codes).values()} == {pl.String()}


def test_codes_of_an_all_null_column_are_empty_and_the_file_still_reads(tmp_path: Path) -> None:
    empty = [name for name in LAYOUT if name.endswith("departureFrom_airport_iata") or name == "searchRoute"]
    table(two_sessions()).with_columns(pl.lit(None).alias(name) for name in empty).write_parquet(tmp_path / TRAIN)
    codes = reader.learn_codes(tmp_path / TRAIN)
    assert (codes.airports.to_list(), codes.routes.to_list()) == ([], [])
    searches = reader.read_searches(tmp_path / TRAIN, codes, labelled=True)
    assert searches.options["out_origin"].to_list() == [None] * 3
    assert searches.sessions["round_trip"].to_list() == [True, True]


# --- what is refused ---


def refuse_frame(folder: Path, frame: pl.DataFrame) -> str:
    """The sentence that refuses a train file of this table."""
    frame.write_parquet(folder / TRAIN)
    with pytest.raises(UserError) as caught:
        reader.read_searches(folder / TRAIN, CODES, labelled=True)
    assert str(folder / TRAIN) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_column_names_the_nearest_other(tmp_path: Path) -> None:
    sentence = refuse_frame(tmp_path, table(two_sessions()).rename({"ranker_id": "rankerId"}).drop("taxes"))
    assert "has no column 'ranker_id' (the nearest other name is 'rankerId') and 1 more" in sentence


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("isVip", pl.Int8, "the type is Int8 where true or false is expected (Boolean)"),
        ("requestDate", pl.Date, "the type is Date where a date and time without a time zone is expected"),
        ("requestDate", pl.Datetime("us", "UTC"), "UTC"),
        ("legs0_departureAt", pl.Datetime, "where text is expected (String)"),
    ],
)
def test_a_column_of_another_type(tmp_path: Path, name: str, dtype: Any, expected: str) -> None:
    frame = table(two_sessions())
    changed = frame[name].str.to_datetime() if name == "legs0_departureAt" else frame[name].cast(dtype)
    sentence = refuse_frame(tmp_path, frame.with_columns(changed))
    assert f"column '{name}': " in sentence
    assert expected in sentence


@pytest.mark.parametrize(
    ("name", "value"), [("companyID", 500.5), ("Id", 2.0**60), ("corporateTariffCode", 0.1), ("selected", math.inf)]
)
def test_a_float_that_is_no_whole_number(tmp_path: Path, name: str, value: float) -> None:
    frame = table(two_sessions())
    changed = pl.when(pl.int_range(pl.len()) == 1).then(value).otherwise(pl.col(name).cast(pl.Float64)).alias(name)
    assert f"column '{name}': {value} is not a whole number" in refuse_frame(tmp_path, frame.with_columns(changed))


NEVER_NULL = ("ranker_id", "requestDate", "Id", "profileId", "companyID")
ODD_IDS = "column 'ranker_id': {} has a comma, a quote or a line break"


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        *((name, {1: None}, f"column '{name}': 1 row(s) have no value, the first is row 1") for name in NEVER_NULL),
        ("ranker_id", {2: ""}, "column 'ranker_id': 1 row(s) have no value, the first is row 2"),
        *(("ranker_id", {2: odd}, ODD_IDS.format(repr(odd))) for odd in ("a,b", 'a"b', "a\nb")),  # no submission holds
        ("Id", {0: 5, 1: 6, 2: 6}, "the Id 6 is on the rows 1 and 2"),
        ("Id", {0: 7, 1: 6, 2: 7}, "the Id 7 is on the rows 0 and 2"),
        ("Id", {0: 7, 1: 7, 2: 7}, "the Id 7 is on the rows 0 and 1"),
        *((name, {2: 2**31}, f"column '{name}': 2147483648 is beyond 2147483647") for name in NEVER_NULL[3:]),
        *((SELECTED, {1: value}, f"row 1 holds {value} where 0 or 1 is expected") for value in (2, -1, None)),
        *((SELECTED, dict(enumerate(own)), "no session has exactly one") for own in ((0, 0, 0), (1, 1, 0))),
    ],
)
def test_values_that_make_a_file_unusable(tmp_path: Path, name: str, values: dict[int, Any], fault: str) -> None:
    rows = two_sessions(**{f"r{row}": {name: value} for row, value in values.items()})
    assert fault in refuse_frame(tmp_path, table(rows))


def test_a_panic_of_the_library_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*_: object, **__: object) -> pl.DataFrame:
        raise pl.exceptions.PanicException("assertion failed: offset + length <= self.length")

    path = write_train(tmp_path, two_sessions())
    monkeypatch.setattr(pl.LazyFrame, "collect", panic)
    with pytest.raises(UserError, match=r"cannot be read as a parquet file \(polars cannot read its bytes"):
        reader.read_searches(path, CODES, labelled=True)
