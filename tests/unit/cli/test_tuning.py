"""What ``tune`` does with its studies: the minutes bound them, processes share them, what it says of them."""

import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from common.competition import Competition
from common.day.difference import Difference
from common.day.tuning.search_space import Settings
from common.day.tuning.study import open_storage, open_study
from common.day.tuning.task import Scores, Task, Verdict, run_trial
from common.engine.errors import UserError
from common.engine.run import Run
from competitions.cli import tuning
from competitions.cli.options import TuneOptions
from competitions.cli.settings import Inputs
from competitions.news.competition import COMPETITION
from tests.conftest import Call, CommandResult

GAIN = Difference(0.01, 0.02, 90, 60, 6)
VERDICT = Verdict("m", "s", 4, 12, "MRR@5", {}, 0.25, 0.26, GAIN, 0.01, 0.005, 5)
Tune = Callable[..., CommandResult]


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def take(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def tune(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call) -> Tune:
    """``tune news`` on two tasks whose features, trials and judging take as long as a test says."""
    storage = optuna.storages.InMemoryStorage()  # a journal waits for the disk

    def run(*words: object, features: float = 0, trial: float = 0, judging: float = 0) -> CommandResult:
        def make_task(name: str, files: object, config: object, run: Run) -> Task:
            clock.take(features if name == "one" else 0)

            def score(settings: Settings, fold: int) -> Scores:
                clock.take(trial)
                return np.full(3, 1 - (settings["x"] - 0.7) ** 2)

            def judge(settings: Settings, fit: int) -> Scores:
                clock.take(judging / 6)  # it is asked for three fits of today's settings, and of the best
                return np.array([settings["x"], 1.0, 0.0])

            space = {"x": FloatDistribution(0, 1)}
            return Task(name, "gain", space, {"x": 0.25}, 1, score, judge, np.array([2.0, 1, 1]), "5 rows")

        def fill(study: optuna.Study, task: Task, trials: int | None, seconds: float | None) -> None:
            """As Optuna does, whose own clock no test turns."""
            end = None if seconds is None else clock.now + seconds
            while (end is None or clock.now < end) and (trials is None or len(study.trials) < trials):
                study.optimize(partial(run_trial, task), n_trials=1)

        space = SimpleNamespace(list_tasks=lambda config: ["one", "two"], make_task=make_task)
        inputs = Inputs(COMPETITION, SimpleNamespace(keep_gib=1.0), tmp_path, [], False)
        monkeypatch.setattr(tuning, "open_storage", lambda url, folder: storage)
        monkeypatch.setattr(tuning, "load_inputs", lambda options: inputs)
        monkeypatch.setattr(tuning, "find_room", lambda name, room: space)
        monkeypatch.setattr(tuning, "fill", fill)
        monkeypatch.setattr(Competition, "tuned", tmp_path / "tuned.toml")
        return call("tune", "news", "--build", tmp_path, *words)

    return run


def count_trials(printed: str) -> list[int]:
    return [int(count) for count in re.findall(r"^ *(?:one|two) +(\d+) ", printed, re.MULTILINE)]


def test_no_trial_begins_behind_the_minutes_and_studies_share_them(tune: Tune, clock: Clock) -> None:
    code, out, err = tune("--minutes", 10, features=120, trial=10, judging=20)
    assert code == 0, err
    assert clock.now <= 600 + 10 + 20 + 0.1  # the last trial ends, and the last study's judging comes, behind them
    assert all(20 <= count <= 24 for count in count_trials(out)), out
    assert "one: a trial trains on 5 rows; the best settings are tested on all rows" in err
    assert "one: today's settings have 0.3750 on 3 unseen queries (3 fits): another fit does not move this score" in err
    assert f"{clock.now:.0f} s; studies in" in out


def test_a_task_that_is_not_there_is_one_sentence_with_those_that_are(tune: Tune) -> None:
    assert tune("--task", "three")[::2] == (1, "error: There is no three to tune in news: choose one, two.\n")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "not kept: within the noise"),
        ({"trials": 9}, "not kept: within the noise, and 10 trials or fewer say little"),
        ({"gain": GAIN._replace(error=0.005)}, "kept: clear gain (2.0 standard errors)"),
        ({"trials": 1, "pruned": 0}, "no search done"),
    ],
)
def test_a_study_says_what_it_found(changed: dict[str, Any], words: str) -> None:
    (row,) = tuning.list_verdicts([replace(VERDICT, **changed)])
    assert row["comparison"] == words


def test_the_address_may_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    address = "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none"
    monkeypatch.setenv("RECSYS_STORAGE", address)

    def stop(options: TuneOptions) -> None:
        raise UserError("stopped here" if options.storage == address else "another address")

    monkeypatch.setattr(tuning, "load_inputs", stop)
    assert call("tune", "news") == (1, "", "error: stopped here\n")


# --- the dashboard ---


def test_the_dashboard_opens_the_journal_that_was_written_last_or_says_how_to_get_it(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task("x", "gain", {"x": FloatDistribution(0, 1)}, {"x": 0.25}, 1, np.zeros, np.zeros)
    open_study(open_storage(None, tmp_path / "flight" / "tuning"), "toy:s", task, 0)
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    code, out, err = call("dashboard", "--build", tmp_path)
    assert (code, out) == (1, "")
    assert "pip install optuna-dashboard" in err
    served: list[tuple[list[str], int]] = []

    def run_server(storage: optuna.storages.BaseStorage, host: str, port: int) -> None:
        served.append(([study.study_name for study in storage.get_all_studies()], port))

    monkeypatch.setitem(sys.modules, "optuna_dashboard", SimpleNamespace(run_server=run_server))
    code, out, err = call("dashboard", "--port", "8181", "--build", tmp_path)
    assert code == 0, err
    assert served == [(["toy:s"], 8181)]
    assert re.search(r"http://localhost:8181 .*flight/tuning/journal\.log", out)
    code, _, err = call("dashboard", "news", "--build", tmp_path)
    assert code == 1
    assert "make tune-news" in err
