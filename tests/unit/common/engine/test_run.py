"""Run.step: what is computed, what is kept, and what survives an edit and a damaged entry."""

import gc
import json
import time
import weakref
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from common.engine import progress
from common.engine.errors import UserError
from common.engine.run import Run, prune
from common.io.notes import Note

CALLS: list[str] = []


def make_frame(height: int) -> pl.DataFrame:
    CALLS.append("make_frame")
    return pl.DataFrame({"a": range(height)})


def add(frame: pl.DataFrame, amount: int) -> pl.DataFrame:
    CALLS.append("add")
    return frame.with_columns(pl.col("a") + amount)


def sum_all(frames: list[Any], more: dict[str, Any]) -> int:
    CALLS.append("sum_all")
    frames = [*frames, *more.values()]
    return sum(int(frame["a"].sum()) for frame in frames)


def fail(error: type[BaseException]) -> None:
    raise error("it failed")


def fill(mebibytes: int) -> None:
    filled = np.ones(mebibytes * 2**17)
    time.sleep(0.2)  # for the sampler to see it
    del filled


def fit_badly(start: float) -> float:
    progress.warn(f"The fit from {start} did not converge.")
    return start


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def new_run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run", tmp_path / "cache")


def test_a_step_is_computed_once_and_then_kept_with_its_cost(tmp_path: Path) -> None:
    first = new_run(tmp_path)
    assert first.step(make_frame, 3, name="frame").value["a"].to_list() == [0, 1, 2]
    second = new_run(tmp_path)
    assert second.step(make_frame, 3, name="frame").value["a"].to_list() == [0, 1, 2]
    assert CALLS == ["make_frame"]
    (computed,), (kept,) = first.timings, second.timings
    assert not computed.kept
    assert kept == msgspec.structs.replace(computed, kept=True)
    assert computed.name == "frame"


def test_peak_memory_is_that_of_the_process_during_the_step(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.step(fill, 1)
    run.step(fill, 300)
    small, large = run.timings
    assert large.peak_mib > small.peak_mib + 200
    assert large.seconds > 0


def test_a_changed_parameter_reaches_every_later_step_and_no_other(tmp_path: Path) -> None:
    def total(amount: int) -> int:
        run = new_run(tmp_path)
        frame = run.step(make_frame, 3)
        return run.step(sum_all, [run.step(add, frame, amount)], {}).value

    assert total(1) == 6
    assert total(2) == 9
    assert CALLS == ["make_frame", "add", "sum_all", "add", "sum_all"]
    assert total(1) == 6
    assert len(CALLS) == 5


def test_a_value_lives_only_as_long_as_it_is_used(tmp_path: Path) -> None:
    result = new_run(tmp_path).step(make_frame, 3)
    frame = result.value
    assert result.value is frame
    alive = weakref.ref(frame)
    del frame
    gc.collect()
    assert alive() is None
    assert result.value.height == 3


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_step_that_raises_or_is_stopped_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    run = new_run(tmp_path)
    run.step(make_frame, 1)
    with pytest.raises(error, match="it failed"):
        run.step(fail, error)
    assert [path.name.rpartition("-")[0] for path in (tmp_path / "cache").iterdir()] == ["make_frame"]
    assert len(run.timings) == 1


def test_an_entry_damaged_or_pruned_during_the_run_is_computed_again_with_its_inputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run", tmp_path / "cache")
    added = run.step(add, run.step(make_frame, 3), 1)
    (path,) = (tmp_path / "cache").glob("add-*/0.arrow")
    path.write_bytes(b"?" * path.stat().st_size)  # the size stays right: only reading shows it
    assert added.value["a"].to_list() == [1, 2, 3]
    assert capsys.readouterr().err.count("  add: its kept result cannot be read and is computed again") == 1
    assert prune(tmp_path / "cache", 0) == 2
    gc.collect()
    assert added.value["a"].to_list() == [1, 2, 3]
    assert CALLS == ["make_frame", "add", "add", "make_frame", "add"]


def test_json_is_written_whole_and_what_the_disk_refuses_is_a_user_error(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.step(make_frame, 1)
    path = run.write_json("summary.json", {"score": np.float64(0.5), "from": Path("a"), "timings": run.timings})
    written = json.loads(path.read_text())
    assert path == tmp_path / "run" / "summary.json"
    assert (written["score"], written["from"], written["timings"][0]["name"]) == (0.5, "a", "make_frame")
    (tmp_path / "run" / "taken").mkdir()
    with pytest.raises(UserError, match="taken cannot be written"):
        run.write_json("taken", {})
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == ["summary.json", "taken"]
    with pytest.raises(UserError, match=r"Cannot write to .*summary.json: File exists"):
        Run(path, tmp_path / "cache")


def test_a_step_that_is_computed_prints_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_run(tmp_path).step(make_frame, 3)
    line = capsys.readouterr().err
    assert (line.split()[0], line.split()[-1], line.count("\n")) == ("make_frame", "MiB", 1)
    new_run(tmp_path).step(make_frame, 3)
    assert capsys.readouterr() == ("", "")


def test_a_warning_and_what_disagrees_in_the_files_are_said_once_and_recorded_by_every_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Note("test.csv", "time: 400 days earlier", 7, "used as it is")
    for folder, said in (("one", 1), ("two", 0)):
        run = Run(tmp_path / folder, tmp_path / "cache")
        assert run.step(fit_badly, 1.5).value == run.step(fit_badly, 1.5).value == 1.5
        run.warn([odd])
        assert run.notes == [Note("step fit_badly", "The fit from 1.5 did not converge.", 0), odd]
        shown = capsys.readouterr().err
        assert shown.count("  The fit from 1.5 did not converge.\n") == said
        assert shown.count("  CHECK test.csv: time: 400 days earlier (used as it is)\n") == said
    assert Run(tmp_path / "three", tmp_path / "cache").notes == []
