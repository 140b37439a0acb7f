"""What the command line does for flight: which files, which settings are refused, and what is printed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import polars as pl
import pytest

from common.errors import UserError
from common.pipeline import progress
from common.pipeline.run import Result
from common.submission import Checked
from competitions.flight import competition, submission
from competitions.flight.io import reader
from competitions.flight.reporting.summary import Outcome
from competitions.flight.simulator.simulate import REPORT, TRUTH
from tests.unit.flight.flight_world import make_searches, option, search
from tests.unit.flight.ranking.test_blending import ONE

Call = Callable[..., tuple[int, str, str]]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Path, float, int]]:
    """What is simulated, in an empty folder: a report is all that is written."""
    calls: list[tuple[Path, float, int]] = []

    def write(folder: Path, scale: float, seed: int) -> None:
        calls.append((folder, scale, seed))
        folder.mkdir(parents=True)
        (folder / REPORT).write_text("{}")

    monkeypatch.setattr(competition, "write_simulation", write)
    monkeypatch.chdir(tmp_path)
    progress.set_quiet(False)  # as in a fresh process; another test may have set it quiet
    return calls


# --- which files ---


def test_the_folder_that_is_named_is_taken(made: list[Any], tmp_path: Path) -> None:
    assert competition.choose_raw(tmp_path / "mine", None, 0, Path("build")) == tmp_path / "mine"
    with pytest.raises(UserError, match="RAW and SCALE exclude each other"):
        competition.choose_raw(tmp_path / "mine", 0.1, 0, Path("build"))
    assert made == []


def test_without_files_a_set_is_simulated_once_and_said_so(made: list[Any], capsys: Captured) -> None:
    build = Path("build")
    first, again = (competition.choose_raw(None, 0.05, 3, build) for _ in range(2))
    assert first == again == build / "simulated" / "scale0.05-seed3"
    assert made == [(first, 0.05, 3)]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for word in ("SIMULATED data, scale 0.05, seed 3", str(competition.HOST_FOLDER), "aeroclub-recsys-2025", "README"):
        assert word in lines[0]


def test_another_scale_or_seed_is_another_set(made: list[Any]) -> None:
    folders = {competition.choose_raw(None, scale, seed, Path("b")) for scale, seed in ((0.5, 0), (0.5, 1), (None, 0))}
    assert len(folders) == len(made) == 3
    assert made[-1][1] == competition.DEFAULT_SCALE


def test_a_simulation_that_was_not_finished_is_made_again(made: list[Any]) -> None:
    folder = competition.choose_raw(None, 0.5, 0, Path("b"))
    (folder / REPORT).unlink()
    folder.rmdir()
    competition.choose_raw(None, 0.5, 0, Path("b"))
    assert len(made) == 2


@pytest.mark.parametrize("name", [reader.TRAIN, reader.TEST])
def test_the_hosts_files_go_before_a_simulation_unless_a_scale_is_named(made: list[Any], name: str) -> None:
    competition.HOST_FOLDER.mkdir(parents=True)
    (competition.HOST_FOLDER / "README.md").write_text("")
    competition.choose_raw(None, None, 0, Path("b"))
    assert len(made) == 1  # a folder without parquet files holds nothing of the host's
    (competition.HOST_FOLDER / name).write_bytes(b"")
    assert competition.choose_raw(None, None, 0, Path("b")) == competition.HOST_FOLDER
    assert competition.choose_raw(None, 0.7, 0, Path("b")) != competition.HOST_FOLDER


# --- a run ---


def test_a_run_that_is_refused_leaves_no_folder(made: list[Any], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def stop(files: reader.RawFiles, config: Any, run: Any) -> NoReturn:
        calls.append((files, config.seed, run.folder.is_dir()))
        raise UserError("stopped here")

    monkeypatch.setattr(competition, "solve", stop)
    monkeypatch.setattr(reader, "locate", lambda folder: folder)
    code, out, err = call("run", "flight", "--scale", 0.5, "--seed", 2, "--set", "seed=9")
    assert (code, out, err.splitlines()[-1]) == (1, "", "error: stopped here")
    assert calls == [(Path("build/flight/simulated/scale0.5-seed9"), 9, True)]
    assert {path.name for path in Path("build/flight").iterdir()} <= {"simulated", "cache"}


def test_a_wrong_setting_is_refused_before_anything_is_made(made: list[Any], call: Call) -> None:
    code, out, err = call("run", "flight", "--set", "rank.models=['magic']")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "magic" in err
    assert made == []
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "ladder", "check", "score"])
def test_a_missing_folder_is_named(made: list[Any], call: Call, verb: str) -> None:
    words = {"check": ["mine.csv"], "score": ["mine.csv", "--truth", "truth.csv"]}.get(verb, [])
    code, out, err = call(verb, "flight", *words, "--raw", "nowhere")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nowhere" in err


def test_the_rows_that_were_booked_are_found_by_their_ids(tmp_path: Path) -> None:
    pl.DataFrame({"Id": [50, 40, 30, 20], "ranker_id": ["a", "a", "b", "b"]}).write_parquet(tmp_path / "test.parquet")
    (tmp_path / "truth.csv").write_text("Id,ranker_id,more\n20,b,x\n50,a,y\n")
    rows = competition.find_booked(tmp_path / "test.parquet", tmp_path / "truth.csv")
    assert (sorted(rows), rows.dtype) == ([0, 3], pl.Int64)


def stand(folder: Path, **values: Any) -> Outcome:
    """The parts of an outcome that the truth is measured with."""
    parts = {
        "files": reader.RawFiles(folder / reader.TRAIN, folder / reader.TEST),
        "names": ["baseline", "logit"],
    } | values
    fields: dict[str, Any] = dict.fromkeys(Outcome.__dataclass_fields__) | parts
    return Outcome(**fields)


def test_only_a_simulated_set_is_scored_against_its_truth(tmp_path: Path) -> None:
    assert competition.score_simulated(tmp_path, stand(tmp_path)) is None
    test = make_searches(search(*(option(out_flight=flight) for flight in range(11))))
    ids = range(100, 111)
    pl.DataFrame({"Id": ids}).write_parquet(tmp_path / reader.TEST)
    pl.DataFrame({"Id": ids, "ranker_id": ["a"] * 11, "selected": range(1, 12)}).write_csv(tmp_path / "mine.csv")
    (tmp_path / TRUTH).write_text("Id,ranker_id\n102,a\n")
    (tmp_path / REPORT).write_text('{"oracle": {"hit_rate": {"3": 0.9}}}')
    scores = np.column_stack([np.arange(11), -np.arange(11)]).astype(np.float32)

    def kept(value: Any) -> Result[Any]:
        return Result("key", lambda: value)

    checked = [Checked(tmp_path / "mine.csv", 11, ())]
    outcome = stand(
        tmp_path, test=kept(test), test_scores=kept(scores), blend=kept(ONE), penalty=kept(0.0), checked=checked
    )
    truth = cast(dict[str, Any], competition.score_simulated(tmp_path, outcome))
    assert truth["oracle"] == {"hit_rate": {"3": 0.9}}
    assert truth["scores"]["hit_rate@3"] == 1
    rates = {name: (rung["hit_rate@1"], rung["hit_rate@3"]) for name, rung in truth["models"].items()}
    assert rates == {"baseline": (0, 0), "logit": (0, 1), "blend": (0, 1), "blend, reranked": (0, 1)}


# --- what is printed ---


def rates(rate: float) -> dict[str, float]:
    return {
        "hit_rate@1": rate / 2,
        "hit_rate@3": rate,
        "hit_rate@3[161+]": rate / 4,
        "error": 0.01,
        "sessions": 900,
    }


def test_models_stand_beside_their_gain_over_the_baseline() -> None:
    rows = competition.list_models({"baseline": rates(0.4), "blend": rates(0.5)})
    assert rows == [
        {"model": "baseline", "@1": 0.2, "@3": 0.4, "@3[161+]": 0.1, "error": 0.01, "over baseline": "+0.0%"},
        {"model": "blend", "@1": 0.25, "@3": 0.5, "@3[161+]": 0.125, "error": 0.01, "over baseline": "+25.0%"},
    ]
    worse = competition.list_models({"baseline": rates(0.4), "blend": rates(0.3)})
    assert worse[1]["over baseline"] == "-25.0%"
    assert competition.list_models({"baseline": rates(0.0)})[0]["over baseline"] == ""


ORACLE = {
    "hit_rate": {"1": 0.3, "3": 0.6, "5": 0.7, "10": 0.8},
    "hit_rate_3_by_size": {"161+": 0.2},
    "standard_error": {"3": 0.02},
}


def test_the_oracle_is_the_last_row_of_the_truth() -> None:
    truth = {"models": {"baseline": rates(0.4)}, "oracle": ORACLE}
    first, last = competition.list_truth(truth)
    assert first["model"] == "baseline"
    oracle_rates = {"@1": 0.3, "@3": 0.6, "@5": 0.7, "@10": 0.8, "@3[161+]": 0.2}
    assert last == {"model": "oracle", **oracle_rates, "error": 0.02, "over baseline": "+50.0%"}


def test_readings_stand_beside_the_same_models_score() -> None:
    summary = {
        "config": {"readings": {"model": "logit"}},
        "models": {"logit": rates(0.4)},
        "readings": {"random": rates(0.6)},
    }
    rows = competition.list_readings(summary, "logit")
    assert [(row["split"], row["HitRate@3"]) for row in rows] == [("last sessions", 0.4), ("random", 0.6)]
    assert rows[1] == {"split": "random", "model": "logit", "HitRate@3": 0.6, "error": 0.01, "sessions": 900}
    summary["models"] = {}
    assert [row["split"] for row in competition.list_readings(summary, "logit")] == ["random"]


def test_a_reading_that_was_not_taken_gives_its_reason(capsys: Captured) -> None:
    summary = make_summary(None) | {"readings": {"second": "The log is too short.", "random": rates(0.6)}}
    assert [row["split"] for row in competition.list_readings(summary, "logit")] == ["random"]
    competition.show(summary, Path("s.json"))
    assert "The reading 'second' is left out. The log is too short." in capsys.readouterr().out.splitlines()


def make_summary(truth: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "notes": [],
        "folds": [{"what": "round trip", "train": 0.75, "validation": 0.7, "test": 0.8}],
        "models": {"baseline": rates(0.4)},
        "readings": {},
        "config": {"readings": {"model": "logit"}},
        "cv": {"hit_rate@3": 0.5, "error": 0.01, "queries": {"valid_scored": 77}},
        "truth": truth,
        "steps": [{"name": "read", "seconds": 0.2, "peak_mib": 512.0, "kept": False}],
        "wall_seconds": 61.4,
        "submission": {"path": "x.parquet", "rows": 21},
        "submissions": ["x.parquet", "x.csv"],
    }


def test_the_summary_is_printed_with_its_score_and_its_files(capsys: Captured) -> None:
    competition.show(make_summary(None), Path("s.json"))
    out = capsys.readouterr().out
    assert "CV: HitRate@3 0.5000 +- 0.0100 on 77 sessions of more than 10 options" in out
    assert "Wall time 61 s, peak memory 0.50 GiB" in out
    assert out.splitlines()[-2:] == ["Submission: x.parquet and x.csv, 21 rows, checked", "Summary: s.json"]
    assert "truth" not in out
    truth = {"scores": {"hit_rate@3": 0.45}, "oracle": ORACLE, "models": {"baseline": rates(0.4)}}
    competition.show(make_summary(truth), Path("s.json"))
    assert "Simulated truth: HitRate@3 0.4500, oracle 0.6000, share reached 75.0%" in capsys.readouterr().out


def test_a_long_path_with_brackets_is_printed_as_it_is_on_one_line(capsys: Captured) -> None:
    path = Path("/") / ("folder " * 30).strip() / "run [a]" / "run.json"
    competition.show(make_summary(None), path)
    assert capsys.readouterr().out.splitlines()[-1] == f"Summary: {path}"


def test_simulating_tells_the_sizes_and_the_oracle(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    class Made:
        rows: dict[str, int] = {"train_rows": 9}  # noqa: RUF012

        class oracle:  # noqa: N801
            hit_rate: dict[str, float] = {"3": 0.61234}  # noqa: RUF012

    calls: list[Any] = []
    monkeypatch.setattr(competition, "write_simulation", lambda *words: calls.append(words) or Made)
    monkeypatch.setattr(
        competition, "describe_simulation", lambda folder: pl.DataFrame({"what": ["size"], "host": [0.5]})
    )
    competition.simulate(None, 0.25, 3, Path("b"), describe=False)
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"{Path('b/simulated/scale0.25-seed3')}: {{'train_rows': 9}}",
        "oracle HitRate@3 0.6123",
    ]
    competition.simulate(Path("here"), None, 3, Path("b"), describe=True)
    assert "size" in capsys.readouterr().out
    assert calls == [(Path("b/simulated/scale0.25-seed3"), 0.25, 3), (Path("here"), competition.DEFAULT_SCALE, 3)]


def test_a_checked_submission_is_printed_with_its_rules_and_a_score_with_every_rate(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "locate", lambda folder: folder)
    monkeypatch.setattr(submission, "check_submission", lambda path, files: Checked(path, 21, (str(files), "two")))
    code, out, _ = call("check", "flight", "mine.csv")
    assert (code, out) == (0, f"mine.csv: 21 rows, valid. Checked: {competition.HOST_FOLDER}; two.\n")
    seen: list[Any] = []
    monkeypatch.setattr(submission, "score_submission", lambda *words: seen.append(words) or {"hit_rate@3": 0.25})
    code, out, _ = call("score", "flight", "mine.csv", "--truth", "t.csv")
    assert (code, out.split()) == (0, ["hit_rate@3", "0.2500"])
    call("score", "flight", "mine.csv", "--truth", "t.csv", "--raw", "here")
    assert seen == [(Path("mine.csv"), Path("t.csv"), None), (Path("mine.csv"), Path("t.csv"), Path("here"))]


def test_the_ladder_prints_its_rungs(made: list[Any], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def climb(files: Any, config: Any, run: Any) -> list[dict[str, Any]]:
        calls.append((files, config.seed, config.rank.models, run.folder))
        return [{"rung": "first", "HitRate@3": 0.5, "error": 0.01}]

    monkeypatch.setattr(reader, "locate", lambda folder: folder)
    monkeypatch.setattr(competition, "climb", climb)
    code, out, _ = call("ladder", "flight", "--scale", 0.5, "--seed", 3)
    assert code == 0
    assert out.splitlines()[-1].split() == ["first", "0.5000", "0.0100"]
    folder = Path("build/flight")
    assert calls == [(folder / "simulated/scale0.5-seed3", 3, competition.MODELS_IN_ORDER, folder / "ladder")]
