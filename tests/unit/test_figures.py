"""Tables for a page: which records count, what a cell says, what stands between the marks, what is stale."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.day import stamp
from common.day.stamp import FILE, Figure, Stamp, read_figures, stamp_ladder
from common.engine.errors import UserError
from competitions import NAMES
from tests.benches.figures import __main__ as command
from tests.benches.figures import page, records
from tests.unit.common.day import records as whole_runs

STAMP = Stamp("0.16.0", "1 thread of 2 x Xeon, 24 GiB", 0.2, "2026-11-29")
SCALE = 0.04


def write_simulated(folder: Path, seed: int = 0, scale: float = SCALE, version: int = 2) -> Path:
    folder.mkdir(parents=True)
    (folder / "simulation.json").write_text(json.dumps({"version": version, "scale": scale, "seed": seed}))
    return folder


def write_run(build: Path, name: str, raw: Path, **changed: Any) -> Path:
    told: dict[str, Any] = {
        "stamp": {"version": "0.16.0", "machine": STAMP.machine, "load": 0.2, "date": "2026-11-29"},
        "cv": {"score": 0.25, "error": 0.01, "queries": 100},
        "data": {"folder": str(raw), "simulated": True},
        "steps": [
            {"name": "fit.a", "seconds": 9.0, "peak_mib": 2048.0},
            {"name": "read", "seconds": 0.1, "peak_mib": 1},
        ],
        "truth": {"score": 0.3, "error": 0.01, "oracle": 0.4, "scores": {"mrr@5": 0.3, "mrr@5_error": 0.01}},
        "tables": [{"title": "Models on validation", "rows": [{"model": "a", "rounds": 1200}]}],
        "wall_seconds": 61.4,
        "peak_mib": 2355.2,
    }
    return whole_runs.write_run(build / name, **told | changed)


def test_a_whole_run_gives_its_scores_its_steps_and_every_table_of_its_record(tmp_path: Path) -> None:
    raw = write_simulated(tmp_path / "raw")
    write_run(tmp_path / "news", "20261129-000000-000", raw)
    figures = records.collect(tmp_path / "news")
    assert set(figures) == {
        f"run simulated/0.04{part}" for part in ("", ": steps", ": models", ": truth", ": Models on validation")
    }
    whole = figures["run simulated/0.04"]
    assert (whole.command, whole.simulator, whole.stamp) == ("make news", 2, STAMP)
    assert whole.rows == [
        {
            "validation": ".2500 ± .0100",
            "test truth": ".3000 ± .0100",
            "best possible": ".4000",
            "share of it": "75.0 %",
            "seconds": "61",
            "GiB": "2.3",
        }
    ]
    assert figures["run simulated/0.04: steps"].rows == [
        {"step": "fit", "seconds": "9", "peak GiB": "2.0"},
        {"step": "all other steps", "seconds": "0", "peak GiB": "0.0"},
    ]


@pytest.mark.parametrize("changed", [{"until": "cv"}, {"overrides": ["rank.seeds=5"]}, {"stamp": None}])
def test_a_run_that_stopped_early_or_had_other_settings_or_no_stamp_is_no_figure(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    write_run(tmp_path / "news", "20261129-000000-000", write_simulated(tmp_path / "raw"), **changed)
    assert records.collect(tmp_path / "news") == {}


def test_the_newest_run_counts_and_simulated_data_of_another_seed_do_not(tmp_path: Path) -> None:
    raw, other = write_simulated(tmp_path / "raw"), write_simulated(tmp_path / "seed1", seed=1)
    for number, cv in enumerate((0.1, 0.2)):
        write_run(tmp_path / "news", f"20261129-00000{number}-000", raw, cv={"score": cv, "error": 0.01, "queries": 1})
    write_run(tmp_path / "news", "20261129-000009-000", other)
    figures = records.collect(tmp_path / "news")
    assert figures["run simulated/0.04"].rows[0]["validation"] == ".2000 ± .0100"
    assert {key.partition(":")[0] for key in figures} == {"run simulated/0.04"}


def test_real_files_are_named_by_their_folder_and_scored_by_what_score_kept(tmp_path: Path) -> None:
    data = {"folder": str(tmp_path / "globo-tenth"), "simulated": False}
    folder = write_run(tmp_path / "news", "20261129-000000-000", tmp_path, data=data, truth=None)
    (folder / "scores.json").write_text(json.dumps({"mrr@5": 0.11, "mrr@5_error": 0.004, "ndcg@5": 0.13}))
    whole = records.collect(tmp_path / "news")["run globo-tenth"]
    assert (whole.command, whole.simulator) == ("make news RAW=globo-tenth", None)
    assert whole.rows[0]["test truth"] == ".1100 ± .0040"
    assert "best possible" not in whole.rows[0]


def test_scale_and_law_stand_in_the_key_and_in_the_command(tmp_path: Path) -> None:
    raw = write_simulated(tmp_path / "scale1-seed0-round2", scale=1.0)
    label = records.label_data(raw, write_run(tmp_path / "news", "a", raw), SCALE)
    assert label == ("simulated/round2/1", ["LAW=round2", "SCALE=1"], 2)
    os.utime(raw / "simulation.json", (4e9, 4e9))  # other files stand there since
    assert records.label_data(raw, tmp_path / "news" / "a" / "run.json", SCALE) is None


def test_a_ladder_counts_once_it_was_climbed_whole(tmp_path: Path) -> None:
    raw, build = write_simulated(tmp_path / "raw"), tmp_path / "news"
    path = build / "ladder" / "ladder.json"
    path.parent.mkdir(parents=True)
    row = {"rung": "als", "title": "ALS", "family": "x", "score": 0.1, "error": 0.01, "builds on": None, "seconds": 5.6}
    path.write_text(json.dumps({"rows": [row]}))
    assert records.collect(build) == {}
    stamp_ladder(path, raw, STAMP)
    figure = records.collect(build)["ladder simulated/0.04"]
    assert figure.command == "make ladder-news"
    assert figure.rows == [{"rung": "als", "title": "ALS", "score": ".1000 ± .0100", "seconds": "6"}]


def test_what_a_bench_kept_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp, "BUILD", tmp_path)
    rows = [{"method": "a", "score": np.float64(0.5), "its error": 0.1}]
    stamp.keep_table("news", "folds", Figure("python -m x", STAMP, 2, rows))
    figure = Figure("python -m x", STAMP, 2, [{"method": "a", "score": ".5000 ± .1000"}])
    assert records.collect(tmp_path / "news") == {"bench folds": figure}


PAGE = "# News\nWords.\n<!-- figures: bench a -->\nold\n<!-- end -->\nMore.\n<!-- figures: bench b -->\n<!-- end -->\n"


@pytest.mark.parametrize(("of", "stale"), [(2, False), (1, True), (None, False)])
def test_a_table_of_another_simulator_is_marked(of: int | None, stale: bool) -> None:
    assert ("Stale" in page.write_table(Figure("make news", STAMP, of, [{"a": "1"}]), 2)) is stale


SCORES = """# Path
<!-- scores: news als, mmr = MMR; flight logit; with gain -->
old
<!-- end -->
"""


def write_room(room: Path, **figures: dict[str, Figure]) -> Path:
    for name in NAMES:
        (room / name).mkdir()
        (room / name / FILE).write_bytes(records.encode_figures(figures.get(name, {})))
    (room / "learning").mkdir()
    for file in ("LEARNING.md", "LEARNING.zh.md", "learning/swing.md"):
        (room / file).write_text(SCORES)
    return room


def test_a_method_that_no_ladder_has_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"news als, which no ladder .* make ladder-news figures-news") as refused:
        command.write_learning(write_room(tmp_path))
    assert "\n" not in str(refused.value)


def test_the_page_of_a_competition_keeps_what_was_not_measured_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = Figure("make news", STAMP, None, [{"a": "1"}])
    room = write_room(tmp_path, news={"bench a": figure, "bench gone": figure})
    (room / "news" / "FIGURES.md").write_text(PAGE)
    command.write_figures("news", tmp_path / "build", room)
    assert (room / "news" / "FIGURES.md").read_text() == page.fill(PAGE, {"bench a": figure}, 2)
    assert read_figures(room / "news" / FILE) == {"bench a": figure}
    assert "not measured yet   bench b" in capsys.readouterr().out
    (room / "news" / "FIGURES.md").unlink()
    with pytest.raises(UserError, match=r"There is no .*FIGURES.md"):
        command.write_figures("news", tmp_path / "build", room)
