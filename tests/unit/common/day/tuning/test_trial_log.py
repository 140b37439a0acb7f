"""What a person sees of a study: a line a trial, and how to open the study elsewhere."""

import re
import sys
import time
import types
from pathlib import Path

import numpy as np
import optuna
import pytest
from common.day.tuning.trial_log import TrialLog, explain_loading, find_storage

from common.day.tuning import study as studies
from common.day.tuning.search_space import Floats, Settings
from common.day.tuning.task import Scores, Task
from common.engine.errors import UserError
from tests.conftest import Call


def make_task(folds: int = 3) -> Task:
    """Best at x = .7; above .9 it fails, below .15 the first fold is so bad that the trial is pruned."""

    def score(settings: Settings, fold: int) -> Scores:
        if settings["x"] > 0.9:
            raise UserError("x is too large: take less")
        return np.full(20, 1 - (settings["x"] - 0.7) ** 2 + fold / 100 - (5 if settings["x"] < 0.15 else 0))

    def judge(settings: Settings, fit: int) -> Scores:
        return np.ones(4)

    return Task("toy", "gain", {"x": Floats(0.0, 1.0)}, {"x": 0.2}, folds, score, judge)


def follow(folder: Path, values: list[float], trials: int, deadline: float | None = None) -> list[str]:
    """The lines of a study that tries these values."""
    study = studies.open_study(studies.open_storage(None, folder), "toy:s", make_task(), 0)
    for value in values:
        study.enqueue_trial({"x": value})
    lines: list[str] = []
    log = TrialLog(study, lines.append)
    for _ in studies.work(study, make_task(), trials, "me", deadline):
        log.tell()
    return lines


def test_every_trial_has_its_line(tmp_path: Path) -> None:
    lines = follow(tmp_path, [0.5, 0.95, 0.6, 0.65, 0.1], 5)
    assert re.match(r"  trial   0, as today: 0\.7600 \(0\.7500 0\.7600 0\.7700\), 1 s; best 0\.7600", lines[0])
    assert re.match(r"  trial   1: 0\.9700 .* best 0\.9700 \(trial 1\)$", lines[1])
    assert lines[2].startswith("  trial   2: failed, x is too large: take less; best 0.9700 (trial 1)")
    assert "best 1.0075 (trial 4)" in lines[4]
    assert lines[5].startswith("  trial   5: -4")
    assert "pruned after 1 fold; best 1.0075 (trial 4)" in lines[5]
    assert len(lines) == 6


def test_no_trial_begins_that_would_not_end_in_time_and_none_is_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert follow(tmp_path, [0.5, 0.6], 100, time.monotonic() - 1) == []
    ended = follow(tmp_path, [], 3, time.monotonic() + 3600)  # the trials are there before the hour is over
    begins = ["  trial   0, as today: 0.7600", "  trial   1: 0.9700", "  trial   2: 1.0000"]
    assert [line.startswith(words) for line, words in zip(ended, begins, strict=True)] == [True] * 3
    monkeypatch.setattr(studies, "mean_seconds", lambda trials: 100.0)
    assert follow(tmp_path, [], 10, time.monotonic() + 50) == []


def test_workers_are_cut_off_when_the_time_is_up(tmp_path: Path) -> None:
    study = studies.open_study(studies.open_storage(None, tmp_path), "toy:s", make_task(), 0)
    assert list(studies.work(study, make_task(), 1, "me")) == [1]
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    assert list(studies.coordinate(study, 100, [sleeper], deadline=time.monotonic())) == []


def test_the_lines_of_python_load_the_study(tmp_path: Path) -> None:
    follow(tmp_path, [0.5], 2)
    scope: dict[str, optuna.Study] = {}
    exec(explain_loading("toy:s", None, tmp_path), scope)  # as a person would paste them
    assert len(scope["study"].trials) == 2
    assert find_storage(None, tmp_path) == str(tmp_path / "journal.log")
    url = "postgresql+psycopg://me:secret@host/studies"
    for shown in (find_storage(url, Path()), explain_loading("s", url, Path())):
        assert "host/studies" in shown
        assert "secret" not in shown


# --- the dashboard ---


def test_the_dashboard_opens_the_journal_that_was_written_last_or_says_how_to_get_it(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(tmp_path / "build" / "flight" / "tuning", [0.5], 2)
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    code, out, err = call("dashboard", "--build", tmp_path / "build")
    assert (code, out) == (1, "")
    assert "pip install optuna-dashboard" in err
    served: list[tuple[list[str], int]] = []

    def run_server(storage: optuna.storages.BaseStorage, host: str, port: int) -> None:
        served.append(([study.study_name for study in storage.get_all_studies()], port))

    module = types.ModuleType("optuna_dashboard")
    module.run_server = run_server  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "optuna_dashboard", module)
    code, out, err = call("dashboard", "--port", "8181", "--build", tmp_path / "build")
    assert code == 0, err
    assert served == [(["toy:s"], 8181)]
    assert re.search(r"http://localhost:8181 .*flight/tuning/journal\.log", out)
    code, _, err = call("dashboard", "news", "--build", tmp_path / "build")
    assert code == 1
    assert "make tune-news" in err
