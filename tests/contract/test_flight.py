"""What only the flight competition has: faults that it counts and goes on, two formats, sessions of one option."""

from pathlib import Path

import polars as pl
import pytest

from competitions.flight import plan
from competitions.flight.io import schema
from tests.conftest import Call
from tests.contract.contract import Finished, count, refusal, solve, solve_again
from tests.contract.flight import FLIGHT, MODELS
from tests.contract.flight_planted import SINGLES, edit_parquet

ONLY = (FLIGHT,)


def put(column: str, rows: dict[int, object], dtype: type[pl.DataType] = pl.String) -> pl.Expr:
    """The column with other values in some rows."""
    value = pl.col("row").replace_strict(rows, default=None, return_dtype=dtype)
    return pl.when(pl.col("row").is_in(list(rows))).then(value).otherwise(column).alias(column)


def test_faults_that_a_rule_settles_are_counted_and_the_run_goes_on(folder: Path, call: Call, tmp_path: Path) -> None:
    """Faults of an option, and of a code."""
    for name in (schema.TRAIN, schema.TEST):
        edit_parquet(folder / name, put("totalPrice", {200: -9000.0, 201: None, 202: 0.0}, pl.Float64))
    carrier = schema.segment_column(0, 0, "marketingCarrier_code")
    edit_parquet(folder / schema.TEST, put(carrier, {300: "Ъ7", 301: "Ъ8"}))
    finished = solve(call, FLIGHT, folder, tmp_path / "build", "rank.rounds=5")
    for file in (schema.TRAIN, schema.TEST):
        assert count(finished, file, "totalPrice", "null", "negative") == 3
        assert count(finished, file, "one option") == SINGLES
    assert count(finished, schema.TEST, "legs0 carrier", "unknown to the train file") == 2
    assert pl.read_parquet(finished.folder / "candidates.parquet")["query"].n_unique() == 80
    for path in finished.submissions:
        assert call("check", "flight", path, "--raw", folder)[0] == 0


def test_sessions_of_one_option_are_noted_and_ranked_and_not_scored(finished: Finished, call: Call) -> None:
    assert [note["what"] for note in finished.record["notes"]] == ["sessions with one option"] * 2
    ranks = pl.read_parquet(finished.folder / "submission.parquet")
    single = ranks.filter(pl.len().over("ranker_id") == 1)
    assert single["selected"].to_list() == [1] * SINGLES
    _, out, _ = call("score", "flight", finished.submission, "--truth", finished.truth)
    (scored,) = [line for line in out.splitlines() if line.startswith("sessions ")]
    assert float(scored.split()[1]) == ranks["ranker_id"].n_unique() - SINGLES


def test_the_last_fit_learns_from_every_session(finished: Finished, tmp_path: Path) -> None:
    again = solve_again(FLIGHT, finished, tmp_path / "run")
    data = dict(again.results)["train.features"].value
    learned = again.args("refit.lightgbm_softmax")[2].value
    assert len(learned.labels) == len(data.final.labels) > len(data.folds[-1].train.labels)


def test_a_second_file_has_the_order_of_xgboost_alone_and_is_checked_like_the_first(
    folder: Path, call: Call, tmp_path: Path
) -> None:
    """The first is what it is without; the report names the hold-out score of both."""
    given = ("rank.second=xgboost", "rank.xgboost.max_depth=3", "rank.rounds=9")
    finished = solve(call, FLIGHT, folder, tmp_path / "build", *given)
    first, second = (finished.folder / f"{name}.parquet" for name in ("submission", "submission_xgboost"))
    for path in (first, second):
        assert call("check", "flight", path, "--raw", folder)[0] == 0
    keys = ["Id", "ranker_id"]
    both = [pl.read_parquet(path) for path in (first, second)]
    assert both[0].select(keys).equals(both[1].select(keys))
    assert not both[0].equals(both[1])
    assert [Path(path).name for path in finished.record["submission"]["paths"]] == [
        f"{name}.{kind}" for name in ("submission", "submission_xgboost") for kind in ("parquet", "csv")
    ]
    assert "xgboost, the second file" in str(finished.record["tables"])
    assert [row["name"] for row in finished.record["ranking"]] == [*MODELS, "blend"]  # it is in no blend
    plain = solve(call, FLIGHT, folder, tmp_path / "build", "rank.rounds=9")
    assert pl.read_parquet(plain.folder / first.name).equals(both[0])


@pytest.mark.parametrize(
    ("settings", "chosen", "fits"),
    [((), MODELS, 1), (("rank.catboost_softmax.learning_rate=1e-6",), MODELS[:1], 2)],
)
def test_a_large_log_fits_in_full_what_the_trial_chose(
    folder: Path,
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: tuple[str, ...],
    chosen: tuple[str, ...],
    fits: int,
) -> None:
    """CatBoost earns on the few sessions of the planted log, unless it learns next to nothing; the run says so."""
    monkeypatch.setattr(plan, "LARGE_LOG", 10)
    given = ("rank.models=auto", "rank.seeds=1", "rank.rounds=9", *settings)
    finished = solve(call, FLIGHT, folder, tmp_path / "build", *given)
    assert {step for step in finished.computed() if step.startswith("fit.")} == {f"fit.{name}" for name in chosen}
    (row,) = [row for row in finished.record["summary"]["plan"] if row["setting"] == "rank.models"]
    assert row["value"] == f"{', '.join(chosen)}, fits of each: {fits}"
    assert "fits on the latest 10%" in row["why"]
    assert f"rank.models = {row['value']}" in finished.err
    assert [model["name"] for model in finished.record["ranking"]] == [*chosen, "blend"]


# --- files that are small ---


def keep_sessions(folder: Path, chosen: pl.Expr) -> None:
    """Leave those sessions in the train file of which ``chosen`` holds; ``number`` counts them by time."""
    path = folder / schema.TRAIN
    train = pl.read_parquet(path)
    number = pl.col("ranker_id").rank("dense") - 1
    train.with_columns(number=number).filter(chosen).drop("number").write_parquet(path)


@pytest.mark.parametrize("way", ["time", "folds"])
@pytest.mark.parametrize("sessions", [2, 7])
def test_a_train_file_of_a_few_sessions_runs_or_says_what_it_lacks(
    folder: Path, call: Call, tmp_path: Path, sessions: int, way: str
) -> None:
    """With the models as they are set for any log."""
    keep_sessions(folder, pl.col("number").is_between(SINGLES, SINGLES + sessions - 1))
    settings = ("rank.rounds=3", "rank.seeds=1", f"split.validation={way}")
    told = [word for setting in settings for word in ("--set", setting)]
    build = tmp_path / "build"
    code, out, err = call("run", "flight", "--untuned", "--raw", folder, "--build", build, *told)
    if code:
        assert "the train file" in refusal((code, out, err)).lower()
        assert sessions < 7
    else:
        (path,) = build.glob("flight/*/submission.csv")
        assert call("check", "flight", path, "--raw", folder)[0] == 0
