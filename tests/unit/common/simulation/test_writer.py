"""A simulated folder is there as a whole or not at all, and never in the place of other files."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.day.hosts import REPORT, TRUTH
from common.engine.errors import UserError
from common.simulation.oracle import Oracle, summarise
from common.simulation.writer import append_csv, read_report, write_simulation, written_at_once

NAMES = {"a.csv", REPORT}


def write(folder: Path, text: str = "") -> None:
    with written_at_once(folder, NAMES) as partial:
        assert not folder.exists() or (folder / "a.csv").read_text() != text
        (partial / "a.csv").write_text(text)
        (partial / REPORT).write_text("{}")


def test_a_simulation_appears_whole_is_replaced_and_survives_a_failure(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    write(out, "one")
    with pytest.raises(ZeroDivisionError), written_at_once(out, NAMES):
        raise ZeroDivisionError
    assert (out / "a.csv").read_text() == "one"
    write(out, "two")
    assert (out / "a.csv").read_text() == "two"
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    with pytest.raises(UserError, match="cannot be written"):
        write(out / "a.csv" / "out")


@pytest.mark.parametrize("present", [["a.csv"], ["other.csv"], ["a.csv", REPORT, "notes.txt"]])
def test_a_folder_of_other_files_is_left_alone(tmp_path: Path, present: list[str]) -> None:
    for name in present:
        (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="has other files than simulation"):
        write(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(present, "mine")


def test_the_report_is_written_beside_the_files(tmp_path: Path) -> None:
    oracle = summarise(np.array([1.0, 0.0]), np.array([0.5, 0.5]))

    def draw(folder: Path) -> tuple[dict[str, int], Oracle]:
        append_csv(folder / "logs" / "a.csv", pl.DataFrame({"x": [0.25]}), float_precision=1)
        append_csv(folder / "logs" / "a.csv", pl.DataFrame({"x": [0.5]}), float_precision=1)
        (folder / TRUTH).write_text("")
        return {"a": 2}, oracle

    made = write_simulation(tmp_path / "out", ["logs"], {"scale": 0.5, "seed": 3}, draw)
    assert (made.folder, made.rows, made.oracle) == (tmp_path / "out", {"a": 2}, oracle)
    assert (made.folder / "logs" / "a.csv").read_text() == "x\n0.2\n0.5\n"
    assert read_report(made.folder) == {"scale": 0.5, "seed": 3, "rows": {"a": 2}, "oracle": vars(oracle)}
    write_simulation(tmp_path / "out", ["logs"], {"scale": 0.5, "seed": 4}, draw)
    assert json.loads((made.folder / REPORT).read_text())["seed"] == 4
