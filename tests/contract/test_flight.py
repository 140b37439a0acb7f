"""What only the flight competition has: faults that it counts and goes on, two formats, sessions of one option."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from competitions.flight.io import schema
from tests.conftest import Call
from tests.contract.contract import Finished, words
from tests.contract.flight import FLIGHT
from tests.contract.flight_planted import SINGLES, TEST_FROM, edit_parquet

ONLY = (FLIGHT,)


def solve(call: Call, raw: Path, build: Path) -> Finished:
    """A small run inside this process: a library's warning would fail it."""
    before = set(build.glob("flight/*/run.json"))
    code, out, err = call(*words(FLIGHT, raw, build, "rank.rounds=5"))
    assert code == 0, out + err
    (made,) = set(build.glob("flight/*/run.json")) - before
    return Finished(raw, raw.with_name("truth.csv"), build, made.parent)


def count(finished: Finished, file: str, *words_in_note: str) -> int:
    """How often the notes say that something with all these words was met."""
    notes = [note for note in finished.summary["notes"] if note["file"] == file]
    counts = [note["rows"] for note in notes if all(word in note["what"] for word in words_in_note)]
    assert len(counts) == 1, (words_in_note, notes)
    return int(counts[0])


def put(column: str, rows: dict[int, object], dtype: type[pl.DataType] = pl.String) -> pl.Expr:
    """The column with other values in some rows."""
    value = pl.col("row").replace_strict(rows, default=None, return_dtype=dtype)
    return pl.when(pl.col("row").is_in(list(rows))).then(value).otherwise(column).alias(column)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted raw files with faults of every kind that a rule settles."""
    folder = tmp_path_factory.mktemp("dirty")
    FLIGHT.write_raw(folder / "raw", folder / "truth.csv")
    minutes, segment = schema.leg_column(0, "duration"), schema.segment_column(0, 0, "duration")
    carrier = schema.segment_column(0, 0, "marketingCarrier_code")
    airport = schema.segment_column(0, 0, "arrivalTo_airport_iata")
    for name, first in ((schema.TRAIN, 100), (schema.TEST, 200)):
        edit_parquet(
            folder / "raw" / name,
            put("totalPrice", {first: -9000.0, first + 1: None, first + 2: 0.0}, pl.Float64),
            put(minutes, {first + 10: "soon", first + 11: "25:99:00", first + 12: "1.02:30:00"}),
            put(segment, {first + 20: "1 hour"}),
            put(airport, {first + 30: ""}),
        )
    edit_parquet(folder / "raw" / schema.TEST, put(carrier, {300: "Ъ7", 301: "Ъ8"}))
    train = pl.read_parquet(folder / "raw" / schema.TRAIN)
    session = pl.col("ranker_id").str.tail(3).cast(pl.Int64)
    booked = pl.when(session.is_in([20, 21])).then(0).when(session == 22).then(1).otherwise(schema.SELECTED)
    loyalty = pl.when(session == 30).then(pl.lit("SU/SU/- ЮТэйр")).otherwise("frequentFlyer")
    edited = train.with_columns(booked.alias(schema.SELECTED), loyalty.alias("frequentFlyer"))
    edited.write_parquet(folder / "raw" / schema.TRAIN)
    return folder / "raw"


def test_faults_that_a_rule_settles_are_counted_and_the_run_goes_on(dirty: Path, call: Call, tmp_path: Path) -> None:
    finished = solve(call, dirty, tmp_path / "build")
    for file in (schema.TRAIN, schema.TEST):
        assert count(finished, file, "totalPrice", "null", "negative") == 3
        assert count(finished, file, "legs0_duration", "unreadable") == 2
        assert count(finished, file, "legs0 segment duration", "unreadable") == 1
        assert count(finished, file, "legs0 segment", "empty text") == 1
        assert count(finished, file, "one option") == SINGLES
    assert count(finished, schema.TEST, "legs0 carrier", "unknown to the train file") == 2
    assert count(finished, schema.TRAIN, "no booked option") == 2
    assert count(finished, schema.TRAIN, "several booked options") == 1
    assert count(finished, schema.TRAIN, "frequentFlyer", "no known carrier") == 1
    assert count(finished, schema.TRAIN, "repeated frequentFlyer") == 1
    roles = finished.summary["cv"]["queries"]
    assert roles["unused"] == 3
    assert roles["train"] + roles["valid"] + roles["unused"] == 400
    for path in finished.submissions:
        assert call("check", "flight", path, "--raw", dirty)[0] == 0
    assert pl.read_csv(finished.submission).height == pl.read_parquet(dirty / schema.TEST).height


def test_clean_files_leave_no_note_but_of_sessions_with_one_option(finished: Finished) -> None:
    assert [note["what"] for note in finished.summary["notes"]] == ["sessions with one option"] * 2


def test_both_formats_say_the_same(finished: Finished, call: Call) -> None:
    text, table = (finished.folder / f"submission.{suffix}" for suffix in ("csv", "parquet"))
    assert finished.submissions == [text, table]
    assert pl.read_csv(text, schema_overrides={"ranker_id": pl.String}).equals(pl.read_parquet(table))
    assert pl.read_parquet(table).schema == {"Id": pl.Int64, "ranker_id": pl.String, "selected": pl.Int64}
    scores = [call("score", "flight", path, "--truth", finished.truth, "--raw", finished.raw) for path in (text, table)]
    assert scores[0] == scores[1]
    assert scores[0][0] == 0


def test_sessions_of_one_option_are_ranked_and_not_scored(finished: Finished, call: Call) -> None:
    ranks = pl.read_parquet(finished.folder / "submission.parquet")
    single = ranks.filter(pl.len().over("ranker_id") == 1)
    assert single["selected"].to_list() == [1] * SINGLES
    _, out, _ = call("score", "flight", finished.submission, "--truth", finished.truth)
    (scored,) = [line for line in out.splitlines() if line.startswith("sessions ")]
    assert float(scored.split()[1]) == ranks["ranker_id"].n_unique() - SINGLES


def test_a_test_file_in_another_order_gets_the_same_ranks_in_that_order(
    finished: Finished, call: Call, tmp_path: Path
) -> None:
    shutil.copytree(finished.raw, tmp_path / "raw")
    path = tmp_path / "raw" / schema.TEST
    position = pl.int_range(pl.len()).over("ranker_id")
    test = pl.read_parquet(path).sort(position, "requestDate", descending=[False, True], maintain_order=True)
    test.write_parquet(path)
    code, out, err = call(*words(FLIGHT, tmp_path / "raw", finished.build))
    assert code == 0, out + err
    (made,) = {file for file in finished.build.glob("flight/*/submission.parquet") if len(read_ids(file, test))}
    expected = pl.read_parquet(finished.folder / "submission.parquet")
    ranks = pl.read_parquet(made)
    assert ranks["Id"].equals(test["Id"])
    assert ranks.sort("Id").equals(expected.sort("Id"))


def read_ids(file: Path, test: pl.DataFrame) -> pl.Series:
    """The file's Ids where they stand in the order of the test's; else none."""
    ids = pl.read_parquet(file)["Id"]
    return ids if ids.equals(test["Id"]) else ids.clear()


def test_the_summary_counts_every_row_and_session(finished: Finished) -> None:
    summary = finished.summary
    test = pl.read_parquet(finished.raw / schema.TEST, columns=["Id", "ranker_id"])
    assert summary["submission"]["rows"] == test.height
    assert summary["cv"]["queries"]["test"] == test["ranker_id"].n_unique()
    assert summary["truth"] is None
    assert test["Id"][0] == TEST_FROM
    assert {Path(name).name for name in summary["submissions"]} == {"submission.csv", "submission.parquet"}
