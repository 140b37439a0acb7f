"""What only the flight competition has: faults that it counts and goes on, two formats, sessions of one option."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from competitions.flight.io import schema
from tests.conftest import Call
from tests.contract.contract import Finished, count, refusal, solve, words
from tests.contract.flight import FLIGHT
from tests.contract.flight_planted import SINGLES, edit_parquet

ONLY = (FLIGHT,)


def put(column: str, rows: dict[int, object], dtype: type[pl.DataType] = pl.String) -> pl.Expr:
    """The column with other values in some rows."""
    value = pl.col("row").replace_strict(rows, default=None, return_dtype=dtype)
    return pl.when(pl.col("row").is_in(list(rows))).then(value).otherwise(column).alias(column)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted raw files with faults that a rule settles: of an option, of a code, of a session."""
    folder = tmp_path_factory.mktemp("dirty")
    FLIGHT.write_raw(folder / "raw", folder / "truth.csv")
    for name, first in ((schema.TRAIN, 100), (schema.TEST, 200)):
        edit_parquet(
            folder / "raw" / name, put("totalPrice", {first: -9000.0, first + 1: None, first + 2: 0.0}, pl.Float64)
        )
    carrier = schema.segment_column(0, 0, "marketingCarrier_code")
    edit_parquet(folder / "raw" / schema.TEST, put(carrier, {300: "Ъ7", 301: "Ъ8"}))
    session, selected = pl.col("ranker_id").str.tail(3).cast(pl.Int64), schema.SELECTED
    booked = pl.when(session.is_in([20, 21])).then(0).when(session == 22).then(1).otherwise(selected).alias(selected)
    edit_parquet(folder / "raw" / schema.TRAIN, booked)
    return folder / "raw"


def test_faults_that_a_rule_settles_are_counted_and_the_run_goes_on(dirty: Path, call: Call, tmp_path: Path) -> None:
    finished = solve(call, FLIGHT, dirty, tmp_path / "build", "rank.rounds=5")
    for file in (schema.TRAIN, schema.TEST):
        assert count(finished, file, "totalPrice", "null", "negative") == 3
        assert count(finished, file, "one option") == SINGLES
    assert count(finished, schema.TEST, "legs0 carrier", "unknown to the train file") == 2
    assert count(finished, schema.TRAIN, "no booked option") == 2
    assert count(finished, schema.TRAIN, "several booked options") == 1
    assert pl.read_parquet(finished.folder / "candidates.parquet")["query"].n_unique() == 80
    for path in finished.submissions:
        assert call("check", "flight", path, "--raw", dirty)[0] == 0
    assert pl.read_csv(finished.submission).height == pl.read_parquet(dirty / schema.TEST).height


def test_sessions_of_one_option_are_noted_and_ranked_and_not_scored(finished: Finished, call: Call) -> None:
    assert [note["what"] for note in finished.record["notes"]] == ["sessions with one option"] * 2
    ranks = pl.read_parquet(finished.folder / "submission.parquet")
    single = ranks.filter(pl.len().over("ranker_id") == 1)
    assert single["selected"].to_list() == [1] * SINGLES
    _, out, _ = call("score", "flight", finished.submission, "--truth", finished.truth)
    (scored,) = [line for line in out.splitlines() if line.startswith("sessions ")]
    assert float(scored.split()[1]) == ranks["ranker_id"].n_unique() - SINGLES


def read_truth(finished: Finished, truth: Path, call: Call) -> float:
    """The score of a run's submission."""
    code, out, err = call("score", "flight", finished.submission, "--truth", truth, "--raw", finished.raw)
    assert code == 0, out + err
    (line,) = [line for line in out.splitlines() if line.startswith(f"{FLIGHT.metric} ")]
    return float(line.split()[1])


@pytest.mark.nightly
@pytest.mark.parametrize(("way", "times"), [("auto", 1), ("folds", 2)])
def test_every_way_of_validation_ends_in_a_submission_as_good(
    finished: Finished, call: Call, tmp_path: Path, way: str, times: int
) -> None:
    made = solve(
        call, FLIGHT, finished.raw, tmp_path / "build", "rank.rounds=5", f"split.validation={way}", "rank.seeds=1"
    )
    said = made.summary["plan"][0]["value"]
    assert said == {"auto": "3 successive blocks of time", "folds": "5 folds of whole sessions, repeated 2 times"}[way]
    queries = pl.read_parquet(made.folder / "queries.parquet")
    sizes = pl.read_parquet(made.folder / "candidates.parquet").group_by("query", "round").len()
    assert queries["query"].is_unique().all()
    assert queries["weight"].sum() == sizes.filter(pl.col("len") > 10)["query"].n_unique()
    assert set(queries["score"]) <= {count / times for count in range(times + 1)}
    assert sizes["query"].n_unique() == (400 if way == "folds" else pytest.approx(240, abs=1))
    assert read_truth(made, finished.truth, call) > FLIGHT.floor


# --- files that are small, or of another alphabet or order ---


def keep_sessions(folder: Path, chosen: pl.Expr) -> None:
    """Leave those sessions in the train file of which ``chosen`` holds; ``number`` counts them by time."""
    path = folder / schema.TRAIN
    train = pl.read_parquet(path)
    number = pl.col("ranker_id").rank("dense") - 1
    train.with_columns(number=number).filter(chosen).drop("number").write_parquet(path)


@pytest.mark.parametrize("way", ["time", "folds"])
@pytest.mark.parametrize("sessions", [2, 7])
def test_a_train_file_of_a_few_sessions_runs_or_says_what_it_lacks(
    finished: Finished, call: Call, tmp_path: Path, sessions: int, way: str
) -> None:
    """With the models as they are set for any log."""
    shutil.copytree(finished.raw, tmp_path / "raw")
    keep_sessions(tmp_path / "raw", pl.col("number").is_between(SINGLES, SINGLES + sessions - 1))
    settings = ("rank.rounds=3", "rank.seeds=1", f"split.validation={way}")
    told = [word for setting in settings for word in ("--set", setting)]
    build = tmp_path / "build"
    code, out, err = call("run", "flight", "--untuned", "--raw", tmp_path / "raw", "--build", build, *told)
    if code:
        assert "the train file" in refusal((code, out, err)).lower()
        assert sessions < 7
    else:
        (path,) = build.glob("flight/*/submission.csv")
        assert call("check", "flight", path, "--raw", tmp_path / "raw")[0] == 0


@pytest.mark.nightly
def test_rows_in_another_order_give_the_same_answer_by_id(finished: Finished, call: Call, tmp_path: Path) -> None:
    def read_by_id(folder: Path) -> pl.DataFrame:
        return pl.read_parquet(folder / "submission.parquet").sort("Id")

    shutil.copytree(finished.raw, tmp_path / "raw")
    for name in (schema.TRAIN, schema.TEST):
        rows = pl.read_parquet(tmp_path / "raw" / name)
        rows.sample(fraction=1, shuffle=True, seed=3).write_parquet(tmp_path / "raw" / name)
    code, out, err = call(*words(FLIGHT, tmp_path / "raw", tmp_path / "build"))
    assert code == 0, out + err
    (made,) = (tmp_path / "build").glob("flight/*/run.json")
    assert read_by_id(made.parent).equals(read_by_id(finished.folder))
    ids = [pl.read_parquet(path)["Id"] for path in (made.parent / "submission.parquet", tmp_path / "raw" / schema.TEST)]
    assert ids[0].equals(ids[1])
    assert count(Finished(tmp_path / "raw", finished.truth, tmp_path, made.parent), schema.TEST, "rows whose Id") > 500
