"""What ``tune`` does with its studies: the minutes bound them, what it says of them; the dashboard."""

import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from common.competition import Competition
from common.day.difference import Difference
from common.day.tuning.study import open_storage, open_study
from common.day.tuning.task import Scores, Task, TrialParams, Verdict
from common.engine.errors import UserError
from common.engine.run import Run
from competitions.cli import tuning
from competitions.cli.settings import Inputs
from competitions.news.competition import COMPETITION
from tests.conftest import Call, CommandResult

GAIN = Difference(0.01, 0.02, 90, 60, 6)
VERDICT = Verdict("m", "s", 4, 12, "MRR@5", {}, 0.25, 0.26, GAIN)
FEATURES_S, JUDGE_S = 120, 20
Tune = Callable[..., tuple[CommandResult, list[float | None]]]


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call) -> Tune:
    """``tune news`` on two tasks, and the seconds that each study gets; time passes only in what is done here."""
    storage = optuna.storages.InMemoryStorage()  # a journal waits for the disk
    clock, given = [0.0], list[float | None]()
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def make_task(name: str, files: object, config: object, run: Run) -> Task:
        clock[0] += FEATURES_S if name == "one" else 0

        def judge(params: TrialParams, fit: int) -> Scores:
            clock[0] += JUDGE_S / 3  # it is asked for three fits
            return np.array([params["x"], 1.0, 0.0])

        space = {"x": FloatDistribution(0, 1)}
        return Task(name, "gain", space, {"x": 0.25}, 1, judge, judge, np.array([2.0, 1, 1]))

    def fill(study: optuna.Study, task: Task, trials: int | None, seconds: float | None) -> None:
        given.append(seconds)
        clock[0] += seconds or 0

    def run(*words: object) -> tuple[CommandResult, list[float | None]]:
        return call("tune", "news", "--build", tmp_path, *words), given

    space = SimpleNamespace(list_tasks=lambda config: ["one", "two"], make_task=make_task)
    inputs = Inputs(COMPETITION, SimpleNamespace(keep_gib=1.0), tmp_path, [], False)
    monkeypatch.setattr(tuning, "open_storage", lambda url, folder: storage)
    monkeypatch.setattr(tuning, "load_inputs", lambda options: inputs)
    monkeypatch.setattr(tuning, "find_room", lambda name, room: space)
    monkeypatch.setattr(tuning, "fill", fill)
    monkeypatch.setattr(Competition, "tuned", tmp_path / "tuned.toml")
    return run


def test_studies_share_the_minutes(tune: Tune) -> None:
    (code, out, err), given = tune("--minutes", 10)
    assert code == 0, err
    # Of 600 s, behind the features and the first judging, the half; then what is left behind the second judging.
    first = (600 - FEATURES_S - JUDGE_S) / 2
    assert given == pytest.approx([first, 600 - FEATURES_S - JUDGE_S - first - JUDGE_S])
    assert "600 s; studies in" in out
    assert out.count("no search done") == 2
    assert out.endswith("The settings are unchanged\n")


def test_a_task_that_is_not_there_is_one_sentence_with_those_that_are(tune: Tune) -> None:
    assert tune("--task", "three")[0][::2] == (1, "error: There is no three to tune in news: choose one, two.\n")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "not kept: within the noise"),
        ({"gain": GAIN._replace(error=0.005)}, "kept: clear gain (2.0 standard errors)"),
        ({"gain": GAIN._replace(error=0.006)}, "not kept: within the noise"),
        ({"gain": GAIN._replace(mean=-0.05)}, "not kept: clear loss (2.5 standard errors)"),
        ({"trials": 1}, "no search done"),
    ],
)
def test_a_study_says_what_it_found(changed: dict[str, Any], words: str) -> None:
    verdict = replace(VERDICT, **changed)
    assert verdict.conclusion == words
    assert verdict.accepted == words.startswith("kept")


def test_the_address_may_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    address = "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none"
    monkeypatch.setenv("RECSYS_STORAGE", address)

    def stop(url: str | None, folder: Path) -> None:
        raise UserError("stopped here" if url == address else "another address")

    monkeypatch.setattr(tuning, "open_storage", stop)  # before a file is read, or simulated
    assert call("tune", "news") == (1, "", "error: stopped here\n")


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
    code, out, err = call("dashboard", "--build", tmp_path)
    assert code == 0, err
    assert served == [(["toy:s"], 8080)]
    assert re.search(r"http://localhost:8080 .*flight/tuning/journal\.log", out)
    code, _, err = call("dashboard", "news", "--build", tmp_path)
    assert code == 1
    assert "make tune-news" in err
