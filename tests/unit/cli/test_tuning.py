"""What ``tune`` says of its studies: what was searched, what it cost and would need; the minutes bound all of it."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest

from common.competition import Competition
from common.day.tuning import study as studies
from common.day.tuning.search_space import Floats, Settings
from common.day.tuning.task import Scores, Task, Verdict
from common.engine.run import Run
from competitions.cli import tuning
from competitions.cli.options import TuneOptions
from tests.conftest import Call, CommandResult

VERDICT = Verdict("m", "s", 4, 12, "MRR@5", {}, 0.25, 0.26, 0.01, 0.02, 0.01, 0.005, 5, 30.0)
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


def pick(number: int) -> int:
    return number


@pytest.fixture
def tune(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call) -> Tune:
    """``tune news`` on two tasks whose features, trials and judging take as long as a test says."""
    storage = optuna.storages.InMemoryStorage()  # a journal waits for the disk
    monkeypatch.setattr(studies, "open_storage", lambda url, folder: storage)

    def run(*words: object, features: float = 0, trial: float = 0, judging: float = 0) -> CommandResult:
        def load(options: TuneOptions) -> tuning.TuningInputs:
            work = Run(tmp_path / "tuning", tmp_path / "cache")
            return tuning.TuningInputs(SimpleNamespace(keep_gib=1.0), tmp_path, None, work, "files")

        def make_task(name: str, files: object, config: object, run: Run) -> Task:
            for number in range(2):
                run.step(pick, number)
                clock.take(features / 2 if name == "one" else 0)

            def score(settings: Settings, fold: int) -> Scores:
                clock.take(trial)
                return np.full(3, 1 - (settings["x"] - 0.7) ** 2)

            def judge(settings: Settings, fit: int) -> Scores:
                clock.take(judging / 3)  # it is asked for three fits
                return np.array([settings["x"], 1.0, 0.0])

            return Task(
                name, "gain", {"x": Floats(0, 1)}, {"x": 0.25}, 1, score, judge, np.array([2.0, 1, 1]), "5 rows"
            )

        space = SimpleNamespace(list_tasks=lambda config: ["one", "two"], make_task=make_task)
        monkeypatch.setattr(tuning, "_load_inputs", load)
        monkeypatch.setattr(tuning, "_space", lambda name: space)
        monkeypatch.setattr(Competition, "tuned", tmp_path / "tuned.toml")
        monkeypatch.setattr(studies, "mean_seconds", lambda trials: trial if trials else 0.0)
        return call("tune", "news", "--build", tmp_path, *words)

    return run


def count_trials(printed: str) -> list[int]:
    return [int(count) for count in re.findall(r"^\w+: (\d+) trial", printed, re.MULTILINE)]


def test_no_trial_ends_behind_the_minutes_and_studies_share_them(tune: Tune, clock: Clock) -> None:
    code, out, err = tune("--minutes", 10, features=120, trial=10, judging=20)
    assert code == 0, err
    assert clock.now <= 600 + 30  # the last study's judging comes behind them
    assert all(20 <= count <= 24 for count in count_trials(out)), out
    assert "one: a trial learns from 5 rows; the best settings are judged on all" in err
    assert "trial   0, as today: 0.7975" in err
    assert f"{clock.now:.0f} s; studies in" in out


def test_the_score_of_today_is_the_weighted_mean(tune: Tune) -> None:
    _, out, _ = tune("--trials", 2)
    assert re.search(r"^ *one +2 .* 0\.3750 ", out, re.MULTILINE), out  # (2 * 0.25 + 1 + 0) / 4


def test_a_study_without_time_says_that_nothing_was_searched(tune: Tune) -> None:
    code, out, err = tune("--minutes", 1, features=60, trial=100)
    assert code == 0, err
    assert "nothing was searched" in out
    assert "No gain" not in out
    assert "no gain" not in out


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "12 trials (30 s each), 5 of them ended early: no gain beyond the noise. MRR@5 0.2500 -> 0.2600, +0.0100"),
        ({"trials": 9}, "9 trials (30 s each), 5 of them ended early: too few to tell. "),
        ({"error": 0.005}, "12 trials (30 s each), 5 of them ended early: kept. "),
        ({"trials": 1, "pruned": 0}, "1 trial (30 s each): nothing was searched, today's settings alone were tried"),
        ({"trials": 0, "pruned": 0}, "0 trials (no time for one): nothing was searched"),
    ],
)
def test_a_study_says_what_it_searched(changed: dict[str, Any], words: str) -> None:
    assert tuning.describe_verdict(replace(VERDICT, **changed)).startswith(words)
